"""`envbench credit list|show|explain`: the credit methods."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import regex
import typer

from envbench.cli import common
from envbench.errors import UnknownName

if TYPE_CHECKING:
    from envbench.credit import Method
    from envbench.train.losses.catalogue import Loss

app = typer.Typer(help="Credit methods: a list, one explained, and what they say of a run.", no_args_is_help=True)

_COLUMNS = ("name", "kind", "level", "needs", "cost", "evidence", "paper", "module")
_KINDS = ("advantage", "shaping", "sampler", "loss")
# Golden files of tests/golden/credit that do not bear their method's name.
_GOLDEN = {
    "entropy_branching": "arpo_branching",
    "hae": "hiper_hae",
    "invalid_action_penalty": "grpo",
    "ma_rlhf": "ma_rlhf_gae",
    "pav": "pav_step_advantage",
    "rloo": "grpo",
    "spae": "spae_potential",
    "unlikeliness": "grpo_unlikeliness",
    "v05": "v05_fusion",
}

# Two groups of three episodes. In the first, episode 1 comes back to the state A and loses a step; in the second all
# fail, so that nothing can be told apart. (group, states met, rewards)
_EXAMPLE = (
    (0, "AB", (0.0, 1.0)),
    (0, "ACAB", (0.0, 0.0, 0.0, 1.0)),
    (0, "AC", (0.0, 0.0)),
    (1, "D", (0.0,)),
    (1, "DE", (0.0, 0.0)),
    (1, "D", (0.0,)),
)


@app.command("list")
def list_methods(
    kind: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(_KINDS)}.")] = None,
    as_json: common.Json = False,
) -> None:
    """List every credit method: what it needs, what it costs, and what it rests on."""
    from envbench.credit import EVIDENCE, methods
    from envbench.train.losses.catalogue import LOSSES

    if kind not in (None, *_KINDS):
        raise UnknownName("kind", kind, _KINDS)
    found: list[Method | Loss] = [*methods(), *LOSSES]
    rows: list[dict[str, Any]] = [
        {**{name: getattr(one, name) for name in _COLUMNS}, "needs": list(one.needs)}
        for one in found
        if kind in (None, one.kind)
    ]
    if as_json:
        common.emit_json(rows)
        return
    shown = _COLUMNS[:-1]
    table = ([", ".join(row[name]) if name == "needs" else row[name] for name in shown] for row in rows)
    common.table(
        f"{len(rows)} credit methods and losses", ("name", "kind", "level", "needs", "extra cost", *shown[5:]), table
    )
    for evidence, meaning in EVIDENCE.items():
        common.say(f"{evidence}: {meaning}")
    common.next_command("envbench credit show gigpo")


def _show_loss(loss: Loss, as_json: bool) -> None:
    facts = {name: getattr(loss, name) for name in (*_COLUMNS, "about", "used")}
    if as_json:
        common.emit_json({**facts, "needs": list(loss.needs)})
        return
    used = loss.used or "a function of its own; no run uses it"
    for line in (f"{loss.name}: loss, by {loss.level}; {loss.paper or 'no paper'}", loss.about, "", f"used by: {used}"):
        common.stdout.print(line, markup=False, soft_wrap=True)
    common.stdout.print(f"extra cost: {loss.cost}\nmodule: {loss.module}", markup=False, soft_wrap=True)
    common.next_command("envbench train --env envbench/Sokoban-v0 --method gigpo --model DIR")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A method of `envbench credit list`.")], as_json: common.Json = False
) -> None:
    """Explain one method: what it computes, its options, what it needs, and an example to follow by hand."""
    from envbench.credit import EVIDENCE, method
    from envbench.train.losses.catalogue import LOSSES

    for loss in LOSSES:
        if loss.name == name:
            _show_loss(loss, as_json)
            return
    chosen = method(name)
    about = inspect.getdoc(chosen.function) or ""
    options = _options(chosen)
    needs = {column: _filled_by(column) for column in chosen.needs}
    rows = _worked(chosen)
    golden = _golden_file(name)
    if as_json:
        facts = {key: getattr(chosen, key) for key in ("name", "kind", "level", "cost", "evidence", "paper", "module")}
        facts |= {"needs": list(chosen.needs), "about": about, "options": options, "filled_by": needs}
        common.emit_json({**facts, "golden": golden, "example": rows})
        return
    for line in (f"{chosen.name}: {chosen.kind}, by {chosen.level}; {chosen.paper or 'no paper'}", about, ""):
        common.stdout.print(line, markup=False, soft_wrap=True)
    evidence = f"{chosen.evidence}: {EVIDENCE[chosen.evidence]}"
    texts = {"evidence": evidence, "extra cost": chosen.cost, "module": chosen.module, "golden numbers": golden}
    for what, text in texts.items():
        if text:
            common.stdout.print(f"{what}: {text}", markup=False, soft_wrap=True)
    if needs:
        common.table("columns that it needs", ("column", "filled by"), needs.items())
    common.table("options", ("option", "type", "default", "meaning"), ([str(v) for v in o.values()] for o in options))
    if rows:
        title = "two groups of three episodes (reward 1 = task solved)"
        common.table(title, rows[0], ([_short(value) for value in row.values()] for row in rows))
    common.next_command("envbench credit explain RUN --methods " + (name if chosen.kind == "advantage" else "gigpo"))


@app.command()
def explain(
    run: Annotated[Path, typer.Argument(help="Directory of a finished eval, or of a train run.", metavar="RUN")],
    methods: Annotated[str | None, typer.Option(help="Advantage methods, e.g. grpo,gigpo.", metavar="A,B")] = None,
    group: Annotated[
        int | None, typer.Option(help="Number of the group; that whose returns differ most when left out.", min=0)
    ] = None,
    iteration: Annotated[
        int | None, typer.Option(help="Of a train run: as it stood there; the first when left out.", min=0)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the page; runs/explain-<run id> when left out.", metavar="DIR")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Write a page that shows one group of a run: every step with its advantage by each method, side by side."""
    from envbench.report import write_explanation
    from envbench.runs import open_run

    opened = open_run(run)
    folder = out or Path("runs") / f"explain-{opened.run_id}"
    again = "plays one group again" if opened.kind == "eval" else "trains again up to the iteration"
    common.say(f"explain: {opened.run_id}; {again}, seconds as a rule; into {folder}")
    names = None if methods is None else [name.strip() for name in methods.split(",")]
    page = write_explanation(opened, folder, names, group, iteration)
    if as_json:
        facts = {"run_id": opened.run_id, "task": page.task, "group": page.group, "groups": page.groups}
        common.emit_json({"page": str(page.path), **facts, "methods": list(page.methods)})
    else:
        for sentence in page.sentences:
            common.stdout.print(sentence, markup=False, soft_wrap=True)
        common.stdout.print(str(page.path), markup=False, soft_wrap=True)
    common.next_command(f"open {page.path} in a browser")


