"""The bytes of one file on the disk, or why it has none: never blocks, never reads more than allowed."""

# Paths stay strings here, for speed and so that names of any bytes pass through.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import os
import stat

from charmer.corpus.directories import file_type, obstacle


class Unreadable(Exception):
    """A file that gives no content; `reason` is a key of charmer.corpus.refusal.REASONS."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def read(place: str, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    The file may have become anything since it was listed, so it is opened without waiting (a named pipe would wait
    for its writer for ever), asked what it is, and asked again after reading whether it stayed the same.

    Raises:
        Unreadable: it is no regular file, too large, gone, forbidden, or changed meanwhile.
    """
    try:
        status = os.stat(place)
        if not stat.S_ISREG(status.st_mode):  # opening a device can itself do something
            raise Unreadable("not a regular file", file_type(status.st_mode))
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb", buffering=0) as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise Unreadable("not a regular file", file_type(before.st_mode))
            if before.st_size > limit:
                raise Unreadable("too large", f"{before.st_size:,} bytes, limit {limit:,}")
            data = _read_up_to(file, before.st_size + 1)
            after = os.fstat(handle)
    except OSError as error:
        raise Unreadable(*obstacle(error, place)) from None
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        now = max(after.st_size, len(data))
        raise Unreadable("changed while read", f"{before.st_size:,} bytes before, {now:,} after")
    return data


def _read_up_to(file: object, count: int) -> bytes:
    parts = []
    while count > 0 and (part := file.read(count)):  # type: ignore[attr-defined]
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
