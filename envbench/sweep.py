"""Sweeps: every method at every learning rate, advantage scale and seed, on one panel under one budget."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from envbench.cards import KnobValue
from envbench.compare import SweepTable, best_rates, labeller
from envbench.errors import InvalidValue, UnknownName
from envbench.hashing import encode
from envbench.runs import Cell, CellResult, Plan, Run, execute
from envbench.seeding import derive_seed
from envbench.train.config import Average, RunConfig, Scale, check_count, check_rate
from envbench.train.loop import train
from envbench.train.read import config_from, config_kind
from envbench.train.run import facts

ReportRates: TypeAlias = Literal["all", "best"]

# Of one core, for the estimate that is printed before a sweep: a table, and a nano language model with all it does.
TURNS_PER_SECOND = 300_000
MODEL_TURNS_PER_SECOND = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodEntry:
    """`[[methods]]`: a credit method with options, and the name that tables show for it.

    Attributes:
        name: of the method. label: by default the name. options: of the method.
        continuations: as in `TrainConfig`; by default what the method needs.
    """

    name: str
    label: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    continuations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """One sweep file. Keys that `RunConfig` or `TrainConfig` have too mean the same.

    Attributes:
        title: words for the reader of `run_id`.
        methods: what is compared.
        learning_rates: the grid, ascending, the same for every method: with one rate the size of a method's
            advantages alone decides who wins.
        advantage_scale: scales to run, `raw` and `unit_rms`.
        selection_seeds: number of seeds on which the best rate of a method is chosen.
        report_seeds: number of other seeds, on which it is reported.
        report_rates: rates at which the report seeds run: `all`, or the `best` one of each method and scale alone, once
            the selection seeds have chosen it.
        seed: root of them all.
        reference: label of the method that each other one is compared with; "" compares all pairs.
        lm: of sweeps over a language model: options of `LMConfig` that are neither above nor a method's. With
            `test_tasks` rates are chosen by success on the validation panel, and the report seeds are tested on the
            evaluation split; without, all is success on the training panel.
    """

    env: str
    methods: tuple[MethodEntry, ...]
    learning_rates: tuple[float, ...]
    title: str = ""
    dataset: str = "builtin"
    split: str | None = None
    knobs: Mapping[str, KnobValue] = field(default_factory=dict)
    max_steps: int | None = None
    tasks: int = 16
    groups: int = 16
    group_size: int = 8
    iterations: int = 100
    log_every: int = 5
    key: str = "anchor"
    average: Average = "episodes"
    advantage_scale: tuple[Scale, ...] = ("raw", "unit_rms")
    selection_seeds: int = 5
    report_seeds: int = 20
    report_rates: ReportRates = "all"
    seed: int = 0
    reference: str = ""
    lm: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("selection_seeds", "report_seeds"):
            check_count(name, getattr(self, name))
        check_count("seed", self.seed, least=0)
        for rate in self.learning_rates:
            check_rate(rate)
        if not self.learning_rates or list(self.learning_rates) != sorted(set(self.learning_rates)):
            raise InvalidValue(f"learning_rates={list(self.learning_rates)}: expected different rates, ascending")
        for scale in self.advantage_scale:
            if scale not in get_args(Scale):
                raise UnknownName("advantage_scale", scale, get_args(Scale))
        labels = [method.label for method in self.methods]
        if len(set(labels)) < len(labels) or not labels:
            raise InvalidValue(f"methods {labels}: expected at least one, each with a label of its own")
        if len({(method.name, encode(method.options)) for method in self.methods}) < len(self.methods):
            raise InvalidValue(f"methods {labels}: two are one method with the same options, and rows name no labels")
        if self.reference and self.reference not in labels:
            raise UnknownName("reference", self.reference, labels)
        if self.report_rates not in get_args(ReportRates):
            raise UnknownName("report_rates", self.report_rates, get_args(ReportRates))

    def base(self) -> RunConfig:
        """Return the configuration that all runs share."""
        kind = config_kind("lm" if self.lm else "tabular")
        known = {one.name for one in fields(kind)}
        shared = known & {one.name for one in fields(self)} - _PER_CELL
        for name in sorted(self.lm.keys() & _ELSEWHERE.keys()):
            raise InvalidValue(f"[lm] {name}: every run of a sweep has its own; write {_ELSEWHERE[name]}")
        if self.lm.keys() & shared or not self.lm.keys() <= known:
            doubled = sorted(self.lm.keys() & shared)
            if doubled:
                raise InvalidValue(f"[lm] {doubled[0]}: write it above, beside env")
            raise UnknownName("key", next(iter(sorted(self.lm.keys() - known))), known, "([lm])")
        return config_from(
            {
                **{name: getattr(self, name) for name in sorted(shared)},
                **self.lm,
                "policy": "lm" if self.lm else "tabular",
            },
            "[lm]",
        ).resolved()

    def train_configs(self, best: Mapping[tuple[str, str], float] | None = None) -> Iterator[tuple[str, RunConfig]]:
        """Yield (cell key, configuration) of every run, in the order of the plan.

        Args:
            best: rate by (scale, label) for the runs on the report seeds where `report_rates` is `best`; without it
                these have the lowest rate.
        """
        base = self.base()
        for method in self.methods:
            for scale in self.advantage_scale:
                own = self.learning_rates[0] if best is None else best[scale, method.label]
                for name, rate, seed in self._rates_and_seeds(own):
                    yield (
                        f"{method.label}/{scale}/{name}",
                        replace(
                            base,
                            method=method.name,
                            options=method.options,
                            advantage_scale=scale,
                            learning_rate=float(rate),
                            seed=seed,
                            shape=None,  # what this method needs, not what the base does
                            continuations=method.continuations,
                        ).resolved(),
                    )

    def _rates_and_seeds(self, best: float) -> Iterator[tuple[str, float, int]]:
        """Yield the end of the key, the rate and the seed of every run of one method and scale."""
        seeds = self.seeds("selection")
        if self.report_rates == "all":
            seeds += self.seeds("report")
        for rate in self.learning_rates:
            yield from ((f"{rate:g}/{number}", rate, seed) for number, seed in enumerate(seeds))
        if self.report_rates == "best":
            yield from ((f"{_BEST}/{number}", best, seed) for number, seed in enumerate(self.seeds("report")))

    def seeds(self, use: str) -> list[int]:
        """Return the seeds for `selection` or `report`; the two share none."""
        count = self.selection_seeds if use == "selection" else self.report_seeds
        return [derive_seed(self.seed, use, number) for number in range(count)]


_PER_CELL = {"advantage_scale", "seed"}
# What the runs of a sweep differ in, and where a file says so.
_ELSEWHERE = {
    "learning_rate": "learning_rates above, beside env",
    "seed": "seed above, beside env",
    "advantage_scale": "advantage_scale above, beside env",
    "method": "a table [[methods]] with name",
    "options": "options in the table [[methods]] of the method",
    "shape": "nothing: each method has the shape that it needs",
    "continuations": "continuations in the table [[methods]] of the method",
}
_BEST = "best"  # stands in a cell's key for the rate that is not known yet


def read_sweep(path: Path) -> SweepConfig:
    """Read a sweep file.

    Raises:
        InvalidValue: for a file that cannot be read, a missing key or a value of another type.
        UnknownName: for a key that there is not, with the nearest.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidValue(f"{path} cannot be read ({error.strerror}); give a sweep file such as {_EXAMPLE}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidValue(f"{path} is no TOML: {error}") from None
    return sweep_from(document, str(path))


_EXAMPLE = "baselines/gigpo/sweeps/sokoban.toml"
_LISTS = ("methods", "learning_rates", "advantage_scale")


def sweep_from(document: Mapping[str, Any], source: str) -> SweepConfig:
    """Return the sweep that a TOML document describes; raises as `read_sweep`."""
    values = _checked(SweepConfig, document, source)
    for name in _LISTS:
        if name in values and not isinstance(values[name], list | tuple):
            raise InvalidValue(f"{source}: {name}={values[name]!r}: expected a list")
    values.update({name: tuple(values[name]) for name in _LISTS if name in values})
    entries = []
    for entry in values["methods"]:
        if not isinstance(entry, Mapping):
            raise InvalidValue(f'{source}: write each method as a table: [[methods]] and below it name = "grpo"')
        given = _checked(MethodEntry, entry, f"{source}, [[methods]]")
        entries.append(MethodEntry(**{"label": given["name"], **given}))
    config = SweepConfig(**{**values, "methods": tuple(entries)})
    for _ in config.train_configs():  # everything is checked before the first expensive action
        pass
    return config


def _checked(kind: type, document: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the document's values if its keys are fields of `kind` and none is missing or of another type."""
    known = {one.name: one for one in fields(kind)}
    for name, value in document.items():
        if name not in known:
            raise UnknownName("key", name, known, f"({source})")
        expected = {"str": str, "int": int, "bool": bool}.get(str(known[name].type).removesuffix(" | None"))
        if expected is not None and type(value) is not expected:
            raise InvalidValue(f"{source}: {name}={value!r}: expected {known[name].type}")
        if str(known[name].type).startswith("Mapping") and not isinstance(value, Mapping):
            raise InvalidValue(f"{source}: {name}={value!r}: expected a table")
    needed = {"env", "methods", "learning_rates"} if kind is SweepConfig else {"name"}
    for name in sorted(needed - document.keys()):
        raise InvalidValue(f"{source}: the key {name!r} is missing")
    return dict(document)


def sweep_plan(config: SweepConfig) -> Plan:
    """Return the plan: one cell for each method, scale, rate and seed; those that wait for the best rate are late."""
    cells, base = [], config.base()
    own = {method.label: method.continuations for method in config.methods}
    for key, one in config.train_configs():
        label, _, rate, _ = key.rsplit("/", 3)
        spec = {name: getattr(one, name) for name in ("method", "advantage_scale", "learning_rate", "seed")}
        late = rate == _BEST
        if late:
            del spec["learning_rate"]
        cells.append(Cell(key, {**spec, "options": dict(one.options), "continuations": own[label]}, late))
    panel = base.panel()
    values: dict[str, Any] = {one.name: getattr(config, one.name) for one in fields(config)}
    values.update(
        kind="sweep",
        split=base.split,
        knobs=dict(base.knobs),
        max_steps=base.max_steps,
        env=base.env,
        panel={"id": panel.id, "sha256": panel.sha256},
        methods=[
            {**{name: getattr(one, name) for name in ("name", "label", "continuations")}, "options": dict(one.options)}
            for one in config.methods
        ],
        learning_rates=[float(rate) for rate in config.learning_rates],
        selection_seeds=config.seeds("selection"),
        report_seeds=config.seeds("report"),
        lm={**config.lm, **facts(base)} if config.lm else None,
    )
    return Plan("sweep", values, tuple(cells), config.title or base.env.rpartition("/")[2])


def cost(config: SweepConfig, workers: int) -> str:
    """Say what a sweep will take at most, in words."""
    plan, one = sweep_plan(config), next(config.train_configs())[1]
    assert one.max_steps is not None  # resolved
    seeds = f"{config.selection_seeds}+{config.report_seeds} seeds"
    if config.report_rates == "best":
        seeds = f"{config.selection_seeds} seeds and {config.report_seeds} more at the best rate"
    turns = len(plan.cells) * one.iterations * one.groups * one.group_size * one.max_steps
    minutes = turns / (MODEL_TURNS_PER_SECOND if config.lm else TURNS_PER_SECOND) / workers / 60
    return (
        f"{len(plan.cells)} training runs: {len(config.methods)} methods x {len(config.advantage_scale)} scales x "
        f"{len(config.learning_rates)} rates x {seeds}, each "
        f"{one.iterations} iterations of {one.groups} x {one.group_size} episodes on {plan.config['panel']['id']}; "  # type: ignore[call-overload,index]  # the panel is a table
        f"at most {turns / 1e6:,.0f} million turns, {max(minutes, 0.1):.1f} minutes on {workers} process(es)"
    )


def execute_sweep(
    config: SweepConfig, out: Path, *, workers: int = 1, on_progress: Callable[[int, int, str], None] | None = None
) -> Run:
    """Run a sweep into `out`, or go on there.

    Raises:
        InvalidValue: for a model that is not there, before anything runs; further as `execute`.
    """
    _check_model(config)
    plan = sweep_plan(config)

    def complete(rows: Sequence[Mapping[str, Any]], cells: Sequence[Cell]) -> list[Mapping[str, Any]]:
        best, label = best_rates(SweepTable(str(out), plan.config, rows)), labeller(plan.config)
        specs: list[Mapping[str, Any]] = []
        for spec in (cell.spec for cell in cells):
            name = label({"method": spec["method"], "options": encode(spec["options"]).decode()})
            specs.append({**spec, "learning_rate": best[str(spec["advantage_scale"]), name]})
        return specs

    return execute(plan, run_cell, out, workers=workers, setup=one_thread, complete=complete, on_progress=on_progress)


def _check_model(config: SweepConfig) -> None:
    """Raise `InvalidValue` for a language model that is not there: no folder, and no hub id with a tokenizer."""
    if not config.lm or Path(config.lm["model"]).is_dir():
        return
    if Path(config.lm["model"]).parent.is_dir():
        raise InvalidValue(
            f"[lm] model={config.lm['model']!r}: no such folder; `envbench model new --size nano --out DIR` makes one"
        )
    from envbench.policies.lm.tokenizer import load_tokenizer

    load_tokenizer(config.lm["model"])


def one_thread(_config: Mapping[str, Any]) -> None:
    """Keep torch to one thread: the tensors of a tabular run are small, and the processes share the cores."""
    import torch

    torch.set_num_threads(1)


def run_cell(config: Mapping[str, Any], spec: Mapping[str, Any]) -> CellResult:
    """Train one cell of a sweep; a language model is tested where the seed is one to report."""
    kind = config_kind("lm" if "lm" in config else "tabular")
    shared = {one.name for one in fields(kind)}
    values = {name: config[name] for name in shared & config.keys()}
    if "lm" in config:
        values |= {name: value for name, value in config["lm"].items() if name in shared}
        if spec["seed"] in config["selection_seeds"]:
            values["test_tasks"] = 0
    return CellResult(metrics=train(config_from({**values, **spec, "policy": "lm" if "lm" in config else "tabular"})))
