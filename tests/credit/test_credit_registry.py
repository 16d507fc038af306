"""The registry, the options of a method, and the one public call."""

import dataclasses
from typing import Annotated, Literal

import pytest
import torch
from full_batch import full_columns

from envbench import credit
from envbench.credit import registry
from envbench.credit.options import Interval, NonNegative, Options
from envbench.errors import InvalidValue, MissingColumn, UnknownName
from envbench.types import Advantages, StepBatch
from envbench.types import columns as columns_module

BATCH = {"episode": [0, 1], "t": [0, 0], "reward": [1.0, 2.0], "group": [0, 0], "anchor": [3, 3]}


@dataclasses.dataclass(frozen=True, slots=True)
class Plain(Options):
    bonus: float = 0.0


@pytest.fixture
def clean(monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    monkeypatch.setattr(columns_module, "FURTHER", dict(columns_module.FURTHER))


def test_methods_are_sorted_and_described():
    names = [method.name for method in credit.methods()]
    assert names == sorted(names)
    assert {"gigpo", "grpo", "reinforce", "rloo"} <= set(names)
    for method in credit.methods():
        assert method.summary.endswith("."), method.name
        assert method.paper
        assert method.module == f"envbench.credit.{method.name}"
        assert method.version >= 1
        assert method.config()  # every option has a default
    assert credit.method("gigpo").needs == ("anchor",)
    assert credit.methods("loss") == ()


def test_every_need_is_asked_for():
    full, without_tokens = full_columns(0), full_columns(0, tokens=False)
    for method in credit.methods("advantage"):
        for column in method.needs:
            source = without_tokens if column == "token_step" else full  # the other token columns cannot be without it
            given = {name: value for name, value in source.items() if name != column}
            asked = "|".join(method.needs) if column == "token_step" else column
            with pytest.raises(MissingColumn, match=f"{method.name} needs the column '({asked})'"):
                credit.advantages(method.name, StepBatch.from_columns(**given))


def test_unknown_names_come_with_the_nearest():
    batch = StepBatch.from_columns(**BATCH)
    with pytest.raises(UnknownName, match="unknown credit method 'gigop'. Did you mean 'gigpo'?"):
        credit.advantages("gigop", batch)
    with pytest.raises(UnknownName, match="unknown option of gigpo 'omgea'. Did you mean 'omega'?"):
        credit.advantages("gigpo", batch, omgea=1.0)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("grpo", {"scale": "sdt"}, "scale='sdt': expected 'std' or 'none'"),
        ("grpo", {"epsilon": -1.0}, "epsilon=-1.0: expected a number >= 0"),
        ("grpo", {"epsilon": float("nan")}, "epsilon=nan: expected a finite number"),
        ("grpo", {"epsilon": "1"}, "epsilon='1': expected a finite number"),
        ("gigpo", {"gamma": 1.5}, "gamma=1.5: expected a number from 0 to 1"),
        ("gigpo", {"gamma": True}, "gamma=True: expected a finite number"),
        ("gigpo", {"similarity": "0.9"}, "similarity='0.9': expected a finite number or None"),
    ],
)
def test_values_are_checked(name, options, message):
    with pytest.raises(InvalidValue, match=message):
        credit.advantages(name, StepBatch.from_columns(**BATCH), **options)


def test_options_of_every_type():
    @dataclasses.dataclass(frozen=True, slots=True)
    class All(Options):
        flag: bool = False
        count: int = 1
        text: str = ""
        choice: Literal[1, 2] = 1
        share: Annotated[float, Interval(0.5, 1.0)] | None = None

    assert All(True, 2, "x", 2, 0.5).names() == ("flag", "count", "text", "choice", "share")
    for wrong in ({"flag": 1}, {"count": True}, {"count": 1.0}, {"text": 1}, {"choice": True}, {"share": 0.4}):
        with pytest.raises(InvalidValue, match=next(iter(wrong))):
            All(**wrong)


def test_a_method_of_ones_own(clean):
    @credit.register("mine", kind="advantage", needs=("subgoal",), columns={"tool_match": ("C", "R")})
    def mine(batch: StepBatch, cfg: Plain) -> Advantages:
        """Reward plus a bonus."""
        return Advantages(batch.reward + cfg.bonus, "step")

    found = credit.method("mine")
    assert (found.kind, found.level, found.cost, found.evidence, found.version) == (
        "advantage",
        "step",
        "none",
        "ours",
        1,
    )
    assert found.summary == "Reward plus a bonus."
    assert found.config is Plain
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.version = 2
    with pytest.raises(MissingColumn, match="mine needs the column 'subgoal'"):
        credit.advantages("mine", StepBatch.from_columns(**BATCH))
    batch = StepBatch.from_columns(**BATCH, subgoal=[0, 1], tool_match=[[1.0]])
    assert credit.advantages("mine", batch, bonus=2).value.tolist() == [3.0, 4.0]
    assert batch.extra["tool_match"].tolist() == [[1.0]]
    credit.register("mine", kind="advantage")(mine)  # a notebook cell run twice
    with pytest.raises(InvalidValue, match="already registered"):

        @credit.register("mine", kind="advantage")
        def other(batch: StepBatch, cfg: Plain) -> Advantages:
            """Another one."""


def test_only_advantages_can_be_called(clean):
    @credit.register("shaped", kind="shaping")
    def shaped(batch: StepBatch, cfg: Plain) -> StepBatch:
        """Nothing."""
        return batch

    with pytest.raises(UnknownName, match="unknown advantage method 'shaped'.*It is a shaping method"):
        credit.advantages("shaped", StepBatch.from_columns(**BATCH))
    assert "shaped" in [method.name for method in credit.methods("shaping")]


@pytest.mark.parametrize("wrong", [{"kind": "advantages"}, {"level": "turn"}, {"evidence": "hearsay"}])
def test_closed_lists(wrong):
    with pytest.raises(InvalidValue, match=f"{next(iter(wrong))}="):
        credit.register("mine", **{"kind": "advantage", **wrong})


def test_a_config_is_asked_for(clean):
    with pytest.raises(InvalidValue, match="hint its second parameter"):

        @credit.register("mine", kind="advantage")
        def mine(batch: StepBatch, cfg: int) -> Advantages:
            """No options class."""

    with pytest.raises(InvalidValue, match="hint its second parameter"):

        @credit.register("mine", kind="advantage")
        def none(batch: StepBatch) -> Advantages:
            """No second parameter."""


def test_the_call_is_the_function():
    batch = StepBatch.from_columns(**BATCH)
    method = credit.method("grpo")
    direct = method.function(batch, method.config(scale="none"))
    assert torch.equal(credit.advantages("grpo", batch, scale="none").value, direct.value)
    assert NonNegative.__metadata__ == (Interval(0.0, float("inf")),)
