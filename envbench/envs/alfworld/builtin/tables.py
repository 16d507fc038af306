"""What stands in houses: which receptacles and objects a kind of room has, what holds what, what can be done to what.

`HOLDS` and the sets of abilities are those of the real games. Shares and counts follow what was measured over 474 of
them; they are round numbers, and nothing but how typical a generated house is depends on them.
"""

from __future__ import annotations

from typing import NamedTuple


class Stock(NamedTuple):
    """How much of a kind a room has.

    Attributes:
        kind: type without its suffix, such as `CounterTop`.
        percent: rooms that have it at all.
        low, high: how many then, each number as likely.
    """

    kind: str
    percent: int
    low: int
    high: int


class Room(NamedTuple):
    """A kind of room.

    Attributes:
        first: its scenes are `first + 1` to `first + 30`.
        receptacles: what things can be put in.
        objects: what can be carried.
        fixtures: what can only be looked at.
        ornaments: fixtures that stand on a receptacle.
    """

    first: int
    receptacles: tuple[Stock, ...]
    objects: tuple[Stock, ...]
    fixtures: tuple[Stock, ...]
    ornaments: tuple[Stock, ...]


def _stock(text: str) -> tuple[Stock, ...]:
    """Read entries `Kind percent low-high`, separated by commas."""
    rows = [entry.split() for entry in text.split(",")]
    return tuple(Stock(kind, int(share), *map(int, count.split("-"))) for kind, share, count in rows)


ROOMS = {
    "kitchen": Room(
        0,
        _stock(
            "Cabinet 100 4-19, CounterTop 100 1-4, Drawer 97 1-9, StoveBurner 100 4-4, Fridge 100 1-1,"
            "Microwave 100 1-1, GarbageCan 100 1-1, SinkBasin 100 1-1, CoffeeMachine 100 1-1, Toaster 100 1-1,"
            "Shelf 47 3-3, DiningTable 40 1-2, SideTable 6 1-1, Safe 2 1-1"
        ),
        _stock(
            "Apple 100 1-3, Bowl 100 1-3, Bread 100 1-2, ButterKnife 99 1-3, Cup 100 1-3, DishSponge 100 1-3,"
            "Egg 100 1-3, Fork 100 1-3, Knife 100 1-3, Lettuce 100 1-3, Mug 100 1-3, Pan 100 1-2,"
            "PepperShaker 100 1-3, Plate 100 1-3, Pot 100 1-2, Potato 100 1-3, SaltShaker 100 1-3,"
            "SoapBottle 100 1-3, Spatula 100 1-3, Spoon 100 1-3, Tomato 100 1-3, Glassbottle 52 1-3, Vase 44 2-3,"
            "Statue 44 1-2, CellPhone 41 1-3, CreditCard 38 1-3, Kettle 32 1-3, WineBottle 31 1-3, Ladle 25 1-3,"
            "Book 8 1-2, Pencil 7 1-3, Pen 6 1-3, SprayBottle 6 1-3"
        ),
        _stock("StoveKnob 100 4-4, Window 93 1-2, Chair 89 1-3, LightSwitch 100 1-1, Sink 100 1-1, Blinds 13 1-1"),
        _stock("HousePlant 57 1-1"),
    ),
    "living room": Room(
        200,
        _stock(
            "ArmChair 100 1-2, Sofa 100 1-1, GarbageCan 100 1-1, SideTable 84 1-3, Drawer 77 1-11,"
            "CoffeeTable 57 1-2, Shelf 54 4-13, Dresser 46 1-1, DiningTable 43 1-1, TVStand 32 1-1,"
            "Cabinet 30 1-7, Safe 21 1-1, Ottoman 14 1-1"
        ),
        _stock(
            "Box 100 1-3, CreditCard 100 1-3, KeyChain 100 1-3, Laptop 100 1-2, Pillow 100 1-2,"
            "RemoteControl 100 1-3, Statue 98 1-3, Vase 68 1-3, Newspaper 64 1-3, Watch 61 1-3,"
            "TissueBox 50 1-3, CellPhone 36 1-3, WateringCan 27 1-1, Book 27 1-2, Plate 21 1-3, Pencil 11 2-3,"
            "Pen 11 1-3, Candle 11 3-3, Bowl 9 1-2"
        ),
        _stock(
            "FloorLamp 100 1-2, LightSwitch 100 1-1, Painting 100 1-3, Window 73 2-4, Chair 61 2-5,"
            "Curtains 18 1-2, Mirror 11 1-1"
        ),
        _stock("HousePlant 100 1-1, Television 100 1-1, DeskLamp 21 1-1"),
    ),
    "bedroom": Room(
        300,
        _stock(
            "Bed 100 1-1, GarbageCan 100 1-1, Drawer 99 2-10, Desk 80 1-2, Shelf 68 2-8, SideTable 60 1-2,"
            "Safe 47 1-1, LaundryHamper 45 1-1, Dresser 36 1-1, ArmChair 18 1-2, Cabinet 12 1-3, DiningTable 10 1-1"
        ),
        _stock(
            "AlarmClock 100 1-3, Book 100 1-3, CD 100 1-3, CellPhone 100 1-3, CreditCard 100 1-3,"
            "KeyChain 100 1-3, Laptop 100 1-2, Pen 100 1-3, Pencil 100 1-3, Pillow 100 1-2, Mug 70 1-3,"
            "Bowl 62 1-2, BaseballBat 56 1-1, BasketBall 47 1-1, Box 34 1-1, TennisRacket 23 1-1,"
            "RemoteControl 9 1-3, Statue 8 1-2, TissueBox 7 2-3, Cloth 6 1-2, Vase 4 2-3"
        ),
        _stock(
            "LightSwitch 100 1-1, Window 100 1-2, Mirror 100 1-1, Blinds 97 1-2, Chair 84 1-2,"
            "LaundryHamperLid 45 1-1, Painting 36 1-2, Poster 9 1-3"
        ),
        _stock("DeskLamp 81 1-1, HousePlant 24 1-1, Television 9 1-1"),
    ),
    "bathroom": Room(
        400,
        _stock(
            "SinkBasin 100 1-2, Toilet 100 1-1, ToiletPaperHanger 100 1-1, GarbageCan 100 1-1,"
            "HandTowelHolder 100 1-2, TowelHolder 100 1-2, CounterTop 86 1-1, Cabinet 62 2-6, BathtubBasin 51 1-1,"
            "Drawer 32 2-8, Shelf 20 1-4, Cart 8 1-1, SideTable 5 1-1"
        ),
        _stock(
            "Candle 100 1-3, Cloth 100 1-3, HandTowel 100 1-2, SoapBar 100 1-3, SoapBottle 100 1-3,"
            "SprayBottle 100 1-3, ToiletPaper 100 2-3, Towel 100 1-1, Plunger 100 1-1, TissueBox 15 2-3,"
            "DishSponge 13 1-3"
        ),
        _stock(
            "Mirror 100 1-1, Sink 100 1-2, LightSwitch 100 1-1, ShowerDoor 70 1-1, ShowerGlass 55 1-1,"
            "Window 54 1-1, Painting 8 1-1"
        ),
        _stock("HousePlant 3 1-1"),
    ),
}
"""The four kinds of room, by name."""


