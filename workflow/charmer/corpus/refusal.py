"""Why a file did not become a row: one closed list of reasons, so that a table can count by them."""

from __future__ import annotations

from typing import NamedTuple

REASONS = {
    "too large": "above scrape.max_file_mb",
    "empty": "no characters, a byte order mark aside",
    "not a regular file": "a named pipe, socket, device, or a link inside an archive or a repository",
    "symbolic link loop": "a link that leads back to itself",
    "broken symbolic link": "a link to nothing",
    "linked folder": "a symbolic link to a folder; its target is read where it lies, or not at all",
    "virtual environment": "a folder with pyvenv.cfg or conda-meta: other people's packages inside a directory",
    "permission denied": "a file or folder this user may not read",
    "vanished": "listed, but gone when it was to be read",
    "changed while read": "its size or time differed before and after reading",
    "unreadable": "the operating system gave another error",
    "NUL bytes": "the text holds U+0000: binary data, not Python",
    "not a notebook": "no JSON of a notebook, or one of another language",
    "crashes the parser": "Python's own parser crashed on it",
    "not in the record": "an installed distribution without a record of its files",
    "outside": "an archive member whose path is absolute or climbs out of the archive",
    "compression bomb": "unpacks to far more than an honest archive of that size",
    "too many members": "an archive with more members than an honest one has",
    "encrypted": "an archive member that needs a password",
    "damaged": "a truncated or corrupt archive, member or repository object",
    "missing object": "an object that the repository lacks",
    "submodule": "another repository, linked at this place",
}


class Refusal(NamedTuple):
    """One file (or folder, or archive) that was found and is not in the shards.

    `reason` is a key of REASONS, `detail` what exactly was seen, `bytes` the size on the disk or -1 if unknown.
    """

    package: str
    path: str
    bytes: int
    reason: str
    detail: str = ""
