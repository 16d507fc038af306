"""The checks of `scripts/gpu_check.py`, small and on the CPU, so that they run when a GPU is at hand."""

import runpy
from pathlib import Path

import pytest
import torch

from envbench import credit
from envbench.bench import gpu_checks
from envbench.bench.training_work import Dialogues, OneStep
from envbench.policies.lm.build import Shape

TINY = Shape(32, 2, 4, 2, 64, 400)
SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu_check.py"


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    torch.set_num_threads(1)


def test_speeds_are_measured():
    decode = gpu_checks.decode_check("cpu", TINY, torch.float32, rows=3, tokens=6, steps=2, copied=1 << 16)
    update = gpu_checks.update_check("cpu", TINY, OneStep(2, 2, 6, 3, repeats=1), size=16)
    for check, words in ((decode, "times the floor"), (update, "TFLOP/s")):
        assert words in check.found
        assert isinstance(check.passed, bool)


@pytest.mark.filterwarnings("ignore")  # of TRL and what it brings
def test_trl_is_a_ratio_or_a_line():
    check = gpu_checks.trl_check("cpu", TINY, torch.float32, OneStep(2, 2, 6, 2, repeats=1))
    assert "episodes/s" in check.found
    assert (check.passed is None) == ("envbench[trl]" in check.found)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_adapters_train_on_conversations_of_webshop():
    pytest.importorskip("peft")
    check = gpu_checks.memory_check("cpu", TINY, Dialogues(1, 2, 2, 2, repeats=1), vocabulary=300, length=4096)
    assert check.passed is None
    assert "an iteration of" in check.found


def test_credit_is_compared_method_by_method():
    names = ("grpo", "gigpo", credit.methods("shaping")[0].name)
    check = gpu_checks.credit_check("cpu", 160, names)
    assert check.passed
    assert check.found == "3 of 3 methods agree"


@pytest.mark.parametrize(
    ("body", "passed"), [("pytest.skip()", None), ("assert True", True), ("assert False", False)], ids=str
)
def test_the_tests_marked_gpu_are_run(body, passed, tmp_path):
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n@pytest.mark.gpu\ndef test_it():\n    {body}\ndef test_other():\n    assert False\n"
    )
    assert gpu_checks.gpu_tests(str(tmp_path)).passed is passed


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_there_is_a_gpu():
    assert gpu_checks.product_rate("cuda", 512) > 0.0


def test_a_check_that_breaks_is_missed(monkeypatch):
    def broken(*_):
        raise RuntimeError("out of\nluck")

    for name in ("credit_check", "gpu_tests", "trl_check", "decode_check", "update_check", "memory_check"):
        monkeypatch.setattr(gpu_checks, name, broken)
    found = list(gpu_checks.checks("cpu"))
    assert [one.name for one in found] == ["credit", "tests", "TRL", "decode", "update", "memory"]
    assert {one.found for one in found} == {"RuntimeError: out of luck"}
    assert not any(one.passed for one in found)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_the_script_says_so(capsys):
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ended.value.code == 2
    words = capsys.readouterr()
    assert words.out == ""
    assert words.err.count("\n") == 1
    assert "no CUDA device" in words.err
