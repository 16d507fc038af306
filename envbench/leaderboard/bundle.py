"""A submission in one file: `manifest.json` and `episodes.jsonl` in a zip.

JSON lines and not Parquet: strangers send these files, and a line that is longer than allowed, or does not fit the
schema, ends the reading at once, while a Parquet reader believes the sizes in the file's own footer before it has
decompressed a page (and `pip install envbench` alone could not verify). Nothing is unpacked to disk, no size in a
header is believed, and what was read is counted while it is decompressed.
"""

from __future__ import annotations

import hashlib
import io
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from envbench.errors import BundleUnreadable, InvalidValue
from envbench.leaderboard.archive import Member, read_archive, write_archive
from envbench.leaderboard.board import (
    Board,
    PlannedEpisode,
    board_config,
    board_episodes,
    plan_hash,
    run_config,
)
from envbench.leaderboard.schema import (
    SCHEMA_VERSION,
    AgentInfo,
    Episode,
    Manifest,
    Metadata,
    PlanInfo,
    Seal,
    Software,
    parse,
)
from envbench.leaderboard.scores import Scored, claim_of
from envbench.runs import Run
from envbench.runs.files import plain_errors, write_atomic

BUNDLE_NAME = "bundle.zip"  # in the folder of a submission
MANIFEST, EPISODES = "manifest.json", "episodes.jsonl"

