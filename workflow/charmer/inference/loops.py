"""Where a continuation goes round in circles: the same lines once more, directly behind themselves.

Small models that take the likeliest token fall into such loops and never leave them (Holtzman et al. 2019, "The curious
case of neural text degeneration", arXiv:1904.09751). Code that people write hardly ever holds a line twice in a row, so
a suggestion ends before it does.
"""

from __future__ import annotations

import re

LONGEST = 4  # lines in a round
_SAYS = re.compile(r"\w")  # a round of nothing but brackets and blanks is none


def repeated(text: str) -> int | None:
    """Where in `text` the first lines begin that repeat those directly before them; None: nowhere.

    >>> "a = 1\\nb()\\na = 1\\nb()\\n"[:repeated("a = 1\\nb()\\na = 1\\nb()\\n")]
    'a = 1\\nb()\\n'
    """
    lines, starts = _lines(text)
    complete = lines[:-1]
    for end in range(2, len(complete) + 1):
        for size in range(1, min(LONGEST, end // 2) + 1):
            again = complete[end - size : end]
            if again == complete[end - 2 * size : end - size] and any(map(_SAYS.search, again)):
                return starts[end - size]
    return None


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
    return least


def _lines(text: str) -> tuple[list[str], list[int]]:
    """The lines of a text without blanks at their ends, the last of them maybe on its way, and where each begins."""
    found = text.split("\n")
    starts = [0]
    for line in found[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    return [*(line.rstrip() for line in found[:-1]), found[-1]], starts
