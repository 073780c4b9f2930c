"""Could a text become parseable Python by some continuation?

The judge is the parser of the interpreter that runs, so the grammar is exact for whichever version that is: CPython
tells a text that ends too early from one that is wrong (`PyCF_ALLOW_INCOMPLETE_INPUT`, which `codeop` and the
interactive prompt use), once its end is made one of a token and not of a line: a backslash and a newline do that.
(parso's grammar lacks `match`, and tree-sitter mends what is wrong instead of refusing it.)

Notable here:
- The last token may be a part of one: `x = 1 i` can only become `1 if`, `1 in` or `1 is`, and `0x` needs a digit. So
  the text is tried as it stands, and then with each of a few endings. An ending that the parser goes on from is a
  proof; a text is refused when none is left.
- The parser sees only what can still matter (`shortened`): of the statements before the cursor's, the headers of the
  blocks around it, and what an `else` or an `except` may belong to. So a check takes the same time in any file, about
  a tenth of a millisecond where the text is good.
- "Parse" is what `ast.parse` answers. What the compiler refuses later (`return` outside of a function) passes.

Known to be accepted though nothing can follow: the beginning of a name in `"\\N{...` that no character has.
"""

from __future__ import annotations

import ast
import codeop
import functools
import itertools
import keyword
import re
import warnings
from collections.abc import Callable, Iterator

from charmer.inference.lexical import FIELD, FORMAT, NESTED_QUOTES, Frame, Lexed, scan
from charmer.inference.style import unix

_FLAGS = ast.PyCF_ONLY_AST | codeop.PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined]
_REFUSALS = (
    SyntaxError,
    ValueError,
    RecursionError,
    MemoryError,
    OverflowError,
)  # answers to bad text
_KEYWORDS = sorted({*keyword.kwlist, *keyword.softkwlist})
_NUMBERS = ("0", "j", ".0", "e0")  # endings of a number that begins as octal once did, or breaks off
_OPERATORS = {**dict.fromkeys("=:*/<>@%&|^+", ("=",)), "-": ("=", ">", "0"), "+": ("=", "0"), ".": (".", "..", "0")}
_OPERATORS |= {"!": ("=",), "*": ("*", "="), "<": ("<", "="), ">": (">", "="), "/": ("/", "="), "\\": ("\n",)}
_STRING_PREFIXES = {"r", "u", "b", "f", "br", "rb", "fr", "rf"}
_LAST_WORD = re.compile(r"\w+\Z")
_GOES_ON = ("else", "elif", "except", "finally")  # words that continue a statement at its own indentation
_NAME = re.compile(r"\\N(\{[A-Za-z0-9 \-]{0,88})?\Z")
_CONVERSION = re.compile(r"!(\w*)\Z")
_TAB = 8


class Prefix:
    """A text that is written on: `alive(more)` says whether text and `more` together could become parseable."""

    def __init__(self, before: str) -> None:
        self._before = shortened(unix(before))

    def alive(self, more: str) -> bool:
        """Whether some continuation makes the text with `more` behind it parse."""
        return alive(self._before + unix(more))

    def whole(self, more: str) -> str:
        """`more`, which is alive, without a word at its end that only as a part of a longer one is: `1 no` of `not`."""
        text = self._before + unix(more)
        found = scan(text)
        within = found.comment or any(frame.quotes for frame in found.open)
        return more if within or _incomplete(text) else _LAST_WORD.sub("", more).rstrip()

    def accepts(self, more: bytes, shown: Callable[[str], str] = str) -> bool:
        """The same for UTF-8 that may end inside a character; `shown` makes the text that is inserted of what it is."""
        try:
            return self.alive(shown(more.decode()))
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return False
            return any(self.alive(shown(text)) for text in _completed(more, error.start))


def alive(text: str) -> bool:
    """Whether some continuation makes `text` parse. Its line ends are newlines.

    >>> alive("def area(wid"), alive("def area(wid)) ")
    (True, False)
    """
    if "\0" in text:
        return False
    found = scan(text)
    if found.broken is not None:
        return False
    if found.open and found.open[-1].quotes and (name := _NAME.search(text)):
        return alive(text[: name.start()])  # what is written of the name names nothing yet
    if not NESTED_QUOTES and (place := _field(found)) is not None:
        return _field_alive(text, found.open[:place], found.open[place].start)
    return any(_incomplete(text + ending) for ending in _endings(text, found))


def shortened(text: str) -> str:
    """A text that can be continued exactly as `text` can, without the statements that no longer matter.

    A text that is broken already may come back as it is.
    """
    starts = scan(text).lines
    levels: list[tuple[int, list[str]]] = []  # columns, and the newest statement there with what belongs to it
    for start, stop in itertools.pairwise(starts):
        line = text[start:stop]
        code = line.lstrip(" \t\f")
        if code[0] in "#\n":
            continue
        if code[0] == "\\":
            return text
        column = len(line[: len(line) - len(code)].expandtabs(_TAB))
        while levels and levels[-1][0] > column:
            _, inner = levels.pop()
            if not levels or levels[-1][0] < column:
                return text
            levels[-1][1].extend(inner)
        if not levels or levels[-1][0] < column:
            levels.append((column, [line]))
            continue
        statement = levels[-1][1]
        if not code.startswith(_GOES_ON) and not _decorates(statement[-1]):
            statement.clear()
        statement.append(line)
    return "".join(line for _, statement in levels for line in statement) + text[starts[-1] :]


