"""What is committed of a sweep: its curves as a table, and a page with the comparison that follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from envbench.compare import BUDGET, MEASURES, Duel, Standing, SweepTable, bounds, compare_tables, measure_of, too_few
from envbench.errors import DataCorrupt, MissingExtra
from envbench.runs import Run
from envbench.runs.files import plain_errors, write_atomic
from envbench.runs.tables import episode_table, read_episodes

COUNTED = [name for name in BUDGET if name != "wall_seconds"]  # the same on every machine

_COMPACT = {"score": 4, "episode_return": 2, "episode_length": 1}  # decimals kept


def write_results(run: Run, folder: Path) -> Path:
    """Write what is committed of a finished sweep, and return the file of the curves.

    `<title>.parquet` (JSON lines without pyarrow) has the metric rows' columns without those that a reader of the sweep
    file knows or that differ between machines, and rounds means that no figure can show in full; `<title>.md` has the
    comparison of the methods, which follows from it.

    Args:
        run: the sweep.
        folder: made if absent.
    """
    rows = [
        {
            **{name: row[name] for name in (*_KEPT, *COUNTED)},
            **{name: row[name] for name in _HELD_OUT if name in row},
            **{name: round(row[name], kept) for name, kept in _COMPACT.items()},
        }
        for row in run.metrics()
    ]
    suffix, data = episode_table(rows)
    name = run.config["title"] or run.run_id
    page = markdown(run.config, *compare_tables([SweepTable(name, run.config, rows)]))
    with plain_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"{name}.md", page.encode())
        write_atomic(folder / f"{name}{suffix}", data)
    return folder / f"{name}{suffix}"


_HELD_OUT = ("val_iteration", "val_success", "best_val_success", "test_success")  # of language models
_KEPT = (
    "env", "dataset", "split", "panel_sha256", "method", "options", "advantage_scale", "learning_rate", "seed",
    "iteration", "success",
)  # fmt: skip


def read_results(file: Path) -> list[dict[str, Any]]:
    """Return the metric rows that `write_results` kept, in plan order.

    Raises:
        DataCorrupt: for a file that cannot be read. MissingExtra: for Parquet without pyarrow.
    """
    try:
        return read_episodes(file.suffix, file.read_bytes())
    except ModuleNotFoundError:
        raise MissingExtra(f"reading {file}", "report", "pyarrow") from None
    except (OSError, ValueError) as error:
        raise DataCorrupt(f"{file}: {error}; bring it back from the repository") from None


def markdown(config: Mapping[str, Any], standings: Sequence[Standing], duels: Sequence[Duel]) -> str:
    """Return what `compare_tables` found as a Markdown page, for committing beside the curves."""
    panel, seeds = config["panel"], [len(config[f"{use}_seeds"]) for use in ("selection", "report")]
    known = {name: BUDGET[name] for name in COUNTED if name in standings[0].budget}
    every = "at every rate (selection seeds)" if config.get("report_rates") == "best" else "at every rate"
    head = ["advantages", "method", "best rate", "success", "interval", every, *known.values(), "note"]
    model = config.get("lm", {})
    policy = f"language model `{Path(model['model']).name}`" if model else f"tabular policy on `{config['key']}`"
    lines = [
        f"# Sweep {config['title']}: {MEASURES[measure_of(config)]}",
        "",
        f"Panel `{panel['id']}` (sha256 `{panel['sha256'][:16]}`), {config['iterations']} iterations of "
        f"{config['groups']} x {config['group_size']} episodes of at most {config['max_steps']} steps, {policy}. "
        f"Each method at its best rate on {seeds[0]} selection seeds; numbers from {seeds[1]} "
        f"other seeds, 95 % bootstrap intervals over seeds.",
        "",
        *_table(head, []),
    ]
    for one in standings:
        rates = ", ".join(f"{rate:g}: {value:.2f}" for rate, value in one.rates.items())
        note = f"{one.edge} rate of the grid" if one.edge else ""
        cost = [f"{one.budget[name]:,.0f}" for name in known]
        cells = [one.scale, one.method, f"{one.learning_rate:g}", f"{one.report.estimate:.3f}", bounds(one.report)]
        lines.append(_line([*cells, rates, *cost, note]))
    if config.get("reference"):
        lines += ["", *_table(["advantages", f"against {config['reference']}", "methods"], _verdicts(duels))]
    lines += ["", *_table(["advantages", "pair", "difference", "interval", "p (Holm)", "verdict"], [])]
    for duel in duels:
        gap = duel.comparison.difference
        lines.append(
            _line([
                duel.context, f"{duel.a} - {duel.b}", f"{gap.estimate:+.3f}", bounds(gap),
                f"{duel.comparison.p_value:.4f}", duel.verdict,
            ])
        )  # fmt: skip
    if words := too_few(duels):
        lines += ["", f"{words}."]
    return "\n".join(lines) + "\n"


def _verdicts(duels: Sequence[Duel]) -> list[list[str]]:
    """Return scale, verdict and the methods that have it, of duels with one reference; larger differences first."""
    rows = []
    ordered = sorted(duels, key=lambda duel: -duel.comparison.difference.estimate)
    for scale in dict.fromkeys(duel.context for duel in duels):
        for verdict, words in {"a better": "better", "not distinguishable": "", "b better": "worse"}.items():
            names = [d.a for d in ordered if (d.context, d.comparison.verdict) == (scale, verdict)]
            rows.append([scale, words or verdict, ", ".join(names) or "none"])
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(head), "|" + "---|" * len(head), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
