"""Files of strangers: read in bounded memory and time, refused with a reason, nothing written anywhere."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from submissions import contents, forged, lines, packed, sealed

from envbench.errors import BundleUnreadable
from envbench.leaderboard import bundle as bundles
from envbench.leaderboard.board import Board
from envbench.leaderboard.bundle import EPISODES, MANIFEST, open_bundle
from envbench.leaderboard.verify import verify

Change = Any


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(entry(name, method) if isinstance(name, str) else name, data)
    return buffer.getvalue()


def entry(name: str, method: int = zipfile.ZIP_DEFLATED, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    info.external_attr = mode << 16
    return info


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def archives(good: bytes) -> dict[str, tuple[bytes, str]]:
    """Return hostile zip files by name, with a word of the reason."""
    manifest, rows = contents(good)
    text, episodes = json.dumps(manifest).encode(), lines(rows)
    plain = (MANIFEST, text), (EPISODES, episodes)
    end = len(good) - 22
    return {
        "empty": (b"", "no zip"),
        "text": (b"{}" * 100, "no zip"),
        "parquet": (b"PAR1" + bytes(100) + b"PAR1", "no zip"),
        "only-an-end": (b"PK\x05\x06" + bytes(18), "no zip"),
        "cut": (good[:-1], "end"),
        "half": (good[: len(good) // 2], "end"),
        "trailing-bytes": (good + b"x", "end"),
        "comment": (good[:-2] + b"\x04\x00evil", "end"),
        "leading-bytes": (b"PK\x03\x04" + good, "directory"),
        "one-member": (zipped(plain[0]), "1 members"),
        "third-member": (zipped(*plain, ("more", b"")), "3 members"),
        "65535-members": (good[: end + 8] + b"\xff" * 4 + good[end + 12 :], "65535 members"),
        "other-order": (zipped(*reversed(plain)), "entry"),
        "same-member-twice": (zipped_twice(text), "entry"),
        "path-traversal": (zipped(("../../../../etc/cron.d/evil", text), plain[1]), "entry"),
        "absolute-path": (zipped(("/etc/passwd01", text), plain[1]), "another member"),
        "symlink": (zipped((entry(MANIFEST, mode=0o120777), b"/etc/passwd"), plain[1]), "no plain file"),
        "directory": (zipped(("manifest.jso/", text), plain[1]), "another member"),
        "pipe": (zipped((entry(MANIFEST, mode=0o010644), text), plain[1]), "no plain file"),
        "stored": (zipped(*plain, method=zipfile.ZIP_STORED), "deflated"),
        "bzip2": (zipped(*plain, method=zipfile.ZIP_BZIP2), "deflated"),
        "lzma": (zipped(*plain, method=zipfile.ZIP_LZMA), "deflated|encrypted"),
        "encrypted": (set_flags(good, 1), "encrypted"),
        "zip64": (zip64(plain), "entry|end|disagree|directory"),
        "overlapping": (overlapping(good), "disagree"),
        "wrong-crc": (patched(good, struct.pack("<L", zlib.crc32(good_manifest(good))), b"abcd"), "header"),
        "garbage-inside": (garbage_inside(good), "damaged|header|too early|goes on"),
    }


def zipped_twice(text: bytes) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return zipped((MANIFEST, text), (MANIFEST, text))


def zip64(members: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            with archive.open(entry(name), "w", force_zip64=True) as file:
                file.write(data)
    return buffer.getvalue()


def good_manifest(good: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return archive.read(MANIFEST)


def set_flags(good: bytes, flags: int) -> bytes:
    data = bytearray(good)
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + place] |= flags
            start = data.find(signature, start + 1)
    return bytes(data)


def overlapping(good: bytes) -> bytes:
    """Let the second entry of the directory point at the first member."""
    second = good.rfind(b"PK\x01\x02")
    return good[: second + 42] + bytes(4) + good[second + 46 :]


def garbage_inside(good: bytes) -> bytes:
    start = good.find(b"PK\x03\x04", 4) + 60
    return good[:start] + bytes(byte ^ 0x5A for byte in good[start : start + 40]) + good[start + 40 :]


@pytest.mark.parametrize(
    "name",
    [
        "empty", "text", "parquet", "only-an-end", "cut", "half", "trailing-bytes", "comment", "leading-bytes",
        "one-member", "third-member", "65535-members", "other-order", "same-member-twice", "path-traversal",
        "absolute-path", "symlink", "directory", "pipe", "stored", "bzip2", "lzma", "encrypted", "zip64", "overlapping",
        "wrong-crc", "garbage-inside",
    ],
)  # fmt: skip
def test_hostile_archives(lake: Board, lake_bundle: bytes, tmp_path: Path, name: str) -> None:
    data, says = archives(lake_bundle)[name]
    file = tmp_path / "bundle.zip"
    file.write_bytes(data)
    report = verify(file, board=lake)
    assert report.verdict == "unreadable"
    with pytest.raises(BundleUnreadable, match=says):
        list(open_bundle(file).episodes())
    assert list(tmp_path.iterdir()) == [file]


def test_the_corpus_is_complete(lake_bundle: bytes) -> None:
    marks = test_hostile_archives.pytestmark  # type: ignore[attr-defined]  # pytest puts it there
    assert sorted(archives(lake_bundle)) == sorted(marks[0].args[1])


def in_manifest(change: Change) -> Any:
    return lambda good: forged(good, lambda manifest, _: change(manifest))


def in_row(change: Change) -> Any:
    return lambda good: forged(good, lambda _, rows: change(rows[0]))


def in_text(old: bytes, new: bytes) -> Any:
    """Replace bytes of the manifest, after it was sealed."""

    def change(good: bytes) -> bytes:
        manifest, _ = contents(good)
        return packed(patched(json.dumps(manifest).encode(), old, new), good_episodes(good))

    return change


def in_line(old: bytes, new: bytes) -> Any:
    """Replace bytes of the first row, and seal."""

    def change(good: bytes) -> bytes:
        manifest, rows = contents(good)
        first, rest = lines(rows[:1]), lines(rows[1:])
        assert old in first
        return sealed(manifest, first.replace(old, new, 1) + rest)

    return change


def good_episodes(good: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return archive.read(EPISODES)


def reseal(good: bytes, **seal: int) -> bytes:
    """Return the manifest with something else in its seal."""
    manifest, _ = contents(good)
    manifest["episodes"].update(seal)
    return json.dumps(manifest).encode()


DOCUMENTS = {
    "no-json": (lambda good: packed(b"\x00\xff" * 50, good_episodes(good)), "manifest"),
    "empty-manifest": (lambda good: packed(b"", good_episodes(good)), "manifest"),
    "deep": (lambda good: packed(b"[" * 200_000, good_episodes(good)), "manifest"),
    "deep-inside": (in_text(b'"options": {}', b'"options": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000), "options"),
    "huge-manifest": (lambda good: packed(b" " * (1 << 20), good_episodes(good)), "more than"),
    "version-2": (in_manifest(lambda m: m.update(version=2)), "version 2"),
    "version-text": (in_manifest(lambda m: m.update(version="1")), "version"),
    "version-true": (in_manifest(lambda m: m.update(version=True)), "version"),
    "version-huge": (in_text(b'"version": 1', b'"version": 1' + b"0" * 10_000), "manifest"),
    "other-format": (in_manifest(lambda m: m.update(format="zip")), "format"),
    "unknown-key": (in_manifest(lambda m: m.update(evil=1)), "evil"),
    "unknown-key-in-red": (in_manifest(lambda m: m.update({"\x1b[31mevil": 1})), r"\\x1b\[31mevil"),
    "missing-key": (in_manifest(lambda m: m.pop("claim")), "claim"),
    "repeated-key": (in_text(b'"version": 1', b'"version": 1, "version": 1'), "twice"),
    "repeated-key-inside": (in_text(b'"seed": 0', b'"seed": 5, "seed": 0'), "twice"),
    "nan-claim": (in_text(b'"estimate": ', b'"estimate": NaN, "x": '), "manifest"),
    "escape-in-name": (in_manifest(lambda m: m["metadata"].update(method="\x1b[2Jx")), "method"),
    "right-to-left": (in_manifest(lambda m: m["metadata"].update(method="abc\u202ecba")), "method"),
    "newline-in-name": (in_manifest(lambda m: m["metadata"].update(method="a\nb")), "method"),
    "newline-at-the-end": (in_manifest(lambda m: m["metadata"].update(method="a\n")), "method"),
    "no-name": (in_manifest(lambda m: m["metadata"].update(method="")), "method"),
    "long-name": (in_manifest(lambda m: m["metadata"].update(method="a" * 1000)), "method"),
    "negative-parameters": (in_manifest(lambda m: m["metadata"].update(parameters=-1)), "parameters"),
    "huge-parameters": (in_text(b'"metadata": {', b'"metadata": {"parameters": 1' + b"0" * 400 + b", "), "manifest"),
    "infinite-cost": (in_text(b'"metadata": {', b'"metadata": {"cost_usd": 1e999, '), "manifest"),
    "many-options": (in_manifest(lambda m: m["agent"].update(options={str(i): i for i in range(101)})), "options"),
    "nan-reward": (in_line(b'"rewards": [', b'"rewards": [NaN, '), "row 1"),
    "infinite-reward": (in_line(b'"rewards": [', b'"rewards": [1e999, '), "row 1"),
    "huge-reward": (in_line(b'"rewards": [', b'"rewards": [1e300, '), "rewards"),
    "reward-of-many-digits": (in_line(b'"rewards": [', b'"rewards": [1' + b"0" * 100_000 + b", "), "row 1"),
    "text-reward": (in_row(lambda row: row.update(rewards=["1"])), "rewards"),
    "true-reward": (in_row(lambda row: row.update(rewards=[True])), "rewards"),
    "number-action": (in_row(lambda row: row.update(actions=[1])), "actions"),
    "null-action": (in_row(lambda row: row.update(actions=[None])), "actions"),
    "long-action": (in_row(lambda row: row.update(actions=["a" * 5000])), "actions"),
    "surrogate-action": (in_row(lambda row: row.update(actions=["\ud800"])), "row 1"),
    "not-utf-8": (in_line(b'"actions": [', b'"actions": ["\xff", '), "row 1"),
    "short-hash": (in_row(lambda row: row.update(state_hashes=["v1:00"])), "state_hashes"),
    "negative-trial": (in_row(lambda row: row.update(trial=-1)), "trial"),
    "huge-seed": (in_row(lambda row: row.update(seed=2**63)), "seed"),
    "enormous-seed": (in_row(lambda row: row.update(seed=10**400)), "seed|row 1"),
    "float-seed": (in_row(lambda row: row.update(seed=1.5)), "seed"),
    "score-above-1": (in_row(lambda row: row.update(score=1.5)), "score"),
    "unknown-outcome": (in_row(lambda row: row.update(outcome="won")), "outcome"),
    "repeated-key-in-row": (in_line(b'"trial": 0', b'"trial": 1, "trial": 0'), "twice"),
    "unknown-key-in-row": (in_row(lambda row: row.update(success=True)), "success"),
    "list-row": (lambda good: sealed(contents(good)[0], b"[]\n"), "row 1"),
    "empty-row": (lambda good: sealed(contents(good)[0], b"\n"), "row 1"),
    "no-newline": (lambda good: sealed(contents(good)[0], good_episodes(good)[:-1]), "not what the manifest says"),
    "more-rows-than-sealed": (lambda good: packed(reseal(good, rows=5), good_episodes(good)), "more than the 5 rows"),
    "fewer-rows-than-sealed": (
        lambda good: packed(reseal(good), lines(contents(good)[1][:5])),
        "not what the manifest",
    ),
    "fewer-bytes-than-sealed": (
        lambda good: packed(reseal(good, bytes=100), good_episodes(good)),
        "more than 100 bytes",
    ),
    "steps-10^6": (in_row(lambda row: row.update(actions=["left"] * 10**6)), "actions"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_hostile_documents(lake: Board, lake_bundle: bytes, bundle_file: Path, name: str) -> None:
    change, says = DOCUMENTS[name]
    bundle_file.write_bytes(change(lake_bundle))
    report = verify(bundle_file, board=lake)
    assert report.verdict == "unreadable"
    assert report.reason.isprintable()
    with pytest.raises(BundleUnreadable, match=says):
        list(open_bundle(bundle_file).episodes())


def bomb(members: dict[str, bytes], name: str, size: int) -> bytes:
    """Return a bundle with a member that is zeros of `size` bytes, and says to be what it should be."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros, body, crc = b"0" * (1 << 20), b"", 0
    for _ in range(size >> 20):
        body += deflate.compress(zeros)
        crc = zlib.crc32(zeros, crc)
    body += deflate.flush()
    files, directory = b"", b""
    for member, data in members.items():
        if member == name:
            content, total, check = body, size, crc
        else:
            packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
            content, total, check = packer.compress(data) + packer.flush(), len(data), zlib.crc32(data)
        head = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, check, len(content), total, len(member), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + head
        directory += struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, len(files)) + member.encode()
        files += b"PK\x03\x04" + head + member.encode() + content
    return files + directory + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), len(files), 0)


