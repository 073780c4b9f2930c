"""Where a continuation goes round in circles: the same lines once more directly behind themselves, or in one line the
same words again and again.

Small models that take the likeliest token fall into such loops and never leave them (Holtzman et al. 2019, "The curious
case of neural text degeneration", arXiv:1904.09751). Code that people write hardly ever holds a line twice in a row, or
the same words `TIMES` times (8 in 20,000 lines of CPython's and pandas', numbers and strings most of them), so a
suggestion ends before it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 4  # lines in a round
PHRASE = range(3, 41)  # characters in a round within a line
TIMES = 4  # that a line says the same before it is a round
_WORD = re.compile(r"[^\W\d_]{2}")  # a round within a line has one: tables of numbers repeat in sound code
_SAYS = re.compile(r"\w")  # a round of nothing but brackets and blanks is none


def repeated(text: str) -> int | None:
    """Where in `text` the first lines begin that repeat those directly before them, or what its last line says again
    and again; None: nowhere.

    >>> "a = 1\\nb()\\na = 1\\nb()\\n"[:repeated("a = 1\\nb()\\na = 1\\nb()\\n")]
    'a = 1\\nb()\\n'
    >>> "a, one, one, one, one"[:repeated("a, one, one, one, one")]
    'a, one, one'
    """
    lines, starts = _lines(text)
    complete = lines[:-1]
    for end in range(2, len(complete) + 1):
        for size in range(1, min(LONGEST, end // 2) + 1):
            again = complete[end - size : end]
            if again == complete[end - 2 * size : end - size] and any(map(_SAYS.search, again)):
                return starts[end - size]
    return min((starts[-1] + again for times, again in _rounds(lines[-1]) if times >= TIMES), default=None)


def held(text: str) -> int:
    """From where on `text` may turn out to repeat what stands directly before; its length where it can't."""
    lines, starts = _lines(text)
    complete, partial = lines[:-1], lines[-1]
    count, least = len(complete), len(text)
    for size in range(1, LONGEST + 1):
        for matched in range(min(size, count - size + 1)):
            behind = complete[count - matched : count]
            before = complete[count - matched - size : count - size] if matched else []
            if behind == before and count >= size + matched and complete[count - size].startswith(partial):
                least = min(least, starts[count - matched])
    return min([least, *(starts[-1] + again for _, again in _rounds(partial))])


def _rounds(line: str) -> Iterator[tuple[float, int]]:
    """How often, if above twice, a line says the same at its end, and where the third time begins, or the first word
    behind that; for each length that it may have."""
    for size in PHRASE:
        run = size
        while run < len(line) and line[-run - 1] == line[size - run - 1]:
            run += 1
        begin = len(line) - run
        if run > 2 * size and _WORD.search(line, begin, begin + size):
            again = begin + 2 * size
            while again < len(line) and line[again - 1].isalnum() and line[again].isalnum():
                again += 1
            yield run / size, again


def _lines(text: str) -> tuple[list[str], list[int]]:
    """The lines of a text without blanks at their ends, the last of them maybe on its way, and where each begins."""
    found = text.split("\n")
    starts = [0]
    for line in found[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return [*(line.rstrip() for line in found[:-1]), found[-1]], starts