MAX_FILE = 32 << 20
MAX_MANIFEST = 256 << 10
MAX_EPISODES = 64 << 20
MAX_LINE = 16 << 20
_PRIVATE = ("base_url", "run")  # options that are addresses and paths of the submitter
_PARTIAL = ("episodes", "trials", "panel")  # what may differ where a part is accepted


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose manifest was read and is well-formed; its episodes are read on demand.

    Attributes:
        path: of the file.
        sha256: of the file.
        manifest: what it says of itself.
    """

    path: Path
    sha256: str
    manifest: Manifest
    _packed: Member = field(repr=False)

    def episodes(self) -> Iterator[Episode]:
        """Yield the episodes in the order of the file, holding one at a time.

        Raises:
            BundleUnreadable: for a row that does not fit the schema, and at the end when the rows are not those that
                the manifest seals.
        """
        for number, line in enumerate(self.lines(), start=1):
            yield read_episode(line, number)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the episodes as they are; raises as `episodes` for sizes and seal."""
        sealed = self.manifest.episodes
        seal, rows, rest = hashlib.sha256(), 0, b""
        for chunk in self._packed.chunks(min(sealed.bytes, MAX_EPISODES)):
            seal.update(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                rows += 1
                if len(line) > MAX_LINE or rows > sealed.rows:
                    break
                yield line
            if rows > sealed.rows:
                raise BundleUnreadable(f"{EPISODES} has more than the {sealed.rows} rows of the manifest")
            if max(map(len, (rest, *whole))) > MAX_LINE:
                raise BundleUnreadable(f"row {rows + 1} of {EPISODES} is longer than {MAX_LINE} bytes")
        if rest or (rows, seal.hexdigest()) != (sealed.rows, sealed.sha256):
            raise BundleUnreadable(f"{EPISODES} is not what the manifest says: it was changed after `envbench submit`")


def read_episode(line: bytes, number: int) -> Episode:
    """Return one line of the episodes; `number` names it in the error."""
    return parse(line, Episode, f"row {number} of {EPISODES}")


def open_bundle(path: str | Path) -> Bundle:
    """Open a bundle, or the one in the folder of a submission, and read its manifest.

    Raises:
        BundleUnreadable: for what is no bundle, is damaged, too large or of another format.
    """
    file, data = _read(Path(path))
    manifest, episodes = read_archive(data, (MANIFEST, EPISODES))
    text = b"".join(manifest.chunks(MAX_MANIFEST))
    _check_version(text)
    return Bundle(file, hashlib.sha256(data).hexdigest(), parse(text, Manifest, MANIFEST), episodes)


def _read(path: Path) -> tuple[Path, bytes]:
    """Return a plain file that is not too large, and its bytes."""
    try:
        path = path / BUNDLE_NAME if path.is_dir() else path
        if not stat.S_ISREG(path.stat().st_mode):
            raise BundleUnreadable(f"{path} is no file; give the FILE that `envbench submit` wrote")
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise BundleUnreadable(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MAX_FILE:
        raise BundleUnreadable(f"{path} is larger than {MAX_FILE} bytes, the most that is read")
    return path, data


class _Head(msgspec.Struct):
    version: int = SCHEMA_VERSION


def _check_version(manifest: bytes) -> None:
    """Say of a bundle of another version that it is one, whatever else it holds."""
    try:
        version = msgspec.json.decode(manifest, type=_Head).version
    except (msgspec.DecodeError, RecursionError):
        return  # the strict reader says what is wrong
    if version != SCHEMA_VERSION:
        raise BundleUnreadable(
            f"{MANIFEST} has version {str(version)[:20]}, this envbench reads {SCHEMA_VERSION}: install the newest one"
        )


def write_bundle(run: Run, board: Board, metadata: Metadata, out: Path, allow_partial: bool = False) -> Manifest:
    """Write the bundle of a finished eval; the same run gives the same bytes.

    Args:
        run: an eval of the board's plan.
        board: where it goes.
        metadata: of the submitter.
        out: file that does not exist yet.
        allow_partial: accept a run of fewer tasks or trials; what is missing counts as failed.

    Raises:
        InvalidValue: for a run of another plan, naming the first difference; for an episode that a bundle cannot
            hold; for an existing file.
        RunUnreadable, MissingExtra, DiskFull: as they say.
    """
    if out.exists():
        raise InvalidValue(f"{out} exists: choose another --out, or delete it")
    _check_plan(run, board, allow_partial)
    planned = board_episodes(board)
    found = _episodes(run, board, planned)
    if len(found) < len(planned) and not allow_partial:
        raise InvalidValue(f"{len(planned) - len(found)} episodes of the board are missing: add --allow-partial")
    lines = b"".join(msgspec.json.encode(episode) + b"\n" for episode in found.values())
    if len(lines) > MAX_EPISODES:
        raise InvalidValue(f"the episodes take {len(lines)} bytes, more than the {MAX_EPISODES} that a bundle may hold")
    manifest = Manifest(
        format="envbench-bundle",
        version=SCHEMA_VERSION,
        board=board.name,
        plan=msgspec.convert(board_config(board), PlanInfo),
        plan_sha256=plan_hash(board),
        metadata=metadata,
        agent=_agent(run.config["agent"]),
        software=_software(run),
        claim=claim_of(board, [scored_of(one, found.get((one.task, one.trial))) for one in planned]),
        episodes=Seal(rows=len(found), bytes=len(lines), sha256=hashlib.sha256(lines).hexdigest()),
    )
    buffer = io.BytesIO()
    write_archive(buffer, {MANIFEST: msgspec.json.encode(manifest), EPISODES: lines})
    with plain_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(out, buffer.getvalue())
    return manifest


def scored_of(planned: PlannedEpisode, episode: Episode | None) -> Scored:
    """Return what an episode counts."""
    if episode is None:
        return Scored(planned.task, planned.cluster, missing=True)
    return Scored(planned.task, planned.cluster, episode.outcome == "success", episode.score)


def _check_plan(run: Run, board: Board, allow_partial: bool) -> None:
    if run.kind != "eval":
        raise InvalidValue(f"{run.path} is a run of kind {run.kind!r}; only an eval can be submitted")
    wanted, played = board_config(board), run_config(run.config)
    for name in sorted(wanted.keys() | played.keys()):
        if wanted.get(name) == played.get(name) or (allow_partial and name in _PARTIAL):
            continue
        remedy = f"play the board's plan: envbench eval --board {board.name} --agent NAME"
        if name in _PARTIAL:
            remedy += ", or add --allow-partial, which counts what is missing as failed"
        raise InvalidValue(
            f"{run.path} is not of the plan of {board.name}: {name} {played.get(name)!r}, the board has "
            f"{wanted.get(name)!r}; {remedy}"
        )


def _episodes(run: Run, board: Board, planned: tuple[PlannedEpisode, ...]) -> Mapping[tuple[str, int], Episode]:
    """Return the recorded episodes by (task, trial), in the order of the plan."""
    rows = {(row["task"], row["trial"]): row for row in run.episodes()}
    found = {}
    for one in planned:
        row = rows.pop((one.task, one.trial), None)
        if row is not None:
            found[one.task, one.trial] = _episode(row)
    if rows:
        task, trial = next(iter(rows))
        raise InvalidValue(
            f"{len(rows)} episodes are none of {board.name}, such as trial {trial} of {task}; "
            f"play the board's plan: envbench eval --board {board.name} --agent NAME"
        )
    return found


def _episode(row: Mapping[str, Any]) -> Episode:
    try:
        episode = msgspec.convert({name: row[name] for name in Episode.__struct_fields__}, Episode)
        msgspec.json.encode(episode)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise InvalidValue(f"trial {row['trial']} of {row['task']} does not fit into a bundle: {error}") from None
    return episode


def _agent(recorded: Mapping[str, Any]) -> AgentInfo:
    options = {
        name: value
        for name, value in recorded["options"].items()
        if name not in _PRIVATE and (value is None or isinstance(value, str | bool | int | float))
    }
    return msgspec.convert({"name": recorded["name"], "options": options}, AgentInfo)


def _software(run: Run) -> Software:
    session = run.sessions[-1]
    return msgspec.convert({name: str(session[name]) for name in ("envbench", "code", "python")}, Software)