def _sets(text: str) -> dict[str, frozenset[str]]:
    lines = [line.partition(":") for line in text.strip().splitlines()]
    return {kind.strip(): frozenset(members.split()) for kind, _, members in lines}


HOLDS = _sets("""
    ArmChair: Book Box CellPhone Cloth CreditCard KeyChain Laptop Newspaper Pillow RemoteControl
    BathtubBasin: Cloth DishSponge HandTowel SoapBar
    Bed: BaseballBat BasketBall Book CellPhone Laptop Pillow TennisRacket
    Cabinet: Book Bowl Box CD Candle Cloth Cup DishSponge Glassbottle HandTowel Kettle Ladle Mug Newspaper Pan\
 PepperShaker Plate Plunger Pot SaltShaker SoapBar SoapBottle SprayBottle TissueBox ToiletPaper Vase WateringCan\
 WineBottle
    Cart: Candle Cloth DishSponge HandTowel Plunger SoapBar SoapBottle SprayBottle TissueBox ToiletPaper
    CoffeeMachine: Mug
    CoffeeTable: Book Bowl Box Candle CellPhone CreditCard KeyChain Laptop Newspaper Pen Pencil Plate RemoteControl\
 Statue TissueBox Vase Watch WateringCan
    CounterTop: AlarmClock Apple Book Bowl Bread ButterKnife CD Candle CellPhone Cloth CreditCard Cup DishSponge Egg\
 Fork Glassbottle HandTowel Kettle KeyChain Knife Ladle Laptop Lettuce Mug Pan Pen Pencil PepperShaker Plate Pot\
 Potato RemoteControl SaltShaker SoapBar SoapBottle Spatula Spoon SprayBottle Statue TissueBox ToiletPaper Tomato\
 Vase WineBottle
    Desk: AlarmClock BasketBall Book Bowl Box CD CellPhone Cloth CreditCard KeyChain Laptop Mug Pen Pencil\
 RemoteControl Statue TennisRacket TissueBox Vase Watch WateringCan
    DiningTable: AlarmClock Apple BaseballBat Book Bowl Box Bread ButterKnife CD Candle CellPhone CreditCard Cup\
 DishSponge Egg Fork Glassbottle Kettle KeyChain Knife Ladle Laptop Lettuce Mug Newspaper Pan Pen Pencil PepperShaker\
 Plate Pot Potato RemoteControl SaltShaker SoapBottle Spatula Spoon SprayBottle Statue TissueBox Tomato Vase Watch\
 WateringCan WineBottle
    Drawer: Book ButterKnife CD Candle CellPhone Cloth CreditCard DishSponge Fork HandTowel KeyChain Knife Ladle\
 Newspaper Pen Pencil PepperShaker RemoteControl SaltShaker SoapBar SoapBottle Spatula Spoon SprayBottle TissueBox\
 ToiletPaper Watch WateringCan
    Dresser: AlarmClock BasketBall Book Bowl Box CD Candle CellPhone Cloth CreditCard KeyChain Laptop Mug Newspaper\
 Pen Pencil RemoteControl SprayBottle Statue TennisRacket TissueBox ToiletPaper Vase Watch WateringCan
    Fridge: Apple Bowl Bread Cup Egg Glassbottle Lettuce Mug Pan Plate Pot Potato Tomato WineBottle
    GarbageCan: Apple Bread CD Cloth DishSponge Egg HandTowel Lettuce Newspaper Pen Pencil Potato SoapBar SoapBottle\
 SprayBottle TissueBox ToiletPaper Tomato WineBottle
    HandTowelHolder: HandTowel
    LaundryHamper: Cloth
    Microwave: Apple Bowl Bread Cup Egg Glassbottle Mug Plate Potato Tomato
    Ottoman: Book Box CellPhone CreditCard KeyChain Laptop Newspaper Pillow RemoteControl
    Safe: CD CellPhone CreditCard KeyChain Statue Vase Watch
    Shelf: AlarmClock Book Bowl Box CD Candle CellPhone Cloth CreditCard Cup DishSponge Glassbottle HandTowel Kettle\
 KeyChain Mug Newspaper Pen Pencil PepperShaker Plate Pot RemoteControl SaltShaker SoapBar SoapBottle SprayBottle\
 Statue TissueBox ToiletPaper Vase Watch WateringCan WineBottle
    SideTable: AlarmClock Apple BaseballBat BasketBall Book Bowl Box Bread ButterKnife CD Candle CellPhone Cloth\
 CreditCard Cup DishSponge Egg Fork HandTowel Kettle KeyChain Knife Laptop Lettuce Mug Newspaper Pan Pen Pencil\
 PepperShaker Plate Pot Potato RemoteControl SaltShaker SoapBar SoapBottle Spatula Spoon SprayBottle Statue\
 TennisRacket TissueBox ToiletPaper Tomato Vase Watch WateringCan WineBottle
    SinkBasin: Apple Bowl ButterKnife Cloth Cup DishSponge Egg Fork Glassbottle HandTowel Kettle Knife Ladle Lettuce\
 Mug Pan Plate Pot Potato SoapBar Spatula Spoon Tomato
    Sofa: Book Box CellPhone CreditCard KeyChain Laptop Newspaper Pillow RemoteControl
    StoveBurner: Kettle Pan Pot
    Toaster:
    Toilet: Candle Cloth DishSponge HandTowel SoapBar SoapBottle SprayBottle TissueBox ToiletPaper
    ToiletPaperHanger: ToiletPaper
    TowelHolder: Towel
    TVStand: TissueBox
""")
"""What each kind of receptacle can contain."""

