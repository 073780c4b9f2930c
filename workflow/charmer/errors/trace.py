"""A traceback as text: its frames, and the exception that ended it.

Notable here: three writers are understood, the interpreter (chains of exceptions and syntax errors among them, the last
exception counts), `pytest` (its long form and its `short test summary`), and both in one log. Marks under the source
and colors do not disturb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_FRAME = re.compile(r'^[ \t|+-]*File "(?P<path>[^"\n]+)", line (?P<line>\d+)(?:, in (?P<function>[^\n]+))?$')
_PYTEST = re.compile(r"^(?P<path>[^\s:][^:\n]*\.py):(?P<line>\d+): (?:in (?P<function>\w+)|(?P<error>\w[\w.]*)?)\s*$")
_ERROR = re.compile(r"^[ \t|]*(?:E   +)?(?P<type>(?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: (?P<message>.*))?$")
_NAMED = re.compile(r"(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Failure|Failed)$")


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
        frames: the outermost first.
        type: the exception's name without its module.
        message: what it said; may be "".
    """

    frames: tuple[Frame, ...]
    type: str
    message: str


def read(text: str) -> Trace | None:
    """The last traceback in a text; None where there is none.

    Of a chain it is the exception that ended the program, not those that it says came before.
    """
    frames: list[Frame] = []
    found: Trace | None = None
    waiting: tuple[str, str] | None = None  # pytest names the exception above the place
    for raw in _COLOR.sub("", text).splitlines():
        line = raw.rstrip()
        if line.lstrip(" |+-").startswith("Traceback (most recent call last)"):
            frames = []
        elif (frame := _FRAME.match(line)) is not None:
            frames.append(_frame(frame))
        elif (frame := _PYTEST.match(line)) is not None:
            frames.append(_frame(frame))
            if waiting is not None and (frame["error"] or not frame["function"]):
                found, waiting, frames = Trace(tuple(frames), *waiting), None, []
        elif (error := _ERROR.match(line)) is not None and (_NAMED.search(error["type"]) or line.startswith("E ")):
            said = error["type"].rpartition(".")[2], (error["message"] or "").strip()
            if line.startswith("E "):
                waiting = waiting or said
            elif frames:
                found, frames = Trace(tuple(frames), *said), []
        elif line.startswith(("E   assert ", "E       assert ")) and waiting is None:
            waiting = "AssertionError", line[1:].strip()
    if frames and waiting is not None:
        found = Trace(tuple(frames), *waiting)
    return found


def _frame(match: re.Match[str]) -> Frame:
    return Frame(match["path"], int(match["line"]), (match["function"] or "").strip())
