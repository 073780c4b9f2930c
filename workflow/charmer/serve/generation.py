"""From a request's texts to what the decoder takes, and from its tokens back to text.

Notable here:
- Many editors write the marks of fill-in-the-middle into a prompt as text. `parsed` takes them apart again, so that
  they become what an infill request is.
- Two writers turn tokens into text: `Middle` for what stands between two texts (a suggestion that repeats nothing of
  what follows), `Text` for anything else. Either shows nothing that it might have to take back.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from charmer.common.failure import Failure
from charmer.inference.context import around, counted_text
from charmer.inference.decoder import Step
from charmer.inference.healing import Prompt
from charmer.inference.suggest import Draft
from charmer.tokens.storage import SPECIAL_NAMES
from charmer.tokens.tokenizer import Tokenizer

_SPECIAL = re.compile("|".join(map(re.escape, SPECIAL_NAMES)))
_PREFIX, _SUFFIX, _MIDDLE = (re.escape(f"<|fim_{name}|>") for name in ("prefix", "suffix", "middle"))
_TEXT = f"(?:(?!{_SPECIAL.pattern}).)*+"
_ORDERS = [  # the last is what comes of suffix, prefix, middle where a model learned both orders
    re.compile(f"(?s)(?P<extra>.*){_PREFIX}(?P<before>{_TEXT}){_SUFFIX}(?P<after>{_TEXT}){_MIDDLE}(?P<middle>{_TEXT})"),
    re.compile(f"(?s)(?P<extra>.*){_SUFFIX}(?P<after>{_TEXT}){_PREFIX}(?P<before>{_TEXT}){_MIDDLE}(?P<middle>{_TEXT})"),
    re.compile(f"(?s)(?P<extra>.*){_PREFIX}{_SUFFIX}(?P<after>{_TEXT}){_MIDDLE}(?P<before>{_TEXT})(?P<middle>)"),
]
_LINE = re.compile(r"\s*\n([ \t]*)(?=\S)")


@dataclass(frozen=True)
class Place:
    """A cursor: the text before it and after it, and other texts, the most useful last."""

    before: str
    after: str = ""
    extra: tuple[str, ...] = ()


def parsed(text: str) -> Place | None:
    """The place that a prompt with the marks of fill-in-the-middle describes, in whichever order; None: it has none."""
    for order in _ORDERS:
        if found := order.fullmatch(text):
            extra = _SPECIAL.sub("\n", found["extra"]).strip("\n")
            return Place(found["before"] + found["middle"], found["after"], (extra,) if extra else ())
    return None


def marked(tokenizer: Tokenizer, text: str, room: int) -> Prompt:
    """At most `room` tokens of `text`, in which names of special tokens are these tokens; its end is healed."""
    last = max((found.end() for found in _SPECIAL.finditer(text)), default=0)
    behind = around(tokenizer, text[last:], "", room)
    if not last:
        return behind
    head = tokenizer.encode(text[:last], allow_special=True).tolist()
    opened = behind.tokens[1:] if behind.tokens[:1] == [tokenizer.eof] else behind.tokens
    return Prompt([*head, *opened][-room:], behind.begin)


def counted(tokenizer: Tokenizer, text: str, begin: bytes) -> np.ndarray:
    """What the n-gram cache counts of a prompt, which may be longer than what the network reads: int[n].

    Args:
        begin: the bytes at its end that are written again.
    """
    return counted_text(tokenizer, _SPECIAL.sub("\n", text), begin=begin)


def known(tokenizer: Tokenizer, ids: Sequence[int]) -> list[int]:
    """`ids`, if the vocabulary has them all.

    Raises:
        Failure: it has not.
    """
    highest = max(ids, default=0)
    if highest >= tokenizer.vocab_size:
        raise Failure(f"token {highest} is not among the model's vocabulary of {tokenizer.vocab_size}")
    return list(ids)


def shown(piece: bytes) -> str:
    """A token's bytes as text, with \\xNN for bytes that are no characters by themselves."""
    return piece.decode("utf-8", "backslashreplace")