def _options(chosen: Method) -> list[dict[str, Any]]:
    """Return name, type, default and meaning of each option; the meaning is the class's own documentation."""
    meanings: dict[str, str] = {}
    for config in reversed(chosen.config.__mro__):  # what a subclass says of an inherited option wins
        meanings |= attributes(config.__doc__ or "", chosen.config.names())
    hints = get_type_hints(chosen.config)
    return [
        {
            "option": one.name,
            "type": _type(one, hints[one.name]),
            "default": None if one.default is MISSING else one.default,
            "meaning": meanings.get(one.name, ""),
        }
        for one in fields(chosen.config)  # type: ignore[arg-type]  # a dataclass, as the registry checked
    ]


def _type(option: Field[Any], hint: Any) -> str:
    """Return the values of an option's type in words."""
    choices = getattr(hint, "__args__", ())
    return " | ".join(map(str, choices)) if str(option.type).startswith("Literal[") else str(option.type)


def attributes(doc: str, names: Sequence[str]) -> dict[str, str]:
    """Return what the section `Attributes:` of a docstring says of each name, on one line.

    An entry begins a line or follows a full stop, and may be of several names: `omega: ... gamma, lam: ...`.
    """
    _, _, section = inspect.cleandoc(doc).partition("Attributes:\n")
    lines = takewhile(lambda line: line.startswith(" ") or not line, section.splitlines())
    text = regex.sub(r"\n {5,}", " ", "\n".join(lines))  # an entry's own further lines are indented more
    name = f"(?:{'|'.join(map(regex.escape, names))})"
    parts = regex.split(rf"(?:^ *|(?<=\. ))({name}(?:, {name})*): ", text, flags=regex.MULTILINE)
    entries = zip(parts[1::2], parts[2::2], strict=True)
    return {one: said.strip() for group, said in entries for one in group.split(", ")}


def _filled_by(column: str) -> str:
    """Return who fills a column, in words."""
    from envbench.rollout.fill import CONTINUED, PRODUCERS, REFUSED
    from envbench.rollout.record import RECORDED

    if column in ("parent", "branch_t", "tree"):
        return "rollouts that branch: train with shape='tree'"
    if column in RECORDED:
        return "every rollout"
    if column in CONTINUED:
        return "Monte-Carlo continuations: train with continuations=8"
    if column in PRODUCERS:
        meaning = (inspect.getdoc(PRODUCERS[column]) or "").partition("\n")[0].removeprefix("Return ").rstrip(".")
        return f"the rollout option record=({column!r},)" + (f": {meaning}" if meaning else "")
    return f"{REFUSED.get(column, 'No rollout.')} Pass it to StepBatch.from_columns."


def _golden_file(name: str) -> str:
    """Return the golden file of a method, "" where there is none (a wheel leaves the tests out)."""
    folder = Path("tests") / "golden" / "credit"
    file = folder / f"{_GOLDEN.get(name, name)}.json"
    return str(file) if (Path(__file__).parents[2] / file).is_file() else ""


def _worked(chosen: Method) -> list[dict[str, Any]]:
    """Return the example's rows with the method's advantage and parts; none for what cannot be shown on it."""
    from envbench import credit

    batch, rows = example()
    if chosen.kind != "advantage" or any(getattr(batch, name, None) is None for name in chosen.needs):
        return []
    found = credit.advantages(chosen.name, batch)
    parts = {f"part {part}": values for part, values in found.parts.items() if len(values) == len(rows)}
    for column, values in {"advantage": found.value, **parts}.items():
        for row, value in zip(rows, values.tolist(), strict=True):
            row[column] = round(value, 6)
    return rows


def _short(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def example() -> tuple[Any, list[dict[str, Any]]]:
    """Return the example as a batch, and its rows as a reader sees them."""
    from envbench.types import StepBatch

    rows = [
        {"group": group, "episode": episode, "t": t, "state": state, "reward": reward}
        for episode, (group, states, rewards) in enumerate(_EXAMPLE)
        for t, (state, reward) in enumerate(zip(states, rewards, strict=True))
    ]
    states = [ord(str(row["state"])) - ord("A") for row in rows]
    batch = StepBatch.from_columns(
        episode=[row["episode"] for row in rows],
        t=[row["t"] for row in rows],
        reward=[row["reward"] for row in rows],
        group=[group for group, _, _ in _EXAMPLE],
        state=states,
        anchor=states,
        observation=states,
        action=[0] * len(rows),
    )
    return batch, rows
