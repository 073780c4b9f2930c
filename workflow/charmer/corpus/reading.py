"""The bytes of one file on the disk, or why it has none: never blocks, never reads more than allowed."""

# Paths stay strings here, for speed and so that names of any bytes pass through.
# ruff: noqa: PTH114, PTH116, PTH123, SIM115

from __future__ import annotations

import errno
import os
import re
import stat
from typing import IO

SHEBANG = re.compile(rb"#!.*\bpython[0-9.]*w?\b")
SHEBANG_BYTES = 250  # Linux reads no more


class Unreadable(Exception):
    """A file that gives no content; `reason` is a key of charmer.corpus.refusal.REASONS, `size` in bytes if known."""

    def __init__(self, reason: str, detail: str = "", size: int = -1) -> None:
        super().__init__(reason, detail, size)
        self.reason, self.detail, self.size = reason, detail, size


def read(place: str, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    The file may have become anything since it was listed, so it is opened without waiting (a named pipe would wait
    for its writer for ever), asked what it is, and asked again after reading whether it stayed the same.

    Raises:
        Unreadable: it is no regular file, too large, gone, forbidden, or changed meanwhile.
    """
    try:
        with _opened(place) as file:
            before = os.fstat(file.fileno())
            if before.st_size > limit:
                raise Unreadable("too large", f"{before.st_size:,} bytes, limit {limit:,}")
            data = file.read(before.st_size + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise Unreadable(*obstacle(error, place)) from None
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        now = max(after.st_size, len(data))
        raise Unreadable("changed while read", f"{before.st_size:,} bytes before, {now:,} after")
    return data


def head(place: str) -> bytes:
    """The first bytes of a regular file, enough for a shebang; empty if it cannot be read."""
    try:
        with _opened(place) as file:
            return file.read(SHEBANG_BYTES)
    except (OSError, Unreadable):
        return b""


def _opened(place: str) -> IO[bytes]:
    status = os.stat(place)
    if stat.S_ISREG(status.st_mode):  # opening a device can itself do something
        file = open(os.open(place, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)), "rb")
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            return file
        file.close()
    raise Unreadable("not a regular file", file_type(status.st_mode))


def file_type(mode: int) -> str:
    """What a file's mode says it is, in words."""
    tests = {
        "named pipe": stat.S_ISFIFO,
        "socket": stat.S_ISSOCK,
        "character device": stat.S_ISCHR,
        "block device": stat.S_ISBLK,
        "folder": stat.S_ISDIR,
    }
    return next((name for name, test in tests.items() if test(mode)), "unknown type")


def obstacle(error: OSError, place: str = "") -> tuple[str, str]:
    """The reason of refusal, and the detail, for an error of the operating system."""
    message = error.strerror or str(error)
    if error.errno == errno.ELOOP:
        return "symbolic link loop", message
    if isinstance(error, PermissionError):
        return "permission denied", message
    if isinstance(error, FileNotFoundError):
        return ("broken symbolic link" if place and os.path.islink(place) else "vanished"), message
    return "unreadable", message