class Writer(Protocol):
    """Turns a row's tokens into text.

    Attributes:
        text: all that has been shown.
        over: whether it has ended, and nothing more need be computed.
        word: the stop word that ended it, if one did.
        dedented: whether a line that is indented too little ended it.
    """

    text: str
    over: bool
    word: str
    dedented: bool

    def push(self, step: Step) -> str:
        """One more token; gives the text that may be shown now."""

    def finish(self) -> str:
        """No more tokens come; gives the text that is still to be shown."""


class Text:
    """The text of a row as it is, up to the first of `stops`.

    Args:
        begin: bytes with which the row begins and which the prompt holds already.
        indent: characters by which each line behind the first is indented at least; the text ends before one that
            is not.
    """

    def __init__(self, tokenizer: Tokenizer, begin: bytes = b"", stops: Sequence[str] = (), indent: int = 0) -> None:
        self._pieces = Pieces(tokenizer, begin)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops, self._indent = stops, indent
        self._held = ""
        self.text = self.word = ""
        self.over = self.dedented = False

    def push(self, step: Step) -> str:
        return self._more(self._decode.decode(self._pieces.fresh(step.token)))

    def finish(self) -> str:
        if self.over:
            return ""
        new = self._more(self._decode.decode(b"", final=True))
        rest, self._held = self._held, ""
        return new + self._show(rest.rstrip() if self._indent else rest)

    def _more(self, text: str) -> str:
        if self.over:
            return ""
        self._held += text
        ends = [(place, word) for word in self._stops if (place := self._held.find(word)) >= 0]
        if (line := dedent(self._held, self._indent)) is not None:
            ends.append((line, ""))
        if ends:
            place, self.word = min(ends)
            self.dedented = not self.word
            new, self._held, self.over = self._held[:place], "", True
            return self._show(new)
        kept = len(self._held) - self._undecided()
        new, self._held = self._held[:kept], self._held[kept:]
        return self._show(new)

    def _undecided(self) -> int:
        """How many characters at the end may yet belong to something that is not shown."""
        longest = max((len(word) for word in self._stops), default=1) - 1
        sizes = range(min(longest, len(self._held)), 0, -1)
        kept = next((size for size in sizes if any(word.startswith(self._held[-size:]) for word in self._stops)), 0)
        return max(kept, len(self._held) - len(self._held.rstrip())) if self._indent else kept

    def _show(self, text: str) -> str:
        self.text += text
        return text


class Middle:
    """A suggestion; `indent` as in `Text`, `stops` those of the draft."""

    def __init__(self, tokenizer: Tokenizer, draft: Draft, stops: Sequence[str] = (), indent: int = 0) -> None:
        self._draft, self._stops, self._indent = draft, stops, indent
        self._pieces, self._written = Pieces(tokenizer, draft.request.begin), b""
        self.text = self.word = ""
        self.over = self.dedented = False

    def push(self, step: Step) -> str:
        self._written += self._pieces.fresh(step.token)
        self.over = self._draft.take(step) or self.over
        return self._show(self._draft.settled())

    def finish(self) -> str:
        if self.over and not self.dedented:
            found = [(place, word) for word in self._stops if (place := self._written.find(word.encode())) >= 0]
            self.word = min(found, default=(0, ""))[1]
        return self._show(self._draft.text())

    def _show(self, text: str) -> str:
        if (end := dedent(text, self._indent)) is not None:
            text, self.over, self.dedented = text[:end], True, True
        new = text[len(self.text) :]
        self.text += new
        return new


class Pieces:
    """The bytes of a row's tokens less those with which its prompt ends (see `charmer.inference.healing`)."""

    def __init__(self, tokenizer: Tokenizer, begin: bytes) -> None:
        self._tokenizer, self._owed = tokenizer, begin

    def fresh(self, token: int) -> bytes:
        """The new bytes of the next token."""
        piece = self._tokenizer.token_bytes(token)
        new, self._owed = piece[len(self._owed) :], self._owed[len(piece) :]
        return new


def dedent(text: str, indent: int) -> int | None:
    """Where the blanks and newlines begin before a line, not the first, that is indented by fewer than `indent`
    characters."""
    return next((line.start() for line in _LINE.finditer(text) if len(line[1]) < indent), None) if indent else None
