"""Data sets that users bring: where they are looked for, and the check that they are what their lock says.

A family's `envs/<family>/data.lock` names the files. They are looked for in the folder that `envbench data add`
recorded, then in `$ENVBENCH_DATA/<family>`, then in the family's own variable; a file may be gzipped.
"""

from __future__ import annotations

import gzip
import json
import os
import tomllib
import zlib
from hashlib import sha1, sha256
from pathlib import Path

import msgspec

from envbench.cards import home
from envbench.errors import CardError, DataCorrupt, DataMissing, UnknownName

_OWN_VARIABLE = {"alfworld": "ALFWORLD_DATA"}


class LockedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of a lock.

    Attributes:
        sha256: accepted digests of the unpacked file.
        git_blob: git's own digest of the unpacked original, accepted too where only that is known.
        bytes: size of the unpacked file (the first accepted form); 0 where it is not known.
        unverified: no copy was at hand when the lock was written, so that any content is taken, and said to be so.
        licence, source: where it comes from and on what terms.
    """

    sha256: tuple[str, ...]
    bytes: int
    licence: str
    source: str
    git_blob: str = ""
    optional: bool = False
    unverified: bool = False


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data.lock`: the files by name, and the games of each split in order, as (name, sha256)."""

    files: dict[str, LockedFile] = {}
    games: dict[str, tuple[tuple[str, str], ...]] = {}


def lock_of(family: str) -> dict[str, LockedFile]:
    """Return the locked files of a family by name.

    Raises:
        UnknownName, CardError: as `read_lock`.
    """
    return read_lock(family).files


def read_lock(family: str) -> Lock:
    """Return the lock of a family.

    Raises:
        UnknownName: for a family that needs no data.
        CardError: for a malformed lock.
    """
    path = home() / "envs" / family / "data.lock"
    if not path.is_file():
        raise UnknownName("data family", family, sorted(lock.parent.name for lock in home().glob("envs/*/data.lock")))
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Lock)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CardError(f"lock {path}: {error}") from None


def record_path() -> Path:
    """Return the file that `envbench data add` writes: in `$ENVBENCH_HOME`, else in the user's configuration."""
    configured = os.environ.get("ENVBENCH_HOME")
    if configured:
        return Path(configured) / "data.json"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "envbench" / "data.json"


def built_folder(family: str, dataset: str) -> Path:
    """Return where a data set that is built on disk lies: where it was built, else in `$ENVBENCH_HOME` or the cache."""
    recorded = _recorded().get(f"{family}/{dataset}")
    if recorded:
        return Path(recorded)
    configured = os.environ.get("ENVBENCH_HOME")
    home = Path(configured) if configured else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (home if configured else home / "envbench") / "built" / f"{family}-{dataset}"


def _recorded() -> dict[str, str]:
    path = record_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(family): str(folder) for family, folder in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise DataCorrupt(f"{path} is unreadable; delete it and run `envbench data add FAMILY DIR` again") from None


def folders(family: str) -> list[Path]:
    """Return the folders where the data of a family are looked for, first one first."""
    shared = os.environ.get("ENVBENCH_DATA")
    ordered = [
        _recorded().get(family),
        str(Path(shared) / family) if shared else None,
        os.environ.get(_OWN_VARIABLE.get(family, "")),
    ]
    return [Path(place) for place in ordered if place]


def find(family: str, *names: str) -> dict[str, Path]:
    """Return where each file lies, plain or gzipped; all come from one folder.

    Raises:
        DataMissing: with the command that adds the data.
    """
    wanted = names or tuple(name for name, file in lock_of(family).items() if not file.optional)
    missing = wanted[0]
    for folder in folders(family):
        found = present(folder, *wanted)
        if len(found) == len(wanted):
            return found
        missing = next(name for name in wanted if name not in found)
    searched = ", ".join(map(str, folders(family))) or "no folder is known"
    raise DataMissing(
        f"{family}: {missing} not found ({searched}); "
        f"run `envbench data add {family} DIR` with the folder that holds it"
    )


def present(folder: Path, *names: str) -> dict[str, Path]:
    """Return where those of the files that a folder holds lie, plain or gzipped."""
    return {name: path for name in names if (path := _plain_or_gzipped(folder / name)) is not None}


def _plain_or_gzipped(path: Path) -> Path | None:
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return candidate
    return None


def read(family: str, name: str, path: Path | None = None) -> bytes:
    """Return the unpacked bytes of a data file after checking them against the lock.

    Raises:
        DataMissing: when it is nowhere.
        DataCorrupt: when it cannot be unpacked or its digest is not one of the lock's.
    """
    place = find(family, name)[name] if path is None else path
    try:
        data = place.read_bytes()
        if place.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorrupt(
            f"{place}: cannot be read ({error}); fetch it again and run `envbench data add {family} DIR`"
        ) from None
    locked = lock_of(family)[name]
    if locked.unverified or sha256(data).hexdigest() in locked.sha256:
        return data
    blob = sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if locked.git_blob and blob == locked.git_blob:
        return data
    raise DataCorrupt(
        f"{place}: {len(data)} bytes whose sha256 is not in envs/{family}/data.lock; "
        f"fetch it again and run `envbench data add {family} DIR`"
    )


def add(family: str, folder: Path) -> dict[str, Path]:
    """Check the files of a family in `folder` and record it as the place to read them from.

    Raises:
        DataMissing, DataCorrupt: nothing is recorded then.
    """
    found = {}
    for name, locked in lock_of(family).items():
        path = _plain_or_gzipped(folder / name)
        if path is None:
            if locked.optional:
                continue
            raise DataMissing(f"{folder} holds no {name} (or {name}.gz); give the folder that does")
        if not locked.unverified:
            read(family, name, path)
        found[name] = path
    record_folder(family, folder)
    return found


def record_folder(name: str, folder: Path) -> None:
    """Remember the folder of a family, or of a built data set as `family/dataset`."""
    record = record_path()
    record.parent.mkdir(parents=True, exist_ok=True)
    recorded = _recorded() | {name: str(folder.resolve())}
    partial = record.with_suffix(".tmp")
    partial.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(partial, record)
