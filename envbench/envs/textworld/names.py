"""The words of generated games."""

from __future__ import annotations

ROOMS = (
    "attic", "atrium", "balcony", "bakery", "boathouse", "boiler room", "cellar", "chapel", "cloakroom", "conservatory",
    "courtyard", "dairy", "den", "dining hall", "foyer", "gallery", "garage", "greenhouse", "gymnasium", "hallway",
    "infirmary", "kiln room", "laboratory", "landing", "library", "loft", "mudroom", "music room", "nursery",
    "observatory", "orchard", "parlour", "porch", "reading room", "scullery", "solarium", "stable", "storeroom",
    "study", "tower", "vestibule", "vault", "veranda", "wine cellar", "winter garden", "workshop",
)  # fmt: skip

DOORS = ("oak door", "iron gate", "glass door", "sliding door", "wicket", "trapdoor", "brass grille", "barn door")

CONTAINERS = ("chest", "trunk", "cupboard", "crate", "locker", "basket", "strongbox", "drawer", "coffer", "hamper")

SUPPORTERS = ("desk", "pedestal", "stool", "workbench", "windowsill", "sideboard", "tray", "altar", "dresser", "rug")

TREASURES = (
    "amulet", "astrolabe", "candlestick", "chalice", "compass", "crown", "diary", "emerald", "figurine", "goblet",
    "harp", "idol", "jade ring", "lantern", "locket", "medal", "mirror", "opal", "pearl", "quill", "sceptre", "seal",
    "sextant", "telescope", "tiara", "urn", "vase", "violin",
)  # fmt: skip

KEYS = ("brass key", "copper key", "iron key", "silver key", "rusty key", "bone key")

FOODS = {
    "red apple": "raw", "green apple": "raw", "white onion": "raw", "red onion": "raw", "yellow squash": "raw",
    "green squash": "raw", "red pepper": "raw", "green pepper": "raw", "orange carrot": "raw", "purple carrot": "raw",
    "brown mushroom": "raw", "white mushroom": "raw", "ripe tomato": "raw", "green tomato": "raw",
    "sweet potato": "needs cooking", "waxy potato": "needs cooking", "chicken breast": "needs cooking",
    "chicken wing": "needs cooking", "lamb chop": "needs cooking", "salmon fillet": "needs cooking",
    "tuna fillet": "needs cooking", "pork sausage": "needs cooking",
}  # fmt: skip
"""How each food is at the start."""

COOKING_VERBS = {"fried": "fry", "roasted": "roast", "grilled": "grill"}

SIDE_ROOMS = {
    "pantry": ("shelf", ""),
    "garden": ("bench", ""),
    "backyard": ("barbecue", "grilled"),
    "bedroom": ("bed", ""),
    "living room": ("sofa", ""),
    "bathroom": ("washstand", ""),
    "shed": ("rack", ""),
    "corridor": ("side table", ""),
}
"""Rooms of a cooking game beside the kitchen, each with its furniture and what that furniture makes of food."""
