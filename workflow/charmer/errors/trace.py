"""A traceback as text: its frames, and the exception that ended it.

Notable here:
- Two writers are understood, and both in one log: the interpreter (chains, groups, syntax errors) and `pytest` in each
  of its `--tb` styles. Of several tracebacks the last one counts. Colors, indentation, and what a log or a container's
  runner puts before each line do not disturb.
- An exception may have any name (`struct.error`, `Http404`), so it is known by its place: behind the frames, and two
  columns to the left of `File`. Only where nobody says that a traceback begins must the name sound like an exception's.
- A message is its first line: nothing tells its second from a note or from the log that goes on.
- A line is read once, by patterns that take time in proportion to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COLOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NEWLINE = re.compile(r"\r+\n?|\n")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\d]*(?:Z|[+-]\d\d:?\d\d)? ")
_HEADER = re.compile(r"(?:[+|] )?(?:Exception Group )?Traceback \(most recent call last\):$")
_FRAME = re.compile(r'(?P<deep>  |)(?<!\S)File "(?P<path>[^"]+)", line (?P<line>\d{1,9})(?:, in (?P<function>\S.*))?$')
_RULE = re.compile(r"(?P<opens>\+-)?(?P<plus>\+)-{12,}(?: (?P<number>\d+|\.\.\.) -{12,})?$")  # round sub-exceptions
_TYPE = r"(?:(?:[^\W\d]\w*|<locals>)\.)*[^\W\d]\w*"
_ERROR = re.compile(rf"(?P<type>{_TYPE})(?::(?P<message>| .*))?$")
_NAMED = re.compile(r"(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Failure|Failed)$")
_PLACE = re.compile(  # of pytest; all but the path and the line may be missing
    r'(?P<path>(?:[A-Za-z]:)?[^\s:"|>][^:]*\.py):(?P<line>\d{1,9}):'
    rf"(?: in (?P<function>\S+)| (?P<type>{_TYPE})(?::(?P<message>| .*))?)?$"
)
LONGEST_HEAD = 200  # characters that a log puts before a line


@dataclass(frozen=True)
class Frame:
    """A place that a traceback names; `function` is "" where it does not say, as of a syntax error."""

    path: str
    line: int
    function: str


@dataclass(frozen=True)
class Trace:
    """A traceback.

    Attributes:
        frames: the outermost first; of an exception out of a group, those of the group before its own.
        type: the exception's name; without its module, unless that is what tells it from others (`struct.error`).
        message: the first line of what it said; may be "".
        groups: where it is the first exception of a group, the group's type and message; the outermost first.
    """

    frames: tuple[Frame, ...]
    type: str
    message: str
    groups: tuple[str, ...] = ()


def read(text: str) -> Trace | None:
    """The last traceback in a text; None where there is none.

    Of a chain it is the exception that ended the program, not those that it says came before; of a group the first
    exception that is no group itself.
    """
    reader = _Reader()
    for line in _NEWLINE.split(_COLOR.sub("", text)):
        stamp = _STAMP.match(line)
        reader.read(line[stamp.end() if stamp else 0 :].rstrip())
    reader.flush()
    return reader.found


@dataclass
class _Reader:
    found: Trace | None = None
    frames: list[Frame] = field(default_factory=list)  # whose exception has not come yet
    # The interpreter's.
    begun: bool = False  # a line said so
    head: str | None = None  # what stands before the exception; None where none is awaited
    sure: bool = False  # what comes behind the head is the exception, however it is called
    groups: list[tuple[int, Trace]] = field(default_factory=list)  # around this line, with the columns of their rules
    skipped: int | None = None  # the column of the group whose second exception has begun
    # pytest's.
    waiting: tuple[str, str] | None = None  # type and message, of which the place may come yet
    quoted: list[Frame] = field(default_factory=list)  # the file that does not parse, in a quoted SyntaxError
    quoting: bool = False  # the line before was one of the exception's

    def read(self, line: str) -> None:
        if "+---" in line and (rule := _RULE.search(line)) is not None:
            self._rule(rule)
        elif line.endswith("(most recent call last):"):
            self._header(line)
        elif line.startswith(("___", "===")):  # pytest's next test
            self.flush()
            self.frames, self.groups, self.skipped, self.head = [], [], None, None
        elif self.skipped is not None:
            return
        elif line.startswith("E   ") or line == "E":
            self._quote(line)
            return
        elif 'File "' in line and (frame := _FRAME.search(line)) is not None and frame.start() < LONGEST_HEAD:
            self.frames.append(_frame(frame))
            self.head = line[: frame.start()]
            self.sure = self.begun and bool(frame["deep"])  # else source stands in the exception's column
        elif ".py:" in line and (place := _PLACE.match(line)) is not None:
            self._place(place)
        elif self.head is not None:
            self._behind(line, self.head)
        self.quoting = False

    def flush(self) -> None:
        """What pytest said of an exception whose place does not follow is complete."""
        if self.waiting is not None and (self.frames or self.quoted):
            self.found = Trace((*self.frames, *self.quoted), *self.waiting)
            self.frames = []
        self.waiting, self.quoted = None, []

    def _header(self, line: str) -> None:
        self.flush()
        header = _HEADER.search(line)
        self.frames, self.head, self.begun = [], None, header is not None  # a stack that was logged has no exception
        while header is not None and self.groups and header.start() < self.groups[-1][0]:  # the group was cut off
            self.groups.pop()
            self.skipped = None

    def _behind(self, line: str, head: str) -> None:
        rest = _without(line, head)
        if not rest or rest[0].isspace():
            return
        error = _ERROR.match(rest)
        if error is None or not (self.sure or _NAMED.search(error["type"])):
            self.sure = False  # the traceback was cut off, and the log goes on
            return
        around = self.groups[-1][1] if self.groups else Trace((), "", "")
        if frames := (*around.frames, *self.frames):
            self.found = Trace(frames, *_said(error), around.groups)
        self.frames, self.head, self.begun = [], None, False

    def _rule(self, rule: re.Match[str]) -> None:
        column = rule.start("plus")
        if self.skipped is not None and column != self.skipped:
            return
        inside = bool(self.groups) and column == self.groups[-1][0]
        if rule["opens"] and rule["number"] and self.found is not None:
            group = self.found
            title = f"{group.type}: {group.message}"
            self.groups.append((column, Trace(group.frames, group.type, group.message, (*group.groups, title))))
            # An exception that was never raised has no frames: only this rule tells where it will stand.
            self.frames, self.head, self.sure = [], rule.string[: rule.start()] + "  | ", True
        elif inside and rule["number"]:
            self.skipped = column
        elif inside:
            self.groups.pop()
            self.skipped = None

    def _quote(self, line: str) -> None:
        first, self.quoting = not self.quoting, True
        if first:
            self.waiting, self.quoted = None, []
        if self.waiting is not None:
            return
        said = line[1:].strip()
        if (frame := _FRAME.search(line)) is not None:
            self.quoted.append(_frame(frame))
        elif first and said.startswith("assert "):
            self.waiting = "AssertionError", said
        elif (error := _ERROR.match(said)) is not None and (first or _NAMED.search(error["type"])):
            self.waiting = _said(error)

    def _place(self, place: re.Match[str]) -> None:
        if self.waiting is not None and not place["function"]:  # the long style, in which it comes last
            self.frames.append(_frame(place))
            self.flush()
        elif place["type"]:  # `--tb=line` of older versions, or a warning or another tool's complaint
            if place["message"] and _NAMED.search(place["type"]) and not place["type"].endswith("Warning"):
                self.found = Trace((_frame(place),), *_said(place))
        else:  # the short style, in which it comes first: another exception's
            self.flush()
            self.frames.append(_frame(place))


def _frame(match: re.Match[str]) -> Frame:
    return Frame(match["path"], int(match["line"]), match["function"] or "")


def _said(error: re.Match[str]) -> tuple[str, str]:
    dotted = error["type"].rpartition("<locals>.")[2]
    bare = dotted.rpartition(".")[2]
    plain = bare[0].isupper() and bare not in {"Error", "Exception"}
    return bare if plain else dotted, (error["message"] or "").strip()


def _without(line: str, head: str) -> str | None:
    """A line without what a log puts before it, whose numbers (the time) differ; None where it has none."""
    if line.startswith(head):
        return line[len(head) :]
    if not any(one.isdigit() for one in head):
        return None
    same = re.match(re.sub(r"\d+", lambda _: r"\d+", re.escape(head)), line)
    return None if same is None else line[same.end() :]
