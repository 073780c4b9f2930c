"""Broken code, its error, the place and the fix: how a model is taught to mend, and how it is asked.

    code around the fault<|error|>SyntaxError: expected ':'<|place|>def double(x)<|fix|>def double(x):<|endoftext|>

Notable here:
- One form for both kinds of fault. Code that parses and does the wrong thing has no words behind <|error|>; sound code
  has no place either, so what a model thinks of <|endoftext|> behind <|place|> is its judgment of the whole.
- A place is the line itself, as it is written, not its number: a small model copies well and counts badly. The lines of
  the window are then the only answers, and each can be scored. The fix is what these lines become, maybe more or none.
- The words are the interpreter's own, less the numbers of lines, which mean nothing in a window.
- The code before and behind a fault is ordinary code, and trains as such; the broken token, which no model should learn
  to write, and what is given in every question (marks and words) do not. After Yasunaga and Liang 2021, "Break-it-
  fix-it" (arXiv:2106.06600), the message stands with the code; unlike there, only the faulty lines are written anew.
- Windows are replaced as they are read, each epoch anew; the seed and a window's number decide, so a run that goes on
  from a checkpoint reads the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from charmer.common import files
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Rearrange, Rearranged

NUMBERS = re.compile(r" \(detected at line \d+\)| on line \d+")
SOUND = 0.2  # share of examples that show code without a fault
TRIES = 8  # pairs that are drawn for one window, until one fits
STREAM = 1  # tells these draws from those of fill-in-the-middle, which has the same seed and number


@dataclass(frozen=True)
class Fault:
    """A fault in a text.

    Attributes:
        text: the broken text.
        start, end: characters of it that are wrong, the end exclusive; equal where something is missing.
        replacement: what stands there in the sound text.
        error: the interpreter's message; "" or None where it says nothing.
    """

    text: str
    start: int
    end: int
    replacement: str
    error: str | None = None

    @property
    def lines(self) -> tuple[int, int]:
        """From the first character of the faulty lines to behind their last, without its line feed."""
        end = self.text.find("\n", self.end)
        return self.text.rfind("\n", 0, self.start) + 1, len(self.text) if end < 0 else end

    @property
    def place(self) -> str:
        """The faulty lines."""
        return self.text[slice(*self.lines)]

    @property
    def fix(self) -> str:
        """What they become."""
        first, last = self.lines
        return self.text[first : self.start] + self.replacement + self.text[self.end : last]


def words(error: str | None) -> str:
    """An error's message as a model reads it.

    >>> words("SyntaxError: unterminated string literal (detected at line 7)")
    'SyntaxError: unterminated string literal'
    """
    return NUMBERS.sub("", error or "")


def around(
    tokenizer: Tokenizer, text: str, start: int, end: int, room: int, before: float = 0.5
) -> tuple[np.ndarray, int, int] | None:
    """The whole lines around `text[start:end]` that fit into `room` tokens: their ids, where they begin and end.

    None: the lines of `text[start:end]` alone take more.

    Args:
        before: share of the free room for lines before the place; what one side leaves over the other gets.
    """

    def cost(low: int, high: int) -> int:
        return len(tokenizer.encode(text[low:high]))

    def back(low: int, left: int) -> tuple[int, int]:
        while low > 0 and (taken := cost(line := text.rfind("\n", 0, low - 1) + 1, low)) <= left:
            low, left = line, left - taken
        return low, left

    def forth(high: int, left: int) -> tuple[int, int]:
        while high < len(text) and (taken := cost(high, line := text.find("\n", high) + 1 or len(text))) <= left:
            high, left = line, left - taken
        return high, left

    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end) + 1 or len(text)
    slack = 0  # lines take a token more or less together than apart
    while (free := room - slack - cost(first, last)) >= 0:
        low, left = back(first, round(free * before))
        high, left = forth(last, free - round(free * before) + left)
        low, _ = back(low, left)
        ids = tokenizer.encode(text[low:high])
        if len(ids) <= room:
            return ids, low, high
        slack += len(ids) - room
    return None


def question(
    tokenizer: Tokenizer, text: str, start: int, end: int, error: str | None, room: int, place: str | None = None
) -> list[int] | None:
    """The ids after which a model that has learnt this form names the faulty lines, or mends those of `place`.

    Args:
        start, end: characters about which the window is laid: where the interpreter complains, say.
        error: its message, None where it has none.
        room: tokens that the question may take; leave some for the answer.
        place: the faulty lines, where they are known: what follows then is the fix. None: the place follows.

    None: not even the lines themselves fit.
    """
    asked = [tokenizer.error, *tokenizer.encode(words(error)).tolist(), tokenizer.place]
    if place is not None:
        asked += [*tokenizer.encode(place).tolist(), tokenizer.fix]
    found = around(tokenizer, text, start, end, room - len(asked) - 1)
    if found is None:
        return None
    ids, low, _ = found
    return [*([tokenizer.eof] if low == 0 else []), *ids.tolist(), *asked]


def example(
    tokenizer: Tokenizer, fault: Fault, length: int, sound: bool = False, before: float = 0.5
) -> Rearranged | None:
    """A fault as it is learnt, at most `length` ids; None where that is too few for it.

    Args:
        sound: show the text without its fault, and that nothing is to be named.
        before: share of the window's free room for what stands before the fault.
    """
    text, start, end, answer = fault.text, fault.start, fault.end, [tokenizer.eof]
    given = [tokenizer.error, *tokenizer.encode("" if sound else words(fault.error)).tolist(), tokenizer.place]
    if sound:
        text = text[:start] + fault.replacement + text[end:]
        end = start + len(fault.replacement)
    else:
        place, fix = (tokenizer.encode(part).tolist() for part in (fault.place, fault.fix))
        answer = [*place, tokenizer.fix, *fix, tokenizer.eof]
    found = around(tokenizer, text, start, end, length - 1 - len(given) - len(answer), before)
    if found is None:
        return None
    ids, low, _ = found
    counts = np.ones(len(ids), bool)
    if not sound:
        # Tokens of the bytes that are wrong; where something is missing, the token behind is what surprises.
        first, last = (len(text[low:place].encode()) for place in (start, end))
        ends = np.cumsum(tokenizer.byte_lengths[ids])
        counts = (ends <= first) | (ends - tokenizer.byte_lengths[ids] >= max(last, first + 1))
    head = [tokenizer.eof] if low == 0 else []
    return Rearranged(
        np.array([*head, *ids, *given, *answer], np.int64),
        np.concatenate([np.ones(len(head), bool), counts, np.zeros(len(given), bool), np.ones(len(answer), bool)]),
    )


class Faults:
    """The faults that training draws from, by number; in columns, so that they take little more than their text."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def load(cls, path: Path, documents: set[tuple[str, str, str]] | None = None) -> Faults:
        """Read what `break` wrote, without the withheld kinds, which no training may see.

        Args:
            documents: source, package and path of those that the data set holds; faults of others are left out.

        Raises:
            Failure: the table is absent or damaged.
        """
        names = ["source", "package", "path", "withheld"]
        places = ["line", "column", "end_line", "end_column"]
        table = files.read_table(path, [*names, *places, "broken", "fix", "error"])
        rows = table.select(names).to_pylist()
        kept = [
            number
            for number, row in enumerate(rows)
            if not row["withheld"] and (documents is None or tuple(row[name] for name in names[:3]) in documents)
        ]
        return cls(table.take(np.array(kept, np.int64)).drop_columns(names))

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, number: int) -> Fault:
        row = {name: self.table.column(name)[number].as_py() for name in self.table.column_names}
        starts = [0]
        for line in row["broken"].split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        start, end = (starts[row[f"{of}line"] - 1] + row[f"{of}column"] - 1 for of in ("", "end_"))
        return Fault(row["broken"], start, end, row["fix"], row["error"])


