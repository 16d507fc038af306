"""The zip reader: whole round trips, and members that are not what their headers say."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envbench.errors import BundleUnreadable
from envbench.leaderboard import archive
from envbench.leaderboard.archive import read_archive, write_archive

NAMES = ("one", "two")
LARGE = 1 << 30


def written(one: bytes, two: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    write_archive(buffer, dict(zip(NAMES, (one, two), strict=True)))
    return buffer.getvalue()


def content(data: bytes, member: int = 0, limit: int = LARGE) -> bytes:
    return b"".join(read_archive(data, NAMES)[member].chunks(limit))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 40_000), st.sampled_from([1 << 20, 1000, 257, 1]))
def test_what_was_written_is_read(piece: bytes, times: int, chunk: int) -> None:
    """Also where the last bytes that are fed stand for more than one chunk."""
    data = (piece * times)[:300_000]
    packed = written(data, piece)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive, "_CHUNK", max(chunk, len(data) // 500 + 1))
        patch.setattr(archive, "_PIECE", 64)
        assert content(packed) == data
        assert content(packed, member=1) == piece


def test_the_limit_is_the_last_length_that_is_read() -> None:
    packed = written(b"a" * 5000)
    assert content(packed, limit=5000) == b"a" * 5000
    with pytest.raises(BundleUnreadable, match="more than 4999"):
        content(packed, limit=4999)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def member(name: str, packed: bytes, data: bytes, told: int | None = None) -> tuple[bytes, bytes]:
    """Return a local file and the head of its entry in the directory, of `packed` that says to be `data`."""
    size = len(packed) if told is None else told
    head = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, zlib.crc32(data), size, len(data), len(name), 0)
    return b"PK\x03\x04" + head + name.encode() + packed, b"PK\x01\x02" + struct.pack("<H", 20) + head


def assembled(*members: tuple[bytes, bytes], gap: bytes = b"") -> bytes:
    files = directory = b""
    for name, (local, head) in zip(NAMES, members, strict=True):
        directory += head + struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, len(files)) + name.encode()
        files += local
    files += gap
    return files + directory + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), len(files), 0)


SECOND = member("two", deflated(b"b"), b"b")
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "two-streams": (lambda: assembled(member("one", deflated(b"a") * 2, b"aa"), SECOND), "goes on after its end"),
    "bytes-after-the-stream": (
        lambda: assembled(member("one", deflated(b"a") + bytes(1 << 17), b"a"), SECOND),
        "goes on after its end",
    ),
    "half-a-stream": (lambda: assembled(member("one", deflated(b"abc" * 99)[:-4], b"abc" * 99), SECOND), "too early"),
    "no-stream": (lambda: assembled(member("one", b"", b""), SECOND), "too early"),
    "no-deflate": (lambda: assembled(member("one", b"\xff" * 20, b"a"), SECOND), "damaged"),
    "other-bytes": (lambda: assembled(member("one", deflated(b"a"), b"b"), SECOND), "not what its header says"),
    "other-length": (lambda: assembled(member("one", deflated(b"aa"), b"a"), SECOND), "not what its header says"),
    "longer-than-the-file": (lambda: assembled(member("one", deflated(b"a"), b"a", 1 << 31), SECOND), "one is cut"),
    "gap": (lambda: assembled(member("one", deflated(b"a"), b"a"), SECOND, gap=b"hidden"), "belong to no member"),
    "no-directory": (
        lambda: b"PK\x03\x04PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 2, 2, 0, 4, 0),
        "cut before one",
    ),
}


def test_what_is_assembled_by_hand_is_read() -> None:
    assert content(assembled(member("one", deflated(b"a"), b"a"), SECOND)) == b"a"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_members(name: str) -> None:
    make, says = HOSTILE[name]
    with pytest.raises(BundleUnreadable, match=says):
        content(make())
