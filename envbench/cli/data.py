"""`envbench data`: the data sets that users bring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from envbench import data
from envbench.cards import home
from envbench.cli import common
from envbench.errors import DataMissing, UnknownName

app = typer.Typer(help="Data sets that are not shipped: where they are, and adding them.", no_args_is_help=True)


@app.command()
def add(
    family: Annotated[str, typer.Argument(help="Family of environments, e.g. webshop.")],
    folder: Annotated[Path, typer.Argument(help="Folder that holds the files, plain or gzipped.", metavar="DIR")],
    as_json: common.Json = False,
) -> None:
    """Check the files of a data set against their lock and remember the folder."""
    if data.read_lock(family).games:
        _add_games(family, folder, as_json)
        return
    locked = data.lock_of(family)
    size = sum(file.bytes for file in locked.values()) / 1e6
    common.say(f"data add: reads and checks {len(locked)} files of {family} ({size:.1f} MB unpacked); copies nothing")
    found = data.add(family, folder)
    if as_json:
        common.emit_json({"family": family, "folder": str(folder.resolve()), "files": sorted(found)})
    else:
        for name, path in found.items():
            unchecked = " (unverified: its digest is not known)" if locked[name].unverified else ""
            typer.echo(f"{name}: {path}{unchecked}")
    common.say(f"recorded in {data.record_path()}")
    common.next_command("envbench list")


def _add_games(family: str, folder: Path, as_json: bool) -> None:
    from envbench.envs.alfworld import survey

    common.say(f"data add: reads the games of {family} in {folder} and checks those of its lock; copies nothing")
    splits = survey.survey(folder)
    data.record_folder(family, folder)
    if as_json:
        common.emit_json({"family": family, "folder": str(folder.resolve()), "splits": [it._asdict() for it in splits]})
    else:
        for split in splits:
            typer.echo(split.line())
    common.say(f"recorded in {data.record_path()}")
    common.next_command("envbench list")


@app.command()
def build(
    family: Annotated[str, typer.Argument(help="Family of environments; webshop alone has a data set to build.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of the files; where data are looked for when left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the result; in the user's cache when left out.", metavar="DIR")
    ] = None,
    workers: common.Workers = 1,
    force: Annotated[bool, typer.Option("--force", help="Build again what is built.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check every byte of what is built; build nothing.")] = False,
    as_json: common.Json = False,
) -> None:
    """Build WebShop's full catalogue on disk, once; a build that was stopped goes on where it was."""
    if family != "webshop":
        raise UnknownName("family with a data set to build", family, ["webshop"])
    from envbench.envs.webshop.store import command, manifest

    place = out or data.built_folder(family, command.DATASET)
    if verify:
        common.say(f"data build: reads all of {place}")
        about = manifest.check(place)
    else:
        sources = command.find_sources(source)
        size = sum(path.stat().st_size for path in sources) / 1e9
        common.say(
            f"data build: webshop/{command.DATASET} from {size:.2f} GB in {sources.products.parent} (unverified: "
            f"their digests are not known) into {place}; about the same space again, some minutes a GB, 200 MB a worker"
        )
        with common.progress("bytes") as show:

            def shown(done: int, total: int, what: str) -> None:
                show(min(done, total), total, what) if total else common.say(what)

            about = command.build_once(sources, place, workers, force, shown)
    counts = {key: about[key] for key in ("products", "terms", "postings", "catalogue")}
    if as_json:
        common.emit_json({"folder": str(place), **counts, "inputs": about["inputs"]})
    else:
        typer.echo(f"{place}: " + ", ".join(f"{value} {key}" for key, value in counts.items()))
    common.next_command(f"envbench eval --env envbench/WebShop-v0 --dataset {command.DATASET} --split original-test")


@app.command("list")
def list_data(as_json: common.Json = False) -> None:
    """Show every data set that users bring, and where its files are."""
    rows = data_rows()
    if as_json:
        common.emit_json(rows)
    else:
        for row in rows:
            marks = "".join(f" ({mark})" for mark in ("optional", "unverified") if row[mark])
            typer.echo(f"{row['family']}, {row['file']}{marks}: {row['path'] or 'missing'}; {row['licence']}")
    missing = sorted({row["family"] for row in rows if row["path"] is None and not row["optional"]})
    common.next_command(f"envbench data add {missing[0]} DIR" if missing else "envbench list")


def _games_row(family: str) -> dict[str, Any]:
    from envbench.envs.alfworld import store

    return {
        "family": family,
        "file": f"{store.TREE}/ or games*.jsonl.gz",
        "optional": False,
        "bytes": 0,
        "unverified": False,
        "licence": "MIT (ALFWorld, ALFRED). Research data, not shipped",
        "source": "alfworld-download, or lines of JSON made from it",
        "path": next((str(folder) for folder in data.folders(family) if store.holds_games(folder)), None),
    }


def data_rows() -> list[dict[str, Any]]:
    """Return every locked file: family, file, optional, bytes (0: unknown), unverified, licence, source, path."""
    rows = []
    for lock in sorted(home().glob("envs/*/data.lock")):
        family = lock.parent.name
        if data.read_lock(family).games:
            rows.append(_games_row(family))
        for name, file in data.lock_of(family).items():
            try:
                path: str | None = str(data.find(family, name)[name])
            except DataMissing:
                path = None
            rows.append(
                {
                    "family": family,
                    "file": name,
                    "optional": file.optional,
                    "bytes": file.bytes,
                    "unverified": file.unverified,
                    "licence": file.licence,
                    "source": file.source,
                    "path": path,
                }
            )
    return rows
