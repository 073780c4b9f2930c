"""Where a fault probably is, before any model is asked: lines that failing tests execute, and what an error says.

Spectrum-based fault localisation (Jones and Harrold 2005) with Ochiai's coefficient (Abreu, Zoeteweij and van Gemund
2007): a line is the more suspicious the more failing and the fewer passing tests execute it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from charmer.errors.edits import Edit

UNSEEN = -6.0  # nats, for a line that no failing test executes
WEIGHT = 2.0  # of the logarithm of a line's coefficient
NAMED = 4.0  # nats, for an edit of what the error names
LIKELY = 2.0  # nats, for a kind of edit that mends such errors

MEND = (  # what an error says, and the kinds of edit that mend it
    (r"^(NameError|UnboundLocalError)", {"name", "self", "argument", "default"}),
    (r"NoneType", {"return", "guard", "clause", "access"}),
    (r"^AttributeError", {"attribute", "call", "self", "name"}),
    (r"^TypeError: .*(argument|positional)", {"argument", "self", "swap"}),
    (r"^TypeError: .*(awaited|coroutine)", {"word"}),
    (r"^TypeError: .*(method|function)", {"call"}),
    (r"^TypeError", {"call", "operator", "swap", "name", "constant"}),
    (r"^(IndexError|StopIteration)", {"off-by-one", "bounds", "number", "comparison", "guard", "clause"}),
    (r"^KeyError", {"access", "constant", "guard", "name"}),
    (r"^ZeroDivisionError", {"guard", "clause", "operator", "call"}),
    (r"^ValueError", {"guard", "access", "call", "constant", "comparison", "argument"}),
    (r"^(RecursionError|limit reached)", {"comparison", "number", "operator", "return", "insertion", "off-by-one"}),
)
SAID = re.compile(r"'([^'\s]{1,60})'")


@dataclass(frozen=True)
class Spectrum:
    """How suspicious lines are.

    Attributes:
        lines: by the line's number, a coefficient in (0, 1]; a line that is not there was run by no failing test.
    """

    lines: Mapping[int, float] = field(default_factory=dict)

    def of(self, line: int, last: int | None = None) -> float:
        """Nats to add to the score of an edit of the lines from `line` to `last`."""
        if not self.lines:
            return 0.0
        best = max((self.lines.get(one, 0.0) for one in range(line, (last or line) + 1)), default=0.0)
        return WEIGHT * math.log(best) if best else UNSEEN


def ochiai(failing: Iterable[set[int]], passing: Iterable[set[int]]) -> Spectrum:
    """The spectrum of the lines that failing and passing tests ran.

    >>> ochiai([{1, 2}], [{1}]).lines
    {1: 0.7071067811865475, 2: 1.0}
    """
    failing, passing = list(failing), list(passing)
    found = {}
    for line in sorted(set().union(*failing)):
        hit = sum(line in ran for ran in failing)
        runs = hit + sum(line in ran for ran in passing)
        found[line] = hit / math.sqrt(len(failing) * runs)
    return Spectrum(found)


def named_lines(output: str, name: str) -> list[int]:
    """The lines of the file `name` that tracebacks in `output` show, as Python or pytest write them."""
    pattern = re.compile(
        rf'(?:File "(?:[^"\n]*[/\\])?{re.escape(name)}", line |(?:^|[\s/]){re.escape(name)}:)(\d+)', re.MULTILINE
    )
    return [int(number) for number in pattern.findall(output)]


class Hints:
    """What the error of the unmended text says of its edits."""

    def __init__(self, error: str) -> None:
        self.kinds = next((kinds for pattern, kinds in MEND if re.search(pattern, error)), set[str]())
        self.words = set(SAID.findall(error)) if re.match(r"(Name|Unbound|Attribute|Type|Key)", error) else set()
        meant = re.search(r"Did you mean: '([\w.]+)'", error)
        self.meant = meant[1].rpartition(".")[2] if meant else None

    def of(self, text: str, edit: Edit) -> float:
        """Nats to add to the score of an edit."""
        old = text[edit.start : edit.end]
        found = LIKELY if edit.kind in self.kinds else 0.0
        if old in self.words:
            found += NAMED
        if self.meant and self.meant in edit.replacement and self.meant not in old:
            found += NAMED
        return found
