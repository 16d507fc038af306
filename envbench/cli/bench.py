"""`envbench bench`: how fast and how large the environments are on this machine; `bench credit`: the credit methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from envbench.cli import common
from envbench.errors import InvalidValue, UnknownName

What = Annotated[
    str, typer.Argument(help="environments, credit (the methods), train, browser, or board (verification).")
]
Ids = Annotated[list[str] | None, typer.Option("--env", help="Gymnasium id; all when left out.", metavar="ID")]
OneDataset = Annotated[str | None, typer.Option("--dataset", help="This data set only.")]
Steps = Annotated[int, typer.Option(help="Steps per repetition.", min=1)]
Repeats = Annotated[int, typer.Option(help="Repetitions; medians and spreads are over these.", min=1)]
Vector = Annotated[bool, typer.Option("--vector", help="Measure many sessions at once instead.")]
Methods = Annotated[
    list[str] | None, typer.Option("--method", help="Of credit: this method; all when left out.", metavar="NAME")
]
Sizes = Annotated[
    list[int] | None, typer.Option("--rows", help="Of credit: rows of a batch; 10^3 to 10^6 when left out.", min=1)
]
Size = Annotated[str, typer.Option(help="Of train: nano, micro or small.", metavar="SIZE")]
Model = Annotated[
    Path | None, typer.Option(help="Of train: a warmed-up nano for the Sokoban iteration; a fresh one when left out.")
]
Sessions = Annotated[int, typer.Option(help="Sessions alive at once when memory is taken.", min=1)]

_WHAT = ("environments", "credit", "board", "browser", "train")
_FIGURES = (
    ("steps/s, full info", "steps_per_second"),
    ("steps per CPU second", "steps_per_cpu_second"),
    ("steps/s, default wrappers", "wrapped_steps_per_second"),
    ("reset p50, ms", "reset_p50_ms"),
    ("reset p99, ms", "reset_p99_ms"),
    ("snapshot, us", "snapshot_us"),
    ("restore, us", "restore_us"),
    ("state hash, us", "state_hash_us"),
    ("anchor hash, us", "anchor_hash_us"),
    ("observation hash, us", "observation_hash_us"),
    ("import envbench after gymnasium, ms", "envbench_import_ms"),
    ("import gymnasium, ms", "gymnasium_import_ms"),
)
_SINGLE = (
    ("make and first reset, ms", "load_ms"),
    ("RSS after import, MB", "rss_import_mb"),
    ("RSS with 1 session, MB", "rss_one_mb"),
    ("RSS with all sessions, MB", "rss_all_mb"),
    ("sessions", "sessions"),
)


def bench(
    what: What = "environments",
    env: Ids = None,
    dataset: OneDataset = None,
    seed: common.Seed = 0,
    steps: Steps = 4000,
    repeats: Repeats = 5,
    sessions: Sessions = 1000,
    vector: Vector = False,
    method: Methods = None,
    rows: Sizes = None,
    size: Size = "micro",
    model: Model = None,
    out: common.Out = None,
    as_json: common.Json = False,
) -> None:
    """Measure steps/s, reset, snapshot, restore, hashes, memory and import time, with the ratio to the originals.

    Every environment runs a recorded mixture of random and oracle actions, searches included, in a fresh process.
    `bench board` times what the leaderboard makes people wait for; `bench browser` steps and resets of web pages.
    `bench credit` times every advantage and shaping method on made-up batches, on one thread, and on CUDA if present.
    `bench train` times training steps of a language model beside TRL and a plain loop, and splits an iteration.
    """
    if what not in _WHAT:
        raise UnknownName("bench", what, _WHAT)
    if what != "environments" and (env or dataset or vector):
        raise InvalidValue(f"bench {what} chooses no environment: leave out --env, --dataset and --vector")
    if what == "credit":
        _credit(method or (), rows or (), seed, repeats, out, as_json)
        return
    if method or rows:
        raise InvalidValue("--method and --rows belong to `envbench bench credit`")
    if what == "train":
        from envbench.cli._bench_train import bench_train

        bench_train(size, model, seed, repeats, out, as_json)
        return
    if what == "board":
        _board(seed, repeats, out, as_json)
        return
    if what == "browser":
        from envbench.cli._bench_browser import bench_browser

        bench_browser(seed, repeats, out, as_json)
        return
    _environments(env or (), dataset, seed, steps, repeats, sessions, vector, out, as_json)


def _environments(
    env: Sequence[str],
    dataset: str | None,
    seed: int,
    steps: int,
    repeats: int,
    sessions: int,
    vector: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    from envbench.bench import Settings, absent, make_plan, make_vector_plan, measure, subjects, summary, write_table
    from envbench.runs import execute

    found = subjects(env, dataset)
    settings = Settings(seed=seed, steps=steps, repeats=repeats, sessions=sessions)
    plan = make_vector_plan(found, settings) if vector else make_plan(found, settings)
    folder = out if out is not None else Path("runs") / plan.run_id
    names = ", ".join(f"{subject.env} ({subject.dataset})" for subject in found)
    common.say(
        f"bench: {names}; {repeats} repetitions of {steps} steps, {sessions} sessions; one to three minutes in all"
    )
    if dataset is None:
        for name in absent(env, found):
            common.say(f"not measured: {name} is not on this machine; run `envbench data add {name.split('/')[0]} DIR`")
    if (folder / "DONE").exists():
        common.say(f"{folder} holds this measurement already; give another --out to measure anew")
    with common.progress("bench") as on_progress:
        run = execute(plan, measure, folder, on_progress=on_progress)
    rows = summary(run.metrics())
    write_table(folder / "table.json", rows)
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "sessions": run.sessions, "rows": rows})
    else:
        _show(rows)
    common.next_command(f"envbench bench --json --out {folder}")


def _credit(
    methods: Sequence[str], sizes: Sequence[int], seed: int, repeats: int, out: Path | None, as_json: bool
) -> None:
    from envbench.bench import CreditSettings, credit_summary, make_credit_plan, measure_credit, write_table
    from envbench.runs import execute

    chosen = {"sizes": tuple(sizes)} if sizes else {}
    settings = CreditSettings(seed=seed, repeats=repeats, **chosen)
    plan = make_credit_plan(settings, methods)
    folder = out if out is not None else Path("runs") / plan.run_id
    largest = f"{settings.sizes[-1]:,}"
    common.say(
        f"bench credit: {len(plan.cells)} methods by device, up to {largest} rows, {repeats} repetitions; "
        f"two minutes for all methods up to 10^6 rows, into {folder}"
    )
    if (folder / "DONE").exists():
        common.say(f"{folder} holds this measurement already; give another --out to measure anew")
    with common.progress("bench credit") as on_progress:
        run = execute(plan, measure_credit, folder, on_progress=on_progress)
    rows = credit_summary(run.metrics())
    write_table(folder / "table.json", rows)
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "sessions": run.sessions, "rows": rows})
    else:
        _show_credit(rows, settings.sizes)
    common.next_command(f"envbench bench credit --json --out {folder}")


def _board(seed: int, repeats: int, out: Path | None, as_json: bool) -> None:
    from envbench.bench import write_table
    from envbench.bench.board import BoardSettings, board_summary, make_board_plan, measure_board
    from envbench.runs import execute

    settings = BoardSettings(seed=seed, repeats=repeats)
    plan = make_board_plan(settings)
    folder = out if out is not None else Path("runs") / plan.run_id
    common.say(f"bench board: {len(plan.cells)} commands, {repeats} repetitions each; one to three minutes in all")
    with common.progress("bench board") as on_progress:
        run = execute(plan, measure_board, folder, on_progress=on_progress)
    rows = board_summary(run.metrics())
    write_table(folder / "table.json", rows)
    if as_json:
        common.emit_json({"run": str(folder), "run_id": run.run_id, "sessions": run.sessions, "rows": rows})
    else:
        columns = ("what", "median, s", "lowest", "highest", "repetitions", "target, s")
        spreads = [(row["what"], row["seconds"], row["target"]) for row in rows]
        body = [[what, *map(_short, spread.values()), _short(target)] for what, spread, target in spreads]
        common.table("leaderboard: wall time of fresh processes", columns, body)
    common.next_command(f"envbench bench board --json --out {folder}")


def _show_credit(rows: Sequence[Mapping[str, Any]], sizes: Sequence[int]) -> None:
    """Print median milliseconds by number of rows, how they grow, and the ratio to the dictionary-and-loop version."""
    columns = ("method", "device", *(f"{size:,} rows, ms" for size in sizes), "grows as S^", "times loop", "extra cost")
    body = []
    for row in rows:
        times = [_short(1e3 * row["seconds"][str(size)]["median"]) for size in sizes]
        exponent = "" if row["exponent"] is None else f"{row['exponent']:.2f}"
        ratio = _short(row["loop_ratio"][str(sizes[-1])]) if "loop_ratio" in row else ""
        body.append([row["method"], row["device"], *times, exponent, ratio, row["cost"]])
    common.table("credit methods: median processor time on one thread (cuda: wall time)", columns, body)


def _show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table per environment: medians, and the lowest and highest repetition."""
    columns = ("", "median", "lowest", "highest", "repetitions")
    for row in rows:
        if "forms" in row:
            _show_forms(row)
            continue
        spreads = [(name, row[key]) for name, key in _FIGURES if key in row]
        body = [[name, *(_short(value[part]) for part in ("median", "low", "high", "n"))] for name, value in spreads]
        body += [[name, _short(row[key]), "", "", ""] for name, key in _SINGLE if key in row]
        body += [[f"times {x['name']} ({x['what']})", _short(x["ratio"]), "", "", ""] for x in row.get("ratios", ())]
        common.table(" ".join(filter(None, (row.get("env", "import"), row.get("dataset")))), columns, body)
    for source in dict.fromkeys(
        f"{x['name']} ({x['what']}): {_short(x['steps_per_second'])} steps/s, {x['source']}"
        for row in rows
        for x in row.get("ratios", ())
    ):
        common.say(source)


def _show_forms(row: Mapping[str, Any]) -> None:
    columns = ("steps/s, resets included", "median", "lowest", "highest", "times scalar", "not from memory")
    body = []
    for name, form in row["forms"].items():
        speed = form["steps_per_second"]
        missed = f"{form['missed']['median']:.0%}" if "missed" in form else ""
        body.append(
            [
                name,
                *(_short(speed[part]) for part in ("median", "low", "high")),
                _short(form["ratio"]["median"]),
                missed,
            ]
        )
    common.table(f"{row['env']} {row['dataset']}", columns, body)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
