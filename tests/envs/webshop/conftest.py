"""A small hand-made shop, and the recorded data of the original where they are at hand."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envbench.envs.webshop.catalogue import Catalogue, read_products
from envbench.envs.webshop.engine import Engine, Shop
from envbench.envs.webshop.goals import Goal, make_goals
from envbench.envs.webshop.pages import Pages
from envbench.envs.webshop.reward import standin_nouns
from envbench.testing.require import missing


def raw_product(asin: str, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "asin": asin,
        "name": name,
        "category": "garden",
        "query": "Table Lamps ",
        "product_category": "Home › Lighting › Lamps",
        "full_description": "A lamp.",
        "small_description": ["Bright", "Small"],
        "pricing": "$20.5",
        "images": ["x.jpg"],
        "customization_options": "",
    } | changes


def options(**values: list[str]) -> dict[str, Any]:
    return {name: [{"value": value} for value in offered] for name, offered in values.items()}


TRAPS = ["Search", "Next >", "attributes", "m[n", "m[n]o", "two\nlines", "", "x ["]
RAW = [
    raw_product(
        "B000000001",
        "Desk <Lamp> & 'Shade'",
        customization_options=options(Color=["Red", "Navy/Blue"], Size=["Large", "Red"]),
        small_description=["", "First\n", " \n ", "\u00a0"],
        full_description="",
    ),
    raw_product("B000000002", "Floor Lamp", pricing="$10.00$30.00", small_description="One text"),
    raw_product("B000000003", "", pricing=None, category="beauty", query="soap"),
    raw_product(
        "B000000004",
        "Trap Lamp",
        customization_options={"style": [{"value": value} for value in TRAPS], "none": None},
    ),
    *(raw_product(f"B0000001{number:02d}", f"Plain Lamp {number}", query="bulbs") for number in range(15)),
    raw_product("nan", "dropped"),
    raw_product("B00000000001", "dropped, its ASIN is too long"),
    raw_product("B000000002", "dropped, seen before"),
]
ABOUT = {
    "B000000001": {
        "attributes": ["bright light", "small desk"],
        "instruction": "Find me bright light lamps",
        "instruction_attributes": ["bright light"],
    }
}


@pytest.fixture(scope="session")
def shop() -> Shop:
    products = read_products(RAW, ABOUT)
    return Shop(Pages(Catalogue(products)), make_goals(products, 7)[1], standin_nouns)


@pytest.fixture(scope="session")
def goal(shop: Shop) -> Goal:
    goals, _ = make_goals(shop.pages.catalogue.products, 7)
    return next(goal for goal in goals if goal.options == {"color": "navy | blue", "size": "large"})


@pytest.fixture
def engine(shop: Shop, goal: Goal) -> Engine:
    return Engine(shop, goal)


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], Any]:
    """Return a reader of the recorded files: a JSON document, or the list of a file of lines."""
    folder = Path(os.environ.get("ENVBENCH_DATA", "")) / "webshop"
    if not os.environ.get("ENVBENCH_DATA") or not (folder / "golden_traces.jsonl.gz").is_file():
        missing("$ENVBENCH_DATA/webshop with the recorded traces is not here", "webshop/original-1k")

    def read(name: str) -> Any:
        data = (folder / name).read_bytes()
        text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
        return [json.loads(line) for line in text.splitlines()] if ".jsonl" in name else json.loads(text)

    return read