@pytest.mark.parametrize("name", [MANIFEST, EPISODES])
def test_a_bomb_is_left_when_it_passes_the_limit(lake: Board, lake_bundle: bytes, bundle_file: Path, name: str) -> None:
    manifest, rows = contents(lake_bundle)
    seal = {"rows": 6, "bytes": 1 << 31, "sha256": "0" * 64}
    members = {MANIFEST: json.dumps(manifest | {"episodes": seal}).encode(), EPISODES: lines(rows)}
    bundle_file.write_bytes(bomb(members, name, 192 << 20))
    assert bundle_file.stat().st_size < 2 << 20
    code = (
        "import resource, sys, time; from envbench.leaderboard.verify import verify; "
        "import pickle; "
        "resource.setrlimit(resource.RLIMIT_AS, (1500 << 20, 1500 << 20)); start = time.process_time(); "
        "report = verify(sys.argv[1], board=pickle.loads(bytes.fromhex(sys.argv[2]))); "
        "print(report.verdict, report.reason); assert time.process_time() - start < 5"
    )
    given = [sys.executable, "-c", code, str(bundle_file), pickle.dumps(lake).hex()]
    told = subprocess.run(given, capture_output=True, text=True, timeout=60, check=True).stdout
    assert told.startswith("unreadable")
    assert "longer than" in told or "more than" in told


