"""A zip of known members in a known order, read without believing it.

`envbench submit` writes exactly this: for each member a local header and its deflated bytes, then the directory, then
the end record, nothing before, between or behind. So the reader needs no general one, and what a general one has to
look out for (names with `..`, links, members that overlap, comments, ZIP64, encryption, hidden bytes) does not fit.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from envbench.errors import BundleUnreadable

_LOCAL = Struct("<4s5H3L2H")  # signature, version, flags, method, time, date, crc, packed, size, name, extra
_ENTRY = Struct("<4s6H3L5H2L")  # as above after another version; comment, disk, two attributes, offset
_END = Struct("<4s4H2LH")  # signature, disks, entries here, entries, size, offset, comment
_DATE = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20  # bytes decompressed at a time
_PIECE = 1 << 16  # bytes fed at a time


@dataclass(frozen=True, slots=True)
class Member:
    """The packed bytes of a member and what its header says of them, which is checked, not believed."""

    name: str
    packed: memoryview
    size: int
    crc: int

    def chunks(self, limit: int) -> Iterator[bytes]:
        """Decompress, at most a mebibyte at a time.

        Raises:
            BundleUnreadable: for more than `limit` bytes, for damaged ones, and for others than the header says.
        """
        size, crc = 0, 0
        for chunk in self._inflate():
            size += len(chunk)
            if size > limit:
                raise BundleUnreadable(f"{self.name} holds more than {limit} bytes, the most that is read")
            crc = zlib.crc32(chunk, crc)
            yield chunk
        if (size, crc) != (self.size, self.crc):
            raise BundleUnreadable(f"{self.name} is not what its header says")

    def _inflate(self) -> Iterator[bytes]:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for start in range(0, len(self.packed), _PIECE):
                rest: bytes | memoryview = self.packed[start : start + _PIECE]
                while rest and not inflate.eof:
                    yield inflate.decompress(rest, _CHUNK)
                    rest = inflate.unconsumed_tail
                if inflate.eof and (inflate.unused_data or start + _PIECE < len(self.packed)):
                    raise BundleUnreadable(f"{self.name} goes on after its end")
            while not inflate.eof:  # what the last piece still stands for
                chunk = inflate.decompress(b"", _CHUNK)
                if not chunk:
                    break
                yield chunk
        except zlib.error as error:
            raise BundleUnreadable(f"{self.name} is damaged ({error})") from None
        if not inflate.eof:
            raise BundleUnreadable(f"{self.name} ends too early")


def write_archive(target: object, members: Mapping[str, bytes]) -> None:
    """Write members in their order to a binary file; equal members give equal bytes under one version of zlib."""
    with zipfile.ZipFile(target, "w") as archive:  # type: ignore[call-overload]  # any seekable binary file
        for name, data in members.items():
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, data)


def read_archive(data: bytes, names: Sequence[str]) -> list[Member]:
    """Return the members of an archive of `write_archive`, unread.

    Raises:
        BundleUnreadable: when it holds anything but `names`, in this order and in this form.
    """
    if len(data) < _END.size or data[:4] != b"PK\x03\x04":
        raise BundleUnreadable("this is no zip file; give the FILE that `envbench submit` wrote")
    signature, disk, first_disk, here, entries, size, directory, comment = _END.unpack_from(data, len(data) - _END.size)
    if signature != b"PK\x05\x06" or (disk, first_disk, comment) != (0, 0, 0):
        raise BundleUnreadable("the zip file does not end as one that `envbench submit` wrote: it is cut or changed")
    if (here, entries) != (len(names), len(names)):
        raise BundleUnreadable(f"the zip file holds {entries} members, expected {' and '.join(names)}")
    if directory + size + _END.size != len(data):
        raise BundleUnreadable("the directory of the zip file is not where it should be")
    members = []
    place, end = directory, 0
    for name in names:
        member, end, place = _member(data, name, place, end)
        members.append(member)
    if (end, place) != (directory, directory + size):
        raise BundleUnreadable("the zip file holds bytes that belong to no member")
    return members


def _member(data: bytes, name: str, place: int, start: int) -> tuple[Member, int, int]:
    """Return the member with the directory entry at `place` and the local header at `start`, and where both end."""
    encoded = name.encode("ascii")
    entry_end, body = place + _ENTRY.size + len(encoded), start + _LOCAL.size + len(encoded)
    if max(entry_end, body) > len(data):
        raise BundleUnreadable(f"the zip file is cut before {name}")
    (signature, _, _, flags, method, _, _, crc, packed, size, length, extra, comment, disk, _, mode, offset) = (
        _ENTRY.unpack_from(data, place)
    )
    local = _LOCAL.unpack_from(data, start)
    if (signature, length, extra, comment, disk) != (b"PK\x01\x02", len(encoded), 0, 0, 0):
        raise BundleUnreadable(f"the directory of the zip file has no plain entry {name}")
    if data[place + _ENTRY.size : entry_end] != encoded or data[start + _LOCAL.size : body] != encoded:
        raise BundleUnreadable(f"the zip file holds another member where {name} is expected")
    if not stat.S_ISREG(mode >> 16):
        raise BundleUnreadable(f"{name} is no plain file")
    if (flags, method) != (0, zipfile.ZIP_DEFLATED):
        raise BundleUnreadable(f"{name} is encrypted, or packed in another way than deflated")
    same = (flags, method, crc, packed, size, length, extra)
    if offset != start or local[0] != b"PK\x03\x04" or (*local[2:4], *local[6:]) != same:
        raise BundleUnreadable(f"the two headers of {name} disagree")
    if body + packed > len(data):
        raise BundleUnreadable(f"{name} is cut")
    return Member(name, memoryview(data)[body : body + packed], size, crc), body + packed, entry_end
