"""What a suggestion may not write again: that which stands behind the cursor already.

Notable here:
- Brackets and strings that are open at the cursor and that the text behind closes stay open: the suggestion ends
  before it would close them itself. So `foo(|)` gets arguments and no second bracket, and a pair of brackets that the
  suggestion both opens and closes is left alone.
- Then the rest of the cursor's line is looked for at the end of each written line, and the next line of code among
  the written lines.
"""

from __future__ import annotations

from charmer.inference.lexical import Lexed, scan

REACH = 20_000  # characters behind the cursor in which what is open there may be closed
SHORTEST = 2  # letters of the rest of the line that are taken for a repetition where they are not all of it


class Overlap:
    """Finds where a suggestion begins to repeat `after`.

    Args:
        head: the cursor's line, up to the cursor.
        lexed: what `scan` finds in the text before the cursor.
        after: what stands behind the cursor.
    """

    def __init__(self, head: str, lexed: Lexed, after: str) -> None:
        self._head, self._lexed = head, lexed
        rest, _, below = after.partition("\n")
        self.rest = rest.rstrip()
        self._next = next((line.rstrip() for line in below.split("\n", 50) if line.strip()), "")
        self._closed = bool(lexed.open) and scan(after[:REACH], lexed).left is not None

    @property
    def inline(self) -> bool:
        """Whether the rest of the line is code, not only what closes: then a suggestion is a part of this line."""
        return bool(self.rest.strip(")]}:,;\"' \t"))

    def end(self, text: str, final: bool) -> int | None:
        """Where in `text` the suggestion ends since what follows is there already; None: it repeats nothing so far.

        Args:
            final: nothing more will be written, so that a beginning of what stands there counts as well.
        """
        ends = []
        left = scan(text, self._lexed).left if self._closed else None
        if left is not None:
            text = text[:left]
            ends.append(left)
        start = 0
        for number, line in enumerate(lines := text.split("\n")):
            whole = final or left is not None or number < len(lines) - 1
            repeated = self._repeats_next(line, number == 0, whole, final and number == len(lines) - 1)
            if repeated:
                return max(start - 1, 0)
            if whole and (size := self._repeats_rest(text, start, line, partly=number == len(lines) - 1)):
                return start + len(line.rstrip()) - size
            start += len(line) + 1
        return min(ends, default=None)

    def held(self, text: str) -> int:
        """How much of `text` is certain to stay: what might be the beginning of a repetition is not."""
        start = text.rfind("\n") + 1
        line = (self._head if start == 0 else "") + text[start:]
        if self._next and line.strip() and self._next.startswith(line) and (start or not self._head.strip()):
            return max(start - 1, 0)
        body = text.rstrip()
        sizes = range(min(len(self.rest), len(body)), 0, -1)
        return len(body) - next((size for size in sizes if body.endswith(self.rest[:size])), 0)

    def _repeats_next(self, line: str, first: bool, whole: bool, partly: bool) -> bool:
        if not self._next or (first and self._head.strip()):
            return False
        line = (self._head if first else "") + line
        if not line.strip():
            return False
        return (whole and line.rstrip() == self._next) or (partly and self._next.startswith(line.rstrip()))

    def _repeats_rest(self, text: str, start: int, line: str, partly: bool) -> int:
        """How many characters at the line's end are those with which the rest of the cursor's line begins."""
        line = line.rstrip()
        for size in range(min(len(self.rest), len(line)), 0, -1):
            piece = self.rest[:size]
            if not line.endswith(piece) or not piece.strip():
                continue
            if size < len(self.rest) and not partly:
                continue
            if size < len(self.rest) and size < SHORTEST and (piece.isalnum() or piece == "_"):
                continue
            if self._fits(text[: start + len(line)], start + len(line) - size):
                return size
        return 0

    def _fits(self, text: str, kept: int) -> bool:
        """Whether `text` may end at `kept`, since the rest of the cursor's line goes on there: it needs no bracket of
        the rest that the suggestion opened for itself, or with all of the text the rest would close one too many."""
        if len(scan(text[:kept], self._lexed).open) <= len(self._lexed.open):
            return True
        whole, shorter = (scan(part + self.rest, self._lexed) for part in (text, text[:kept]))
        return whole.broken is not None and shorter.broken is None