def written(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def test_more_rows_than_planned_are_not_read(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    manifest, rows = contents(lake_bundle)
    report = verify(written(bundle_file, sealed(manifest, lines(rows[:1]) * 50_000)), board=lake)
    assert (report.verdict, report.checks[-1].name) == ("refused", "size")


def test_steps_beyond_the_limit_are_not_played(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    def stretch(manifest: Any, rows: Any) -> None:
        hashes = rows[0]["state_hashes"][:1] * 100_001
        rows[0].update(actions=["left"] * 100_000, rewards=[0.0] * 100_000, state_hashes=hashes)

    report = verify(written(bundle_file, forged(lake_bundle, stretch)), board=lake)
    assert (report.verdict, report.checks[-1].name) == ("refused", "shapes")
    assert "100000 steps, the limit is 12" in report.reason


def test_a_file_that_is_too_large_is_not_read(
    lake: Board, lake_bundle: bytes, bundle_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MAX_FILE", len(lake_bundle) - 1)
    assert "larger than" in verify(written(bundle_file, lake_bundle), board=lake).reason
    monkeypatch.setattr(bundles, "MAX_FILE", len(lake_bundle))
    assert verify(bundle_file, board=lake).verdict == "accepted"


def test_what_is_no_file_is_not_opened(lake: Board, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder", "absent", "a\x00b", "x" * 300):
        assert verify(tmp_path / name, board=lake).verdict == "unreadable"
    assert verify("/dev/zero", board=lake).verdict == "unreadable"


def test_a_reason_is_one_short_line(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    def fill(manifest: Any, rows: Any) -> None:
        manifest["plan"]["knobs"] = {"slippery": "\x1b[31m" + "a" * 100_000}

    report = verify(written(bundle_file, forged(lake_bundle, fill)), board=lake)
    assert report.verdict == "refused"
    assert report.reason.isprintable()
    assert len(report.reason) < 1000


def test_actions_of_strangers_are_played_as_they_are(lake: Board, lake_bundle: bytes, bundle_file: Path) -> None:
    """An action may be any text: it is refused by the environment, and the report says what came out otherwise."""

    def shout(manifest: Any, rows: Any) -> None:
        rows[0]["actions"][0] = "\x1b]0;evil\x07" + "a" * 4000

    report = verify(written(bundle_file, forged(lake_bundle, shout)), board=lake)
    assert (report.verdict, report.checks[6].name) == ("refused", "replay")
    assert report.reason.isprintable()
