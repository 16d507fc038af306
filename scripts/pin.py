"""Pin what an environment does: golden traces of every conformance case, and the panels' sizes and sha256 in the card.

Usage: python scripts/pin.py FAMILY...   Run it when an environment is new, or changed and bumped to a new version.
"""

import re
import sys
from pathlib import Path

from envbench.cards import cards, home
from envbench.errors import DataMissing
from envbench.registry import panel
from envbench.testing.case import cases, write_golden


def pin_card(family: str, path: Path) -> None:
    if cards()[family].tasks_of is not None:
        return  # the panels are another card's
    text = path.read_text(encoding="utf-8")
    pinned = {name: section for name, section in cards()[family].datasets.items() if section.pinned}
    for dataset, section in pinned.items():
        head = f"[datasets.{dataset}.splits]\n"
        before, _, after = text.partition(head)
        for split in section.splits:
            try:
                tasks = panel(family, dataset, split)
            except DataMissing as error:
                if section.splits[split].sha256:
                    raise
                print(f"not pinned: {error}")
                continue
            row = f'{split} = {{ tasks = {len(tasks)}, sha256 = "{tasks.sha256}" }}'
            after = re.sub(rf"^{split} = \{{.*\}}$", row, after, count=1, flags=re.MULTILINE)
        text = before + head + after
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        pin_card(name, home() / "envs" / name / "env.toml")
        for case in cases(name):
            print(write_golden(case))
