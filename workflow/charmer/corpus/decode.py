"""Bytes of a Python file into text, the way Python itself reads them, and a way further where Python gives up.

Notable here:
- Candidates come in Python's order: byte order mark, PEP 263 declaration, strict UTF-8; then what chardet detects.
- The first candidate that parses wins. If none does, one that falls into tokens beats one that does not: a wrong
  multi-byte reading eats quotes and line ends, and Python code seldom survives that.
- So for any file that `tokenize.open` accepts, the text is its text, newlines made \n as it does; the one exception
  is a declared encoding under which the code falls apart while another reading is whole.
- Nothing is thrown away in silence: characters that no candidate could read become U+FFFD, and are counted.
"""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Iterator
from typing import Literal, NamedTuple

import chardet
from chardet.enums import EncodingEra

from charmer.corpus.parsing import PARSES, soundness

# Longer marks first: UTF-32's little-endian mark begins with UTF-16's.
MARKS = [
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
]
# As in the standard library's tokenize, but on bytes, so that an undecodable first line hides no declaration.
DECLARATION = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
BLANK = re.compile(rb"^[ \t\f]*(?:[#\r\n]|$)", re.ASCII)

# A text is taken for damaged rather than for another encoding if at most this share of its non-ASCII characters
# is undecodable. Text in a legacy encoding forms valid UTF-8 sequences almost never, so the bound may be generous.
DAMAGED_SHARE = 0.25

# Codecs of escapes, which know no replacement or make lone surrogates of it; as a strict declaration they are fine.
CANNOT_REPLACE = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7"}
CANNOT_REPLACE |= {codecs.lookup(name).name for name in CANNOT_REPLACE}

WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"]

# Python in UTF-16 without a mark is still mostly ASCII characters; other bytes read as UTF-16 look like Chinese.
LARGEST_FOREIGN_SHARE = 0.6

# EBCDIC is left out: no file that begins with a readable `import` is in it.
ERAS = EncodingEra.ALL & ~EncodingEra.MAINFRAME
DETECTED_CANDIDATES = 5

Origin = Literal["bom", "declared", "utf-8", "detected"]


class Decoded(NamedTuple):
    """A file's text with \\n for newlines, and how it was read.

    `encoding` is the name of a Python codec, `replaced` counts the characters that became U+FFFD, `newline` is what
    the file held: lf, crlf, cr, mixed or none.
    """

    text: str
    encoding: str
    encoding_from: Origin
    replaced: int
    newline: str


class Reading(NamedTuple):
    """One candidate: a codec, who proposed it, and the text that it makes of the bytes."""

    encoding: str
    origin: Origin
    text: str
    replaced: int = 0


def decode(data: bytes) -> Decoded:
    """Decode the bytes of one file. Never fails: what cannot be read is replaced and counted."""
    reading = _read(data)
    text = reading.text
    newline = newline_style(text)
    if newline not in {"lf", "none"}:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Decoded(text, reading.encoding, reading.origin, reading.replaced, newline)


def newline_style(text: str) -> str:
    """lf, crlf, cr, mixed, or none: the line ends that `text` holds."""
    if "\r" not in text:
        return "lf" if "\n" in text else "none"
    pairs = text.count("\r\n")
    counts = {"crlf": pairs, "cr": text.count("\r") - pairs, "lf": text.count("\n") - pairs}
    held = [style for style, count in counts.items() if count]
    return held[0] if len(held) == 1 else "mixed"


def _read(data: bytes) -> Reading:
    for mark, codec, name in MARKS:
        if data.startswith(mark):
            body = data[len(mark) :]
            return (_strict(body, codec, "bom") or _replaced(body, codec, "bom"))._replace(encoding=name)
    utf8 = _strict(data, "utf-8", "utf-8")
    declaration = declared(data)
    first = utf8
    if declaration is not None:
        first = _faithful(_strict(data, declaration, "declared"), data) or utf8
    if first is not None and b"\0" not in data:
        undisputed = utf8 is not None and first.text == utf8.text
        if undisputed or soundness(first.text):
            return first
    best, best_soundness = first, 0 if first is not None else -1
    for reading in _others(data, utf8, declaration):
        score = soundness(reading.text)
        if score > best_soundness:
            best, best_soundness = reading, score
        if score == PARSES:
            break
    return best or _replaced(data, "utf-8", "utf-8")


