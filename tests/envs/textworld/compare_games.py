"""Playing a game of the package and its twin side by side, and recording what the package did."""

from typing import Any

from package_world import world_of

from envbench.envs.textworld import package
from envbench.envs.textworld.engine import Game
from envbench.envs.textworld.oracle import next_command
from envbench.hashing import digest
from envbench.seeding import below, choice, derive_seed, generator

KEPT = {"world", "objective", "infos", "quests"}
ANSWERED = (
    "take",
    "drop",
    "put",
    "insert",
    "open",
    "close",
    "lock",
    "unlock",
    "eat",
    "drink",
    "cook",
    "slice",
    "dice",
    "chop",
)


def slim(document: dict[str, Any]) -> dict[str, Any]:
    """Return of a game's JSON what `world_of` reads, so that a transcript stays small."""
    quests = [
        {kind: [{"condition": event["condition"]} for event in quest[kind]] for kind in ("win_events", "fail_events")}
        for quest in document["quests"]
    ]
    for quest in quests:
        for events in quest.values():
            for event in events:
                event["condition"] = {"preconditions": event["condition"]["preconditions"]}
    infos = [[id, {"name": info["name"], "type": info["type"]}] for id, info in document["infos"]]
    world = sorted(document["world"], key=str)
    return {"world": world, "objective": document["objective"], "infos": infos, "quests": quests}


def short_answer(feedback: str) -> str:
    """Return the first line that the package answered."""
    return package.clean(feedback).split("\n")[0]


def play(env: Any, document: dict[str, Any], seed: int, steps: int) -> list[list[Any]]:
    """Walk through a game of the package, half led by the twin's oracle; one row a step.

    A row: command, points, over, won, digest of the admissible commands before it, short answer.
    """
    bits = generator(derive_seed(seed, "transcript"))
    shown, before, rows = env.reset(), 0, []
    twin = Game(world_of(document))
    for _ in range(steps):
        offered = list(shown["admissible_commands"])
        led = next_command(twin) if below(bits, 2) else None
        command = led if led in offered else choice(bits, offered)
        shown, score, over = env.step(command)
        points, before = (score or 0) - before, score or 0
        rows.append([command, points, bool(over), bool(shown["won"]), digest(offered), short_answer(shown["feedback"])])
        twin.step(command)
        if over:
            break
    return rows


def assert_twin_agrees(document: dict[str, Any], rows: list[list[Any]]) -> None:
    """The twin of a game offers the same commands, pays the same points, ends at the same place, answers the same."""
    twin = Game(world_of(document))
    for command, points, over, won, offered, answer in rows:
        assert digest(list(twin.commands())) == offered, f"before {command!r}: {list(twin.commands())}"
        reply = twin.step(command)
        assert reply is not None, command
        assert (reply.points, reply.over, twin.won) == (points, over, won), command
        told = reply.text.split("\n")[0]
        if command.startswith(ANSWERED) and "revealing" not in answer:  # the order of a listing is history there
            assert told == answer
