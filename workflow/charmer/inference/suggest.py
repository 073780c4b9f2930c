"""A suggestion at a cursor: what every way into a model (command, server, language server) gives a person.

    draft = Draft(tokenizer, decoder.window, before="def area(wid", after="):\\n")
    suggest(decoder, draft) -> Suggestion(text="th, height", ...)

Notable here:
- `Draft` holds what a suggestion needs to know and is fed token by token, so that a server can compute many side by
  side; `suggest` is the loop around one.
- The text is read with newlines only, and the suggestion comes back in the file's own newlines and indentation.
- What is shown while it is written never has to be taken back: blanks, beginnings of stop strings, of what stands
  behind the cursor and of a line that repeats the one before wait until what follows tells what they are.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from charmer.common.failure import Failure
from charmer.inference import context, loops
from charmer.inference.decoder import Decoder, Request, Step
from charmer.inference.endings import UNTIL, Ending, Until
from charmer.inference.lexical import scan
from charmer.inference.overlap import Overlap
from charmer.inference.sampling import Sampling
from charmer.inference.style import Style, unix
from charmer.inference.valid import Prefix
from charmer.tokens.tokenizer import Tokenizer

Reason = Literal["stop", "length", "cancelled", "deadline", "empty"]
GREEDY = Sampling()
MAX_TOKENS = {"line": 48, "block": 128, "function": 256, "file": 1024}  # where the caller says nothing
_LAST_WORD = re.compile(r"\w+\Z")
LOOKED_AT = 60_000  # characters before the cursor in which brackets, blocks and functions around it are looked for


@dataclass(frozen=True)
class Suggestion:
    """What to insert at the cursor.

    Attributes:
        text: in the file's newlines and indentation.
        tokens: how many were written, those that spell the cursor's partial token and those cut off at the end too.
        reason: "stop": it ended by itself; "length": max_tokens were written; "cancelled" and "deadline": it was told
            to end; "empty": it ended, and nothing was left that did not stand there already.
        prompt_tokens: of the prompt.
        cached_tokens: of these, how many were known from an earlier request.
    """

    text: str
    tokens: int
    reason: Reason
    prompt_tokens: int
    cached_tokens: int


class Draft:
    """One suggestion on its way: give `request` to a decoder, and each of its steps to `take`.

    Args:
        tokenizer: the model's.
        window: tokens that the model reads and writes at once, `Decoder.window`.
        before, after: the text around the cursor, with any newlines.
        until: where the suggestion ends by itself; before code on the cursor's own line always with that line.
        max_tokens: of what is written, the partial token at the cursor included; None: MAX_TOKENS.
        sampling: how tokens are drawn.
        only_valid: take no token that no continuation could make parse (see `valid`).
        extra: texts of other files, the most useful last.
        beside: texts of further files, which the network does not read, but the n-gram cache counts.
        stop: texts that end the suggestion and are no part of it.
        infill: whether the model learned to write a middle; without, the network reads what stands before the cursor
            alone.
        heal: whether to drop the partial token at the cursor (see `healing`).
        alternatives: how many of the likeliest tokens each step reports.

    Raises:
        Failure: a value is out of its range, the text can't be encoded, or with `only_valid` can't be parsed already.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        window: int,
        before: str,
        after: str = "",
        *,
        until: Until = "block",
        max_tokens: int | None = None,
        sampling: Sampling = GREEDY,
        only_valid: bool = False,
        extra: Sequence[str] = (),
        beside: Sequence[str] = (),
        stop: Sequence[str] = (),
        infill: bool = True,
        heal: bool = True,
        alternatives: int = 0,
    ) -> None:
        if until not in UNTIL:
            raise Failure(f"until: {until!r} is none of {', '.join(UNTIL)}")
        self._tokenizer = tokenizer
        self._style = Style.of(before[-LOOKED_AT:] + after[:LOOKED_AT])
        before, after = unix(before), unix(after)
        extra, beside = [unix(text) for text in extra], [unix(text) for text in beside]
        self._stop = [unix(text) for text in stop if text]
        near = _near(before)
        lexed = scan(near)
        head = near[near.rfind("\n") + 1 :]
        self._first = not head.strip()  # the first line's indentation is written too
        self._overlap = Overlap(head, lexed, after)
        self._until: Until = "line" if self._overlap.inline else until
        self._ending = Ending(near, lexed, self._until)
        size = MAX_TOKENS[until] if max_tokens is None else max_tokens
        room = max(window - size, window // 2)
        try:
            # Half the window for other files, however much is to be written: sent ahead of need, nothing is.
            prompt = context.around(tokenizer, before, after if infill else "", room, extra, heal, window // 2)
            given = context.counted_text(tokenizer, before, after, [*beside, *extra], prompt.begin)
        except UnicodeEncodeError as error:
            code = ord(error.object[error.start])
            raise Failure(f"the text holds half of a surrogate pair (U+{code:04X}), which is no character") from None
        self._begin = prompt.begin
        self._written = bytearray()
        self._valid = Prefix(before) if only_valid else None
        if self._valid and not self._valid.alive(""):
            raise Failure("--only-valid: nothing can make the text before the cursor parse; mend it or leave this out")
        accept = self._parses if only_valid else None
        self.request = Request(prompt.tokens, size, sampling, prompt.begin, None, alternatives, accept, given)
        self.tokens = 0
        self.ended = False

    def take(self, step: Step) -> bool:
        """Add a token; true when the suggestion has ended."""
        self.tokens += 1
        self._written += self._tokenizer.token_bytes(step.token)
        self.ended = self._end(self._raw(), final=False) is not None
        return self.ended

    def text(self) -> str:
        """What the suggestion is if nothing more is written."""
        text = self._raw()
        end = self._end(text, final=True)
        if self._valid and end is None:
            text = self._valid.whole(text)
        return self._finished(text if end is None else text[:end], cut=end is not None)

    def settled(self) -> str:
        """The part of the text that stays whatever is written next."""
        text = self._raw()
        if (end := self._end(text, final=False)) is not None:
            return self._finished(text[:end], cut=True)
        held = [len(text.rstrip()), self._overlap.held(text), loops.held(text)]
        for stop in self._stop:
            held.append(len(text) - max((n for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0))
        if self._valid:  # a word that lacks its end may be taken back
            held.append(len(_LAST_WORD.sub("", text)))
        if self._until in ("block", "function"):
            line = text.rfind("\n") + 1
            if line and text[line:].strip().isalpha():  # this line may end the suggestion, as its first word will tell
                held.append(line - 1)
        return text[: min(held)].rstrip().replace("\n", self._style.newline)

    def _raw(self) -> str:
        """What was written behind the cursor, in the file's indentation, up to the last character that is whole."""
        text = self._written[len(self._begin) :].decode("utf-8", errors="replace").rstrip("\ufffd")
        return self._style.indented(unix(text), self._first)

    def _end(self, text: str, final: bool) -> int | None:
        ends = [self._ending.end(text), self._overlap.end(text, final), loops.repeated(text)]
        ends += map(text.find, self._stop)
        return min((end for end in ends if end is not None and end >= 0), default=None)

    def _finished(self, text: str, cut: bool) -> str:
        """In the file's newlines; without the blanks behind the last line where it was cut there."""
        text = text.rstrip() if cut or self._until != "file" else text
        return text.replace("\n", self._style.newline)

    def _parses(self, written: bytes) -> bool:
        assert self._valid is not None
        return self._valid.accepts(written[len(self._begin) :], lambda text: self._style.indented(text, self._first))


def suggest(
    decoder: Decoder,
    draft: Draft,
    cancelled: Callable[[], bool] | None = None,
    deadline: float | None = None,
    show: Callable[[str], None] | None = None,
    watch: Callable[[Step], None] | None = None,
) -> Suggestion:
    """Compute a draft to its end.

    Args:
        cancelled: asked before each token.
        deadline: of `time.monotonic()`, when what is there is given back.
        show: called with each part of the text that is certain, as soon as it is.
        watch: called with each of its tokens.

    Raises:
        Failure: the decoder has no free slot.
    """
    shown = 0
    slot = decoder.admit(draft.request)
    cached, read = decoder.cached(slot), decoder.read(slot)
    reason: Reason = "stop"
    try:
        while not draft.ended:
            if cancelled is not None and cancelled():
                reason = "cancelled"
                break
            if deadline is not None and time.monotonic() >= deadline:
                reason = "deadline"
                break
            step = decoder.step([slot])[slot]
            if step is None:
                reason = "length" if draft.tokens >= draft.request.max_tokens else "stop"
                break
            if watch is not None:
                watch(step)
            draft.take(step)
            if show is not None and len(settled := draft.settled()) > shown:
                show(settled[shown:])
                shown = len(settled)
    finally:
        decoder.release(slot)
    text = draft.text()
    if show is not None and len(text) > shown:
        show(text[shown:])
    if not text and reason == "stop":
        reason = "empty"
    return Suggestion(text, draft.tokens, reason, cached + read, cached)


def _near(text: str) -> str:
    """The end of a long text, from a line on that most likely begins a statement at the margin."""
    if len(text) <= LOOKED_AT:
        return text
    start = len(text) - LOOKED_AT
    for word in ("\ndef ", "\nclass ", "\nasync def ", "\n@", "\nimport ", "\nfrom ", "\n"):
        if (at := text.find(word, start)) >= 0:
            return text[at + 1 :]
    return text[start:]
