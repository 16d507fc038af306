import json

import pytest

LAKE = "envbench/FrozenLake-v0"


def test_a_new_model_plays(typed, tmp_path):
    code, out, err = typed("model", "new", "--size", "nano", "--out", "nano", "--env", LAKE, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["envs"] == [LAKE]
    assert json.loads((tmp_path / "nano" / "envbench.json").read_text()) | {"model": "nano"} == document
    assert err.startswith("model new: nano, about 0.35 M weights")
    assert err.endswith(f"next: envbench model warmup nano --env {LAKE} --out nano-warm\n")
    play = ("eval", "--agent", "policy", "--model", "nano", "--env", LAKE, "--episodes", "2", "--max-steps", "3")
    summaries = []
    for run in ("a", "b"):
        code, out, err = typed(*play, "--option", "max_tokens=4", "--out", run, "--json")
        assert code == 0, err
        summaries.append(json.loads(out)["summary"])
    assert summaries[0] == summaries[1]
    assert summaries[0]["model_calls"] == 6
    assert summaries[0]["completion_tokens"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("model", "new", "--size", "nan", "--out", "x"), "Did you mean 'nano'"),
        (("model", "new", "--size", "nano", "--out", "."), "there already"),
        (("model", "new", "--size", "nano", "--out", "x", "--env", "envbench/Sokobann-v0"), "Sokoban-v0"),
        (("eval", "--agent", "policy", "--env", LAKE), "--model DIR"),
        (("eval", "--agent", "policy", "--env", LAKE, "--model", "./x"), "no such folder"),
        (("eval", "--agent", "policy", "--env", LAKE, "--model", "."), "no tokenizer can be read"),
    ],
)
def test_refusals_are_one_line(typed, tmp_path, arguments, says):
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert says in err.splitlines()[-1]
    assert err.count("error: ") == 1
    assert not list(tmp_path.iterdir())