PULL = {
    "Bed": 4,
    "BathtubBasin": 3,
    "Cabinet": 5,
    "CoffeeMachine": 4,
    "CoffeeTable": 4,
    "CounterTop": 8,
    "Desk": 6,
    "DiningTable": 3,
    "Drawer": 3,
    "Dresser": 3,
    "Fridge": 5,
    "GarbageCan": 2,
    "HandTowelHolder": 60,
    "Microwave": 2,
    "SinkBasin": 3,
    "Sofa": 4,
    "StoveBurner": 25,
    "Toilet": 5,
}
"""How much a kind of receptacle attracts what it can contain; 2 where it is not listed."""

ABILITIES = _sets("""
    isreceptacleobject: Bowl Box Cup Mug Pan Plate Pot
    cleanable: Apple Bowl ButterKnife Cloth Cup DishSponge Egg Fork Kettle Knife Ladle Lettuce Mug Pan Plate Pot\
 Potato SoapBar Spatula Spoon Tomato
    heatable: Apple Bread Cup Egg Mug Plate Potato Tomato
    coolable: Apple Bowl Bread Cup Egg Lettuce Mug Pan Plate Pot Potato Tomato WineBottle
    sliceable: Apple Bread Egg Lettuce Potato Tomato
    toggleable: DeskLamp FloorLamp
""")
"""Kinds of objects by the predicate that says what can be done to them."""

OPENABLE = frozenset({"Cabinet", "Drawer", "Fridge", "Microwave", "Safe"})
LAMP = "DeskLamp"
"""The lamp of the tasks that look at something; a floor lamp stands in no receptacle, so that it cannot be used."""
LAMP_STANDS = ("Desk", "SideTable", "Shelf", "Dresser")