def _decorates(line: str) -> bool:
    return line.lstrip().startswith("@")


def _endings(text: str, found: Lexed) -> Iterator[str]:
    """What might follow `text` up to the end of its last token, most likely first."""
    if found.comment:
        yield "\n"
        return
    top = found.open[-1] if found.open else None
    if top is not None and (top.quotes or top.opener == FORMAT):
        yield from _closings(text, found)
        return
    if top is not None and top.opener == FIELD and (conversion := _CONVERSION.search(text)):
        if conversion[1] in ("", "s", "r", "a"):  # the parser would learn of another one only at the string's end
            yield ""
        return
    yield ""
    tail = _LAST_WORD.search(text)
    if tail is None:
        yield from _OPERATORS.get(text[-1:], ())
    elif not tail[0][0].isdigit():
        yield "_"
        yield from (name[len(tail[0]) :] for name in _KEYWORDS if name.startswith(tail[0]))
        yield from ('""', 'b""') if tail[0].lower() in _STRING_PREFIXES else ()
        yield from ("0",) if tail[0] in "eE" else ()  # 1.e5
    else:
        yield from _NUMBERS
        for size in range(min(len(tail[0]), 7), 0, -1):  # a keyword may follow a number without a blank: 1if
            yield from (name[size:] for name in _KEYWORDS if name.startswith(tail[0][-size:]) and len(name) > size)


def _closings(text: str, found: Lexed) -> Iterator[str]:
    """What ends the innermost string, whose escapes may be incomplete, and with it the formats inside of it."""
    place = max(number for number, frame in enumerate(found.open) if frame.quotes)
    formats = "}" * sum(frame.opener == FORMAT for frame in found.open[place:])
    for part in ("", "\\", "}", *("0" * size for size in range(1, 9))):  # of an escape, or of a brace of two
        ending = part + formats + found.open[place].quotes
        if len(scan(text + ending).open) == place:
            yield ending


def _incomplete(text: str) -> bool:
    """Whether the parser wants more behind the last token of `text`, or, where that ends its line, nothing more."""
    line = text.rpartition("\n")[2]
    if not line.strip() and not _continued(text[: len(text) - len(line)]):
        found = scan(text)
        if not found.open:
            return _verdict(text[: len(text) - len(line)]) is not False
    return _verdict(text + " \\\n") is None and _last_strings_parse(text)


def _continued(text: str) -> bool:
    """Whether the last line ends in a backslash outside of a comment."""
    return text.endswith("\\\n") and not scan(text[:-2]).comment


def _verdict(text: str) -> bool | None:
    """Whether the interpreter parses `text`; None: it could with more behind it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "<text>", "exec", _FLAGS, dont_inherit=True)
    except SyntaxError as error:
        return None if error.msg == "incomplete input" else False
    except _REFUSALS:
        return False
    return True


def _last_strings_parse(text: str) -> bool:
    """Whether the strings at the end, if `text` ends with any, are good: the parser asks for the next token before it
    looks at them, and says of any fault there that the input is incomplete."""
    if not text.endswith(("'", '"')):
        return True
    strings = scan(text).strings
    if not strings or strings[-1][1] != len(text):
        return True
    first = len(strings) - 1
    while first and not re.sub(r"\s+|\\\n|#[^\n]*", "", text[strings[first - 1][1] : strings[first][0]]):
        first -= 1
    run = text[strings[first][0] :]
    return _verdict(f"({run}\n)") is True


def _field(found: Lexed) -> int | None:
    """Which of what is open is the replacement field that holds the end as code; None: the end is in none."""
    openers = [frame.opener for frame in found.open]
    if FIELD not in openers or openers[-1] == FORMAT:
        return None
    return len(openers) - 1 - openers[::-1].index(FIELD)


def _field_alive(text: str, outside: list[Frame], start: int) -> bool:
    """`alive` for a text that ends in the field that begins at `start`: before Python 3.12 a string is one token, whose
    fields are read as expressions in brackets when it is whole."""
    if not alive(text[:start]):
        return False
    code = text[start + 1 :]
    conversion = _CONVERSION.search(code)
    if conversion and scan("(" + code).open == [Frame("(", 0)]:
        around = Lexed([*outside, Frame(FIELD, start), Frame(FORMAT, len(text))])
        text += "" if conversion[1] else "r"
        return any(_incomplete(text + ending) for ending in _closings(text, around))
    return alive("(" + code)


def _completed(more: bytes, start: int) -> Iterator[str]:
    """Texts that begin with `more`, which ends inside a character: with one of each kind that this may become."""
    text, rest = more[:start].decode(), more[start:]
    seen = set()
    for code in _codepoints(rest):
        kind = chr(code).isidentifier(), ("a" + chr(code)).isidentifier(), chr(code).isspace()
        if kind not in seen:
            seen.add(kind)
            yield text + chr(code)


@functools.lru_cache(maxsize=64)
def _codepoints(rest: bytes) -> range:
    """The characters whose UTF-8 begins with `rest`."""
    size = 2 if rest[0] < 0xE0 else 3 if rest[0] < 0xF0 else 4
    value = rest[0] & (0xFF >> (size + 1))
    for byte in rest[1:]:
        value = value << 6 | byte & 0x3F
    free = 6 * (size - len(rest))
    smallest = {2: 0x80, 3: 0x800, 4: 0x10000}[size]
    codes = range(max(value << free, smallest), min((value + 1) << free, 0x110000))
    return range(codes.start, 0xD800) if codes.start < 0xD800 < codes.stop else codes
