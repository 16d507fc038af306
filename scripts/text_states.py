"""Measure how often an observation's text is not the state: table and text, in about a minute.

Usage: python scripts/text_states.py ID [--dataset NAME[:SPLIT] ...] [--pin]

ID is an environment such as envbench/ALFWorld-v0. The generated data set alone is measured unless others are named;
a data set's evaluation split, unless another follows its name. `--pin` renews `text_states.csv` and the section in
the README of the card.
"""

import argparse
from pathlib import Path

from envbench.cards import cards, home
from envbench.studies import text_states


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("id", help="environment")
    parser.add_argument("--dataset", action="append", help="NAME or NAME:SPLIT, once for each")
    parser.add_argument("--out", type=Path, default=Path("build/text-states"), help="folder of table and text")
    parser.add_argument("--pin", action="store_true", help="renew the committed files too")
    options = parser.parse_args()
    families = [name for name, card in cards().items() if options.id in card.env.ids]
    if not families:
        parser.error(f"no environment {options.id!r}; `envbench envs` lists them")
    rows: list[text_states.Row] = []
    for name in options.dataset or ["builtin"]:
        dataset, _, split = name.partition(":")
        print(f"measuring {options.id}, {dataset}", flush=True)
        rows += text_states.measure(options.id, dataset, split)
    table, text = text_states.write_rows(rows), text_states.section(options.id, rows)
    write(options.out / families[0], {"text_states.csv": table, "section.md": text})
    if options.pin:
        card = home() / "envs" / families[0]
        readme = text_states.place((card / "README.md").read_text(encoding="utf-8"), text)
        write(card, {"text_states.csv": table, "README.md": readme})


def write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main()
