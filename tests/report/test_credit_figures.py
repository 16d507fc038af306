"""What is committed under `baselines/<method>/figures/` is what the present code computes, and has a section there."""

from pathlib import Path

import pandas as pd
import pytest

import envbench
from envbench.errors import MissingExtra
from envbench.report import figure_names, write_figure
from envbench.report.credit_figures import DPI, FIGURES
from envbench.report.plots import render

BASELINES = Path(envbench.__file__).parent.parent / "baselines"
pytestmark = pytest.mark.skipif(not (BASELINES / "gigpo").is_dir(), reason="not a checkout: no evidence")


def committed(name: str) -> Path:
    return BASELINES / FIGURES[name].method / "figures" / name


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(committed(name).with_suffix(".csv"))


@pytest.mark.parametrize("name", list(FIGURES))
def test_committed_table_is_computed_again(name: str, tmp_path: Path) -> None:
    FIGURES[name].table().to_csv(tmp_path / "again.csv", index=False)
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "again.csv"), read(name), check_exact=False, atol=2e-6, rtol=0.0
    )


@pytest.mark.parametrize("name", list(FIGURES))
def test_committed_table_is_drawn(name: str) -> None:
    data = render(FIGURES[name].figure(read(name)), "png", DPI)
    assert len(data) <= 150 * 1024
    assert committed(name).with_suffix(".png").stat().st_size <= 150 * 1024


@pytest.mark.parametrize("name", list(FIGURES))
def test_figure_is_in_the_readme_with_its_command(name: str) -> None:
    method = FIGURES[name].method
    text = (BASELINES / method / "README.md").read_text(encoding="utf-8")
    assert f"](figures/{name}.png)" in text
    assert f"envbench figures {name} --out baselines/{method}/figures" in text


def test_every_committed_figure_is_known() -> None:
    methods = {one.method for one in FIGURES.values()}  # the figures of sweeps have tests of their own
    kept = (path for path in BASELINES.glob("*/figures/*") if path.parts[-3] in methods)
    files = {path.relative_to(BASELINES).as_posix() for path in kept if path.suffix != ".svg"}
    assert files == {
        f"{one.method}/figures/{name}{suffix}" for name, one in FIGURES.items() for suffix in (".csv", ".png")
    }
    assert set(FIGURES) < set(figure_names())


def test_a_figure_is_written_with_its_table(tmp_path: Path) -> None:
    names = [path.name for path in write_figure("slate-variance", tmp_path)]
    assert names == ["slate-variance.png", "slate-variance.svg", "slate-variance.csv"]
    assert pd.read_csv(tmp_path / names[2]).shape == read("slate-variance").shape


def test_captions_say_what_was_done() -> None:
    for one in FIGURES.values():
        assert one.caption.split(maxsplit=1)[0].strip(",:") in ("Exact", "Simulated", "Played", "Trained", "Left")


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="train"):
        FIGURES["slate-variance"].table()