def declared(data: bytes) -> str | None:
    """The codec that a PEP 263 declaration in the first two lines names, if Python has it and it makes text."""
    for line in data.split(b"\n", 2)[:2]:
        if match := DECLARATION.match(line):
            try:
                codec = codecs.lookup(_normal_name(match[1].decode("ascii")))
            except LookupError:
                return None
            return codec.name if getattr(codec, "_is_text_encoding", True) else None
        if not BLANK.match(line):
            return None
    return None


def _normal_name(name: str) -> str:
    """Emacs' names of encodings with line ends (`utf-8-unix`), which Python knows for two encodings."""
    beginning = name[:12].lower().replace("_", "-") + "-"
    if beginning.startswith("utf-8-"):
        return "utf-8"
    return "latin-1" if beginning.startswith(("latin-1-", "iso-8859-1-", "iso-latin-1-")) else name


def _faithful(reading: Reading | None, data: bytes) -> Reading | None:
    """The reading, if it still holds the declaration it came from, as PEP 263 asks: UTF-16 without a mark does not."""
    match = re.search(rb"coding[:=][ \t]*[-\w.]+", data)
    kept = reading is not None and match is not None and match[0].decode("ascii") in reading.text
    return reading if kept else None


def _others(data: bytes, utf8: Reading | None, declaration: str | None) -> Iterator[Reading]:
    """Every further candidate, most credible first; each differs from those before it."""
    if b"\0" in data:
        for codec in WIDE[:4]:
            wide = _strict(data, codec, "detected")
            if wide is not None and "\0" not in wide.text and _beyond_ascii(wide.text) < LARGEST_FOREIGN_SHARE:
                yield wide
    if utf8 is not None:
        yield utf8
        return
    proposed: list[tuple[str | None, Origin]] = [("utf-8", "utf-8"), (declaration, "declared")]
    for name, origin in proposed:
        if name is not None and name not in CANNOT_REPLACE:
            damaged = _replaced(data, name, origin)
            if damaged.replaced <= DAMAGED_SHARE * len(damaged.text) * _beyond_ascii(damaged.text):
                yield damaged
    yield from _detected(data)


def _detected(data: bytes) -> Iterator[Reading]:
    """What chardet proposes for the lines that hold more than ASCII, as far as it decodes the whole file."""
    lines = b"\n".join(line for line in data.splitlines() if not line.isascii())
    ranking = chardet.detect_all(
        lines,
        ignore_threshold=True,
        compat_names=False,
        encoding_era=ERAS,
        exclude_encodings=WIDE,
        max_bytes=max(len(lines), 1),
    )
    seen: set[str] = set()
    for name in [str(result["encoding"]) for result in ranking if result["encoding"]] + ["cp1252", "latin-1"]:
        reading = _strict(data, name, "detected")
        if reading is not None and reading.text not in seen:
            seen.add(reading.text)
            yield reading
        if len(seen) == DETECTED_CANDIDATES:
            return


def _strict(data: bytes, codec: str, origin: Origin) -> Reading | None:
    """The text if every byte of it is valid under `codec`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unicode_escape warns of unknown escapes
            text = data.decode(codec)
        text.encode("utf-8")  # utf-7 and the escape codecs can make lone surrogates, which are no text
    except (UnicodeError, LookupError, ValueError):
        return None
    return Reading(codec, origin, text)


def _replaced(data: bytes, codec: str, origin: Origin) -> Reading:
    """The text with U+FFFD for whatever is invalid under `codec`, and how many characters that were."""
    text = data.decode(codec, "replace")
    kept = data.decode(codec, "ignore")
    return Reading(codec, origin, text, text.count("\ufffd") - kept.count("\ufffd"))


def _beyond_ascii(text: str) -> float:
    """The share of a text's characters that are not ASCII."""
    return sum(character > "\x7f" for character in text) / max(len(text), 1)
