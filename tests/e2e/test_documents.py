"""What the documents show is run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import envbench
from envbench.cli import GROUPS, VERBS

ROOT = Path(envbench.__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("envs/*/README.md"), *ROOT.glob("baselines/*/README.md")])

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="not a checkout: no documents")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_blocks_run(path: Path, tmp_path: Path) -> None:
    for code in blocks(path, "python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        if "BrowserMissing: " in done.stderr:
            pytest.skip(done.stderr.splitlines()[-1])
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_links_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    verbs = {verb for verb, *_ in (*VERBS, *GROUPS)}
    for verb in re.findall(r"^(?:\$ )?envbench (\w+)", "\n".join(blocks(path, "sh")), re.MULTILINE):
        assert verb in verbs
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / link).exists(), link
    for named in re.findall(r"(?<!/)\b(?:baselines|envs|scripts|tests)/[\w./-]+\.(?:toml|py|md)\b", text):
        assert (ROOT / named).exists(), named
