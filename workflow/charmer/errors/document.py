"""A person's file as text, and back to the same bytes: encoding, ends of lines, mode and all that an edit leaves alone.

Notable here: places count characters of a text whose lines end in "\\n". The file's own ends of lines come back when an
edit is made on its bytes, so a file that mixes them keeps every one that is not inside the edit.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import stat
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charmer.common.failure import Failure
from charmer.common.files import replacing
from charmer.errors.edits import Edit, smallest

MAX_BYTES = 8_000_000


@dataclass(frozen=True)
class Document:
    """A file of Python that was read.

    Attributes:
        path: without links, absolute.
        name: as the person named it.
        content: its bytes.
        encoding: by its byte order mark or its coding line, else UTF-8.
        text: its characters, lines ended by "\\n".
    """

    path: Path
    name: str
    content: bytes
    encoding: str
    text: str

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a file.

        Raises:
            Failure: it is absent, empty, binary, too large, or no text in its encoding.
        """
        real = path.resolve()
        try:
            if not stat.S_ISREG(real.stat().st_mode):
                raise Failure(f"{path}: is no file; name a file of Python code")
            if real.stat().st_size > MAX_BYTES:
                raise Failure(
                    f"{path}: is too large to be code that a person wrote ({MAX_BYTES // 1_000_000} MB at most)"
                )
            content = real.read_bytes()
        except FileNotFoundError:
            raise Failure(f"{path}: there is no such file") from None
        except OSError as error:
            raise Failure(f"{path}: cannot be read ({error.strerror})") from error
        if not content.strip():
            raise Failure(f"{path}: is empty; there is nothing to fix")
        if b"\0" in content:
            raise Failure(f"{path}: is a binary file, no Python code")
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            text = content.decode(encoding)
            exact = text.encode(encoding) == content
        except (SyntaxError, LookupError, UnicodeError) as error:
            raise Failure(
                f"{path}: cannot be decoded ({error}); write it as UTF-8, or name its encoding at its top"
            ) from None
        if not exact:
            raise Failure(f"{path}: would not come out of its encoding {encoding} as it went in; save it as UTF-8")
        return cls(real, str(path), content, encoding, text.replace("\r\n", "\n").replace("\r", "\n"))

    def with_text(self, text: str) -> bytes:
        """The file's bytes with `text` in place of its own: the lines between the first and the last character that
        differ end as their neighbour does, all others as they did.

        Raises:
            UnicodeEncodeError: the encoding lacks a character of `text`.
        """
        edit = smallest(self.text, Edit(0, len(self.text), text))
        return self.edited(edit)

    def edited(self, edit: Edit) -> bytes:
        """The file's bytes with an edit of `text` made, new lines ended as their neighbour is.

        Raises:
            UnicodeEncodeError: the encoding lacks a character of the replacement.
        """
        own = self.content.decode(self.encoding)
        places = self._places(own)
        start, end = places[edit.start], places[edit.end]
        line_end = own.find("\n", start) if "\n" in own[start:] else own.rfind("\n")
        newline = "\r\n" if line_end > 0 and own[line_end - 1] == "\r" else "\n" if line_end >= 0 else "\r"
        if line_end < 0 and "\r" not in own:
            newline = "\n"
        return (own[:start] + edit.replacement.replace("\n", newline) + own[end:]).encode(self.encoding)

    @staticmethod
    def _places(own: str) -> list[int]:
        """For each character of `text`, and its end, the place in the decoded file."""
        if "\r\n" not in own:
            return list(range(len(own) + 1))
        return [place for place, character in enumerate(own) if character != "\n" or own[place - 1 : place] != "\r"] + [
            len(own)
        ]

    def check_writable(self) -> None:
        """
        Raises:
            Failure: the file or its folder may not be written.
        """
        mode = self.path.stat().st_mode
        if not mode & 0o222 or not os.access(self.path, os.W_OK):  # root may write what is meant to stay as it is
            raise Failure(f"{self.name}: is read-only; leave out --write to see the patch, or make it writable")
        if not os.access(self.path.parent, os.W_OK):
            raise Failure(f"{self.name}: its folder may not be written; leave out --write to see the patch")

    def write(self, content: bytes) -> None:
        """Put `content` in the file's place, at once or not at all, with its mode and owner.

        Raises:
            Failure: somebody changed the file since it was read, or it cannot be written.
        """
        if self.path.read_bytes() != self.content:
            raise Failure(f"{self.name}: was changed meanwhile and is left as it is; run the same command again")
        before = self.path.stat()
        with replacing(self.path) as temporary:
            temporary.write_bytes(content)
            with contextlib.suppress(PermissionError):
                os.chown(temporary, before.st_uid, before.st_gid)
            temporary.chmod(stat.S_IMODE(before.st_mode))


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes that would fix the same file out. The lock is the kernel's and ends with this process.

    Raises:
        Failure: another process is at it.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"{path}: another `charmer fix` is at work on it; wait for its end") from None
        except OSError:  # a file system without locks
            pass
        yield
