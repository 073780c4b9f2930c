"""Held-out lines that an editor could be asked to complete, and how near a guess comes.

A case cuts one line of code of an unseen file in two: before a token, or inside a word. The text before the cut is what
the model sees; the rest of the line is what it should write.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charmer.common.failure import Failure
from charmer.evaluation.support import heldout
from charmer.tokens.shards import batches as read_shards
from charmer.tokens.tokenizer import Tokenizer

EARLIER_LINES = 3  # of code that a case has before it, at least
WORD = 4  # letters of a word that is cut inside, at least


@dataclass(frozen=True)
class Case:
    """One cut line.

    Attributes:
        before: the file's text up to the cut; blanks before a token belong to `rest`.
        rest: the rest of the line.
        after: the file's text behind that line.
        inside: whether the cut is inside a word.
    """

    package: str
    path: str
    before: str
    rest: str
    after: str
    inside: bool


def ends(tokenizer: Tokenizer) -> list[int]:
    """The tokens that end a line: those that begin with a newline, and the end of the text."""
    ids = range(tokenizer.vocab_size)
    return [tokenizer.eof, *(index for index in ids if tokenizer.token_bytes(index)[:1] == b"\n")]


def held_out(shards: Path, count: int) -> list[Case]:
    """`count` lines of a fixed random order, each cut once before a token and once inside a word.

    No file gives more than one line before all have given one.

    Raises:
        Failure: the split has no line of this kind.
    """
    columns = ["text", "source", "package", "path"]
    rows = [row for batch in read_shards(shards, columns) for row in batch.to_pylist()]
    rows.sort(key=lambda row: heldout.order(row["source"], row["package"], row["path"]))
    waiting = [pairs_of(row["text"], row["package"], row["path"]) for row in rows]
    chosen: list[Case] = []
    while waiting and len(chosen) < 2 * count:
        left = []
        for pairs in waiting:
            pair = next(pairs, None)
            if pair is not None and len(chosen) < 2 * count:
                chosen += pair
                left.append(pairs)
        waiting = left
    if not chosen:
        raise Failure(f"{shards}: holds no line that could be completed; add sources to the corpus")
    return chosen


def pairs_of(text: str, package: str, path: str) -> Iterator[tuple[Case, Case]]:
    """The lines of one file in a fixed random order, each cut before a token and inside a word.

    A line counts when it is one logical line of code, at least three tokens long, with a word to cut inside.
    """
    lines = text.split("\n")
    tokens = sorted(code_lines(text), key=lambda line: _draw(path, line[0].start[0], 0))
    for line in tokens:
        row = line[0].start[0]
        words = [token for token in line[1:] if token.type == tokenize.NAME and len(token.string) >= WORD]
        if row <= EARLIER_LINES or len(line) < 3 or not words:
            continue
        at = line[1 + _draw(path, row, 1) % (len(line) - 1)].start[1]
        word = words[_draw(path, row, 2) % len(words)]
        within = word.start[1] + 2 + _draw(path, row, 3) % (len(word.string) - 3)
        before, after = "\n".join(lines[: row - 1]) + "\n", "\n".join(["", *lines[row:]])
        whole = lines[row - 1]
        at = len(whole[:at].rstrip())
        yield (
            Case(package, path, before + whole[:at], whole[at:], after, inside=False),
            Case(package, path, before + whole[:within], whole[within:], after, inside=True),
        )


def code_lines(text: str) -> Iterator[list[tokenize.TokenInfo]]:
    """The tokens of each logical line that stands on one physical line; as far as the text tokenizes."""
    skipped = {tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT}
    line: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if token.type == tokenize.NEWLINE:
                if line and line[0].start[0] == line[-1].end[0]:
                    yield line
                line = []
            elif token.type not in skipped:
                line.append(token)
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def _draw(path: str, row: int, number: int) -> int:
    """A number that depends on nothing but the place in the corpus."""
    return int.from_bytes(hashlib.sha256(f"{path}\0{row}\0{number}".encode()).digest()[:4], "big")


def similarity(first: str, second: str) -> float:
    """Edit similarity as CodeXGLUE scores it: twice the longest common subsequence over both lengths, 0 to 1."""
    if not first and not second:
        return 1.0
    previous = [0] * (len(second) + 1)
    for character in first:
        current = [0]
        for place, other in enumerate(second):
            current.append(previous[place] + 1 if character == other else max(previous[place + 1], current[place]))
        previous = current
    return 2 * previous[-1] / (len(first) + len(second))
