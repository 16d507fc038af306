"""`envbench replay`: does a recorded run happen again, and what if it went on otherwise from one of its moments?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from envbench import agents
from envbench.cli import common
from envbench.cli.eval import BaseUrl, Model, Options, Style, agent_options
from envbench.errors import InvalidValue

_MOMENT = re.compile(r"(?P<path>.+):(?P<episode>[^:@]+)@(?P<step>[0-9]{1,9})", re.ASCII | re.DOTALL)


def replay(
    run: Annotated[
        str,
        typer.Argument(
            help="Directory of a finished eval; RUN:EPISODE@STEP goes on from one of its moments, e.g. "
            "runs/eval-x:17@5 or runs/eval-x:webshop/builtin/test/0042#0@5.",
            metavar="RUN",
        ),
    ],
    agent: Annotated[
        str | None, typer.Option("--agent", help="Who goes on from the moment; you when left out.", metavar="NAME")
    ] = None,
    base_url: BaseUrl = None,
    model: Model = None,
    style: Style = None,
    option: Options = None,
    as_json: common.Json = False,
) -> None:
    """Play a recorded eval again, compare rewards, outcomes and state hashes to the bit, and exit 1 on a difference.

    With RUN:EPISODE@STEP, restore that moment, and let yourself or an agent go on from there.
    """
    moment = None if Path(run).exists() else _MOMENT.fullmatch(run)
    if moment is not None:
        options = agent_options(agent or "human", base_url, model, style, option)
        _go_on(Path(moment["path"]), moment["episode"], int(moment["step"]), agent or "human", options, as_json)
    elif agent is not None:
        raise InvalidValue(f"--agent {agent} goes on from a moment: write {run}:EPISODE@STEP, e.g. {run}:0@3")
    else:
        _verify(Path(run), as_json)


def _verify(run: Path, as_json: bool) -> None:
    from envbench import evaluate
    from envbench.runs import open_run

    opened = open_run(run)
    common.say(
        f"replay: {opened.cells} recorded episodes of {opened.run_id}, as many steps as were recorded, no model calls"
    )
    with common.progress("episodes") as on_progress:
        different = evaluate.replay(opened, on_progress)
    if as_json:
        document = {"run": str(run), "run_id": opened.run_id, "episodes": opened.cells, "different": different}
        common.emit_json(document | {"equal": not different})
    else:
        for cell, lines in different.items():
            typer.echo(f"{cell}: {'; '.join(lines)}")
        typer.echo(f"{opened.cells - len(different)} of {opened.cells} episodes are equal")
    common.next_command(f"envbench report {run}")
    if different:
        raise typer.Exit(1)


def _go_on(path: Path, episode: str, step: int, name: str, given: dict[str, Any], as_json: bool) -> None:
    """Restore a moment of a recorded episode and let a person or an agent play from there."""
    from envbench.cli._source import source_of
    from envbench.cli.play import Narrated, report, sit
    from envbench.evaluate import environment
    from envbench.registry import find_task
    from envbench.rollout.moment import FromMoment, check_moment
    from envbench.rollout.play import play

    source = source_of(path)
    number, row = _chosen(source.rows, episode)
    env = environment(source.config)
    options = agents.resolve_options(name, given)
    agents.describe(name, options, env.card)
    before = check_moment(env, row, step)
    task = find_task(row["task"], env.family, env.dataset, env.knobs)
    common.say(f"replay: episode {number} of {source.name}, {task.id}, restored after {step} steps; {name} goes on")
    if name == "human":
        rows = sit(env, dict(env.knobs), task, row["seed"], before)
    else:
        agent = FromMoment(before, Narrated(agents.make(name, options)))
        rows = [play(env, agent, task, row["seed"], trial=row.get("trial") or 0).row]
    report(rows, as_json)
    common.next_command(f"envbench view {path}")


def _chosen(rows: Any, episode: str) -> tuple[int, Any]:
    """Return (number, row) of an episode: its number, its cell, or its task (then the first trial)."""
    if episode.isascii() and episode.isdecimal():
        if int(episode) < len(rows):
            return int(episode), rows[int(episode)]
        raise InvalidValue(f"episode {episode}: there are {len(rows)}, from 0; envbench view RUN shows them")
    for number, row in enumerate(rows):
        if episode in (row.get("cell"), row["task"]):
            return number, row
    raise InvalidValue(
        f"episode {episode!r}: give its number, or its task and trial as TASK#0; envbench view shows both"
    )
