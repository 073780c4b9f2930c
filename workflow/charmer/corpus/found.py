"""What a source yields: files, each with the package it belongs to, before anything of them is read."""

from __future__ import annotations

import os
import re
from typing import NamedTuple


class Package(NamedTuple):
    """To whom a file belongs: name, version, SPDX licence expression and where that was found."""

    name: str
    version: str | None = None
    licence: str | None = None
    licence_from: str | None = None


Content = bytes  # `bytes` itself names a field below


class Found(NamedTuple):
    """One file of a source.

    Either `place` (a path on the disk, still to be read) or `content` (already read, from an archive or a
    repository) is set. `path` is relative to the source, `kind` is py, pyi, notebook or script, `bytes` the size.
    """

    package: Package
    path: str
    kind: str
    bytes: int
    place: str | None = None
    content: Content | None = None


def normalized(name: str) -> str:
    """A distribution's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def shown(path: str) -> str:
    r"""A path of the file system as text: posix, and each byte that is not UTF-8 as \xNN, so free of surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        path = os.fsencode(path).decode("utf-8", "backslashreplace")
    return path.replace(os.sep, "/") if os.sep != "/" else path
