"""Fill-in-the-middle: windows rearranged while training reads them, so that a model learns to write between two texts.

Notable here:
- Bavarian et al. 2022, "Efficient training of language models to fill in the middle" (arXiv:2207.14255): a text is cut
  at two places that are uniform over its characters, not its tokens, because a person's cursor stands inside tokens
  too. Half of them in the order prefix, suffix, middle (PSM), the others in the order suffix, prefix, middle (SPM, with
  the paper's marks for training both together).
- Such middles are a third of all that is shown of a document, and a small model that reads them alone never learns to
  stop. A share of them can end with a line instead, as what an editor asks for does (the paper's line level, in its
  section on spans).
- In PSM each of the three parts is encoded by itself. In SPM the middle follows the prefix, and both are encoded as the
  one text that they are: a prompt's last token is healed (see `charmer.inference.healing`), so no cut is seen there.
- Parts of documents are rearranged after windows are cut (the paper's context level), so that no window holds a middle
  without what surrounds it. What the marks take is cut from the document's end in the window, so a rearranged text is
  complete, <|endoftext|> behind its middle included: that is how the model learns to stop.
- The number of a window, or of a piece of one, and a seed choose the cuts, so a run that goes on from a checkpoint
  reads the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charmer.tokens.tokenizer import Tokenizer

MARKS = 4  # prefix, suffix, middle and <|endoftext|>
GROWTH = 4  # tokens left free for what the cuts add: a token that is cut becomes two or more
SHORTEST = 16  # tokens; shorter parts of documents stay as they are


def rearranged(tokenizer: Tokenizer, text: str, first: int, second: int, suffix_first: bool) -> np.ndarray:
    """The ids of `text` with its middle `text[first:second]` at the end, no <|endoftext|> behind it.

    Args:
        suffix_first: the order SPM instead of PSM.
    """
    suffix = tokenizer.encode(text[second:])
    begin, between, end = ([mark] for mark in (tokenizer.fim_prefix, tokenizer.fim_suffix, tokenizer.fim_middle))
    if suffix_first:
        return np.concatenate([begin, between, suffix, end, tokenizer.encode(text[:second])]).astype(np.int64)
    prefix, middle = tokenizer.encode(text[:first]), tokenizer.encode(text[first:second])
    return np.concatenate([begin, prefix, between, suffix, end, middle]).astype(np.int64)


@dataclass(frozen=True)
class Cut:
    """Where a text is cut, whatever its length turns out to be.

    Attributes:
        first, second: shares of its characters, `first` at most `second`.
        lines: with which line after `first` the middle ends, 1 being the one around it; 0: it ends at `second`.
        whole: whether such a middle begins with the code of its first line.
    """

    first: float
    second: float
    lines: int = 0
    whole: bool = False

    @classmethod
    def drawn(cls, random: np.random.Generator, line_share: float) -> Cut:
        """One at random; a share of them ends with a line, half of these with the first, a quarter with the second."""
        first, second = np.sort(random.random(2))
        if random.random() >= line_share:
            return cls(first, second)
        return cls(random.random(), 1.0, int(random.geometric(0.5)), bool(random.random() < 0.5))

    def of(self, text: str) -> tuple[int, int]:
        """The places in `text` between which its middle lies."""
        first, second = round(self.first * len(text)), round(self.second * len(text))
        if not self.lines:
            return first, second
        if self.whole:
            line = text[text.rfind("\n", 0, first) + 1 :].partition("\n")[0]
            first = text.rfind("\n", 0, first) + 1 + len(line) - len(line.lstrip())
        end = first - 1
        for _ in range(self.lines):
            end = text.find("\n", end + 1)
            if end < 0:
                return first, len(text)
        return first, end


class FillInTheMiddle:
    """Rearranges a share of the documents in windows: pass it to `Windows.batch` as `rearrange`.

    Args:
        tokenizer: the one that made the tokens.
        share: of the documents in a window that are rearranged.
        spm_share: share of those that take the order suffix, prefix, middle.
        line_share: share of those whose middle ends with a line.
        seed: one number or several (a run's seed and the epoch, say); with the window's number it decides the cuts.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        share: float,
        spm_share: float = 0.5,
        line_share: float = 0.0,
        seed: int | tuple[int, ...] = 0,
    ) -> None:
        self.tokenizer, self.share, self.spm_share, self.line_share = tokenizer, share, spm_share, line_share
        self.seed = seed if isinstance(seed, tuple) else (seed,)

    def __call__(self, ids: np.ndarray, number: int) -> np.ndarray:
        """The ids of a window or piece, int64[T + 1], rearranged; filled up with <|fim_pad|> where that leaves room."""
        random = np.random.default_rng([*self.seed, number])
        parts: list[np.ndarray] = []
        room = len(ids)
        for part in np.split(ids, np.flatnonzero(ids == self.tokenizer.eof) + 1):
            body = part[:-1] if len(part) and part[-1] == self.tokenizer.eof else part
            chosen = random.random() < self.share
            if chosen and min(len(body), room - MARKS - GROWTH) >= SHORTEST:
                found = self._fit(body, room, random)
                part = part if found is None else found
            parts.append(part[:room])
            room -= len(parts[-1])
        return np.concatenate([*parts, np.full(room, self.tokenizer.fim_pad, np.int64)])

    def _fit(self, body: np.ndarray, room: int, random: np.random.Generator) -> np.ndarray | None:
        """`body` rearranged, <|endoftext|> behind it, in at most `room` ids; its end is cut where it is too long.

        None where that cannot be: the body begins inside a character, or hardly any of it would be left.
        """
        cut = Cut.drawn(random, self.line_share)
        suffix_first = bool(random.random() < self.spm_share)
        kept = min(len(body), room - MARKS - GROWTH)
        while kept >= SHORTEST:
            try:
                text = self.tokenizer.decode_bytes(body[:kept]).decode("utf-8")
            except UnicodeDecodeError as error:  # an edge of the window cuts a character
                if error.reason != "unexpected end of data":
                    return None
                kept -= 1
                continue
            found = rearranged(self.tokenizer, text, *cut.of(text), suffix_first)
            if len(found) < room:
                return np.append(found, self.tokenizer.eof)
            kept -= len(found) + 1 - room
        return None
