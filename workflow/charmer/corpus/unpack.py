"""The members of a zip or tar archive as one stream, with every claim of the archive bounded.

Notable here: an archive is somebody else's claim. What it says of sizes is not believed: a member is read up to a
limit, and the archive as a whole up to a bound that no honest one reaches, so that a bomb costs neither memory nor
hours. Nothing is ever written to the disk.
"""

from __future__ import annotations

import contextlib
import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, Self

from charmer.corpus.reading import Unreadable

MOST_MEMBERS = 500_000
LARGEST_RATIO = 200  # of unpacked to packed bytes; source code reaches about 10, the format of gzip 1032
SMALLEST_BOMB = 100_000_000  # unpacked bytes below which no ratio is suspicious
LARGEST_HEADER = 1_000_000  # of the extended headers that hold long names

DAMAGE: tuple[type[Exception], ...] = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,  # bz2 and gzip raise it for bad data
    NotImplementedError,  # a compression method that Python lacks
    RuntimeError,
    ValueError,
    struct.error,
)
with contextlib.suppress(ImportError):  # a Python may have been built without it
    from lzma import LZMAError

    DAMAGE += (LZMAError,)


Content = bytes  # `bytes` itself names a field below


class Member(NamedTuple):
    """One entry of an archive.

    `type` is "file" or what else it is in words; `read(limit)` gives at most `limit` + 1 bytes of a file, and works
    only until the next member is asked for.
    """

    path: str
    type: str
    bytes: int
    read: Callable[[int], Content]


def members(file: IO[bytes], packed: int) -> Iterator[Member]:
    """Every entry of the archive `file` of `packed` bytes, in the archive's order.

    Raises:
        Unreadable: it is damaged, a bomb, or has too many members; what was yielded before stands.
    """
    file.seek(0)
    unpacked = zip_members(file, packed) if file.read(2) == b"PK" else tar_members(file, packed)
    count = 0
    while True:
        try:
            member = next(unpacked, None)
        except DAMAGE as error:
            raise Unreadable("damaged", described(error)) from None
        if member is None:
            return
        count += 1
        if count > MOST_MEMBERS:
            raise Unreadable("too many members", f"more than {MOST_MEMBERS:,}")
        yield member


def described(error: Exception) -> str:
    """An exception on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


# --- tar ---------------------------------------------------------------------------------------------------------


def tar_members(file: IO[bytes], packed: int) -> Iterator[Member]:
    file.seek(0)
    stream = _Bounded(_decompressed(file), packed)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_CautiousTarInfo) as tar:  # type: ignore[call-overload]
        while (info := tar.next()) is not None:
            tar.members.clear()  # it would keep them all
            yield Member(info.name, _tar_type(info), info.size, _tar_reader(tar, info))
        while stream.read(1 << 16):  # the checksum of the compressed stream comes last
            pass
    if stream.last.strip(b"\0"):
        raise EOFError("the archive ends without its end mark")


def _decompressed(file: IO[bytes]) -> Any:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    try:
        if magic.startswith(b"BZh"):
            import bz2

            return bz2.BZ2File(file)
        if magic.startswith(b"\xfd7zXZ\0"):
            import lzma

            return lzma.LZMAFile(file)
    except ImportError as error:
        raise Unreadable("damaged", f"this Python cannot unpack it: {error}") from None
    return file


def _tar_type(info: tarfile.TarInfo) -> str:
    tests = {
        "file": info.isreg(),
        "folder": info.isdir(),
        "symbolic link": info.issym(),
        "hard link": info.islnk(),
        "named pipe": info.isfifo(),
        "device": info.ischr() or info.isblk(),
    }
    return next((name for name, holds in tests.items() if holds), "unknown type")


def _tar_reader(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        opened = tar.extractfile(info)
        return opened.read(limit + 1) if opened is not None else b""

    return read


class _Bounded:
    """A stream that stops where no honest archive of that size would still go on, and remembers its last bytes."""

    def __init__(self, stream: Any, packed: int) -> None:
        self.stream = stream
        self.left = most_unpacked(packed)
        self.last = b""

    def read(self, size: int) -> bytes:
        data: bytes = self.stream.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise Unreadable("compression bomb", "unpacks to over 200 times its size")
        self.last = data[-tarfile.BLOCKSIZE :] or self.last
        return data


class _CautiousTarInfo(tarfile.TarInfo):
    """Refuses headers that would make tarfile read without bound before anyone can object."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)
        extended = {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
        long_names = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
        if info.type in extended | long_names and info.size > LARGEST_HEADER:
            raise Unreadable("compression bomb", f"a header of {info.size:,} bytes")
        return info


def most_unpacked(packed: int) -> int:
    """The bytes to which an archive of `packed` bytes may unpack."""
    return max(SMALLEST_BOMB, LARGEST_RATIO * packed)


# --- zip ---------------------------------------------------------------------------------------------------------


def zip_members(file: IO[bytes], packed: int) -> Iterator[Member]:
    directory = _directory_bytes(file, packed)
    if directory > 100 * MOST_MEMBERS:  # zipfile would read all of it at once
        raise Unreadable("too many members", f"a directory of {directory:,} bytes")
    left = most_unpacked(packed)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():

            def read(limit: int, info: zipfile.ZipInfo = info) -> bytes:
                nonlocal left
                with archive.open(info) as opened:
                    data = opened.read(limit + 1)
                left -= len(data)
                if left < 0:
                    raise Unreadable("compression bomb", "unpacks to over 200 times its size")
                return data

            yield Member(info.filename, _zip_type(info), info.file_size, read)


def _zip_type(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if info.is_dir():
        return "folder"
    if stat.S_ISLNK(mode):
        return "symbolic link"
    return "encrypted" if info.flag_bits & 1 else "file"


def _directory_bytes(file: IO[bytes], packed: int) -> int:
    """The size of a zip's central directory as its end record states it."""
    file.seek(max(0, packed - 66_000))
    tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 16:
        return 0
    (size,) = struct.unpack_from("<L", tail, end + 12)
    end64 = tail.rfind(b"PK\6\6")
    if size == 0xFFFF_FFFF and end64 >= 0 and len(tail) >= end64 + 48:
        (size,) = struct.unpack_from("<Q", tail, end64 + 40)
    return int(size)