class Repair:
    """Puts faults in the place of a share of the windows: pass it to `Windows.batch` as `rearrange`.

    Args:
        share: of the windows (or pieces) that become examples of repair.
        seed: one number or several (a run's seed and the epoch, say); with the window's number it decides.
        otherwise: what the other windows are put through; None: they stay as they are.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        faults: Faults,
        share: float,
        seed: int | tuple[int, ...] = 0,
        otherwise: Rearrange | None = None,
    ) -> None:
        self.tokenizer, self.faults, self.share, self.otherwise = tokenizer, faults, share, otherwise
        self.seed = seed if isinstance(seed, tuple) else (seed,)

    def __call__(self, ids: np.ndarray, number: int) -> np.ndarray | Rearranged:
        """The ids of a window or piece, int64[T + 1], or of an example instead, filled up with <|fim_pad|>."""
        random = np.random.default_rng([*self.seed, number, STREAM])
        if random.random() < self.share:
            for _ in range(TRIES):
                fault, sound, before = self.faults[int(random.integers(len(self.faults)))], *random.random(2)
                found = example(self.tokenizer, fault, len(ids), bool(sound < SOUND), float(before))
                if found is not None:
                    room = len(ids) - len(found.ids)
                    pads = np.full(room, self.tokenizer.fim_pad, np.int64)
                    return Rearranged(np.concatenate([found.ids, pads]), np.append(found.counts, np.zeros(room, bool)))
        return ids if self.otherwise is None else self.otherwise(ids, number)
