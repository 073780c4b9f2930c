"""What a model reads to write on at a cursor: as much of the text around it as the window holds, and the marks.

Notable here:
- A person types at the cursor, so all before it is to stay the same tokens: text is cut at its beginning in steps, not
  token by token, and what stands behind the cursor is read first (suffix, prefix, middle, in which the middle follows
  the prefix without a mark between them; Bavarian et al. 2022, arXiv:2207.14255, call it SPM).
- Other files stand before all of this, as a document of their own, and their share changes in steps too: an editor
  that sends them ahead of need, without a cursor, finds them known at its next request.
- The cursor's partial token is healed (see `healing`).
- The n-gram cache, if there is one, reads more than the window holds: `counted_text` is that text.
- Whatever does not fit is dropped farthest from the cursor first: other files, then the file's beginning and end.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from charmer.common import files
from charmer.inference.healing import Prompt, healed
from charmer.model import folder
from charmer.tokens.tokenizer import Tokenizer

MARKS = 3  # tokens that say which part comes next
SUFFIX = 1 / 3  # share of what the model can read that goes to the text behind the cursor
LONGEST = 12  # characters of text that are encoded for each token that is wanted: more than tokens have
REACH = 60_000  # characters that the n-gram cache counts before the cursor, behind it and of other files, of each
STRETCH = 1_000  # of them that are encoded, and remembered, together, about
STEPS = 4  # the beginning of a long text moves by this part of the room for it


def learned(model: Path, share: str = "fim_share") -> bool:
    """Whether a model's folder leaves open that it was trained to write a middle: its settings, where they are there,
    say which share of the documents was rearranged for that. Where it goes on from another model, either share counts.

    Args:
        share: the knob of `train` that says so; another one asks for what that teaches.

    Raises:
        Failure: they are no settings.
    """
    told = [one / folder.SETTINGS for one in folder.lineage(model)]
    return any(not path.exists() or files.read_json(path).get("train", {}).get(share, 0) for path in told)


def prefix_suffix_middle(tokenizer: Tokenizer, before: str, after: str, room: int) -> list[int]:
    """At most `room` tokens of the text around a middle, the nearest, and the marks: the order PSM, nothing healed."""
    behind = tokenizer.encode(after[: LONGEST * room]).tolist()[: int(room * SUFFIX)]
    ahead = tokenizer.encode(before[-LONGEST * room :]).tolist()[-(room - len(behind)) :]
    return [tokenizer.fim_prefix, *ahead, tokenizer.fim_suffix, *behind, tokenizer.fim_middle]


def around(
    tokenizer: Tokenizer,
    before: str,
    after: str,
    room: int,
    extra: Sequence[str] = (),
    heal: bool = True,
    most_extra: int | None = None,
) -> Prompt:
    """The prompt for what stands between `before` and `after`: at most `room` tokens.

    Args:
        after: blank: the text goes on behind `before`, and the marks are left out.
        extra: texts of other files, the most useful last; read first, in what room is left.
        heal: whether to drop the partial token at the end of `before`.
        most_extra: tokens of other files, at most; None: half of `room`.
    """
    opening: list[int] = []
    if after.strip():
        behind = tokenizer.encode(after[: LONGEST * room]).tolist()[: int((room - MARKS) * SUFFIX)]
        opening = [tokenizer.fim_prefix, tokenizer.fim_suffix, *behind, tokenizer.fim_middle]
    ahead, begin, whole = _ahead(tokenizer, before, max(room - len(opening), 1), heal)
    if not whole:
        return Prompt([*opening, *ahead], begin)
    most = room // 2 if most_extra is None else most_extra
    if others := _others(tokenizer, extra, room - len(opening) - len(ahead) - 2, most):
        between = [tokenizer.eof] if opening else []  # the marks begin a document
        return Prompt([tokenizer.eof, *others, *between, *opening, *ahead], begin)
    return Prompt([*(opening or [tokenizer.eof]), *ahead], begin)


def _ahead(tokenizer: Tokenizer, text: str, room: int, heal: bool) -> tuple[list[int], bytes, bool]:
    """The tokens before the cursor, the bytes to begin with, and whether that is the whole text and a token to spare.

    Where a longer text is cut depends on its length in coarse steps only.
    """
    step = max(room // STEPS, 1)
    start = max(len(text) - LONGEST * room, 0) // (LONGEST * step) * (LONGEST * step)
    prompt = healed(tokenizer, text[start:]) if heal else Prompt(tokenizer.encode(text[start:]).tolist(), b"")
    over = len(prompt.tokens) - room
    dropped = -(-over // step) * step if over > 0 else 0
    whole = start == 0 and over < 0
    return prompt.tokens[dropped:], prompt.begin, whole


def _others(tokenizer: Tokenizer, extra: Sequence[str], left: int, most: int) -> list[int]:
    """The ends of other texts in `most` tokens, or where fewer are `left` some steps less: the room for them shrinks
    while the person types."""
    step = max(most // STEPS, 1)
    count = min(left, most) // step * step
    if count <= 0 or not extra:
        return []
    text = "".join(part if part.endswith("\n") else part + "\n" for part in extra)
    return tokenizer.encode(text[-LONGEST * count :]).tolist()[-count:]


def counted_text(
    tokenizer: Tokenizer, before: str, after: str = "", others: Sequence[str] = (), begin: bytes = b""
) -> np.ndarray:
    """What the n-gram cache counts at a cursor: other texts, that behind the cursor, that before it, int64[n].

    Args:
        others: the most useful last; of all of them together the last REACH characters.
        begin: the bytes at the end of `before` that a healed prompt leaves to be written again.

    Nearly all of it stays as it was while a person types or moves on, and is not encoded again. So texts are cut where
    typing does not move them: those before the cursor from their beginning, that behind it from its end.
    """
    before = before[: len(before) - len(begin.decode("utf-8", "ignore"))]
    found: list[np.ndarray] = []
    room = REACH
    for text in reversed(others):
        found[:0] = _encoded(tokenizer, text, max(len(text) - room, 0), len(text), 0)
        room -= min(len(text), room)
    found += _encoded(tokenizer, after, 0, min(len(after), REACH), len(after) % STRETCH)
    found += _encoded(tokenizer, before, max(len(before) - REACH, 0), len(before), 0)
    return np.concatenate([np.zeros(0, np.int64), *found])


def _encoded(tokenizer: Tokenizer, text: str, start: int, stop: int, offset: int) -> list[np.ndarray]:
    """The tokens of a part of a text, cut behind lines near the places that are `offset` beyond whole stretches."""
    first = start + (offset - start) % STRETCH
    places = range(first, stop, STRETCH)
    cuts = [start, *(text.rfind("\n", max(place - STRETCH, 0), place) + 1 or place for place in places), stop]
    pieces = [text[begin:end] for begin, end in itertools.pairwise(cuts) if begin < end]
    return [_remembered(tokenizer, piece) for piece in pieces]


@functools.lru_cache(maxsize=1024)
def _remembered(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """Half of a surrogate pair, which no vocabulary holds, is a question mark."""
    return tokenizer.encode(text.encode("utf-8", "replace").decode())
