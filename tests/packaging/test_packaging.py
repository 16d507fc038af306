"""What a user installs works from anywhere: a wheel, the sdist's wheel, an editable install, a plain checkout."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import envbench

ROOT = Path(envbench.__file__).parent.parent

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="not a checkout: nothing to package")

TRY = """
import gymnasium, envbench, envbench.cards, envbench.errors, envbench.__main__
env = gymnasium.make("envbench/FrozenLake-v0")
env.reset(seed=1)
print(envbench.__file__, envbench.cards.home(), len(envbench.ids()))
import importlib, pkgutil
for module in pkgutil.walk_packages(envbench.__path__, "envbench."):
    if "__main__" not in module.name and "testing.child" not in module.name:
        try:
            importlib.import_module(module.name)
        except envbench.errors.MissingExtra as error:  # bridges to what is an extra of its own
            assert module.name.startswith("envbench.integrations."), error
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT), cwd=folder)
    return folder


def environment(folder: Path) -> str:
    """Make an environment that sees the packages of this one, but not envbench itself."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(folder / "bin" / "python")


def install(python: str, *what: str, cwd: Path) -> None:
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--force-reinstall",
        *what,
        cwd=cwd,
    )


def test_wheel_holds_the_cards_and_nothing_private(built: Path) -> None:
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    assert "envbench/_cards/envs/frozenlake/env.toml" in names
    assert {"envbench/py.typed", "envbench/report/templates/report.html.j2"} <= set(names)
    assert {f"envbench/leaderboard/templates/{name}" for name in ("board.html.j2", "board.js", "site.css")} <= set(
        names
    )
    assert "envbench/_cards/leaderboards/sokoban/board.toml" in names
    assert not [
        name
        for name in names
        if "/golden/" in name or "/results/" in name or "/submissions/" in name or name.startswith("tests")
    ]
    assert {name.split("/")[0] for name in names} <= {"envbench", f"envbench-{envbench.__version__}.dist-info"}


def test_sdist_holds_what_the_wheel_is_built_from(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "envs/frozenlake/env.toml", "envbench/env.py"} <= names


def test_wheel_works_in_a_clean_environment(built: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    install(python, str(next(built.glob("*.whl"))), cwd=tmp_path)
    package, cards, count = run(python, "-c", TRY, cwd=tmp_path).split()
    assert package.startswith(str(tmp_path))
    assert cards == str(Path(package).parent / "_cards")
    assert int(count) == len(envbench.ids())


def test_editable_install_reads_the_checkout(tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    install(python, "--editable", str(ROOT), cwd=tmp_path)
    package, cards, _ = run(python, "-c", TRY, cwd=tmp_path).split()
    assert (package, cards) == (envbench.__file__, str(ROOT))


def test_plain_checkout_works_with_a_path_alone(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + TRY
    package, cards, _ = run(sys.executable, "-c", code, cwd=tmp_path).split()
    assert (package, cards) == (envbench.__file__, str(ROOT))
