"""A decoder that keeps what it has read: prompts are admitted to slots and continued side by side, token by token.

    decoder = Decoder(model, tokenizer, slots=2)
    for step in decoder.stream(Request(tokens, max_tokens=64)): ...

Notable here:
- A slot's cache outlives its request. A new prompt takes over the longest beginning that it shares with what any slot
  has read, running ones too, and reads only the rest: a person who types changes the end, not the beginning.
- That is counted in whole blocks of the prompt, and what was written is read when it comes back in a prompt, a few
  milliseconds each: so the rounding of a prompt's logits, and with it its answer, never depends on what was known.
- Requests come and go between steps; every step computes one more token for all that run in one batch. A row's tokens
  depend on its own prompt, seed and constraints, not on its neighbours (but where PyTorch writes them: the rounding of
  products differs with their shapes, which in bfloat16 can turn a near tie).
- A text that outgrows the window keeps its newest half and is read again (the cache of a rotary model can't be shifted
  without changing what its keys mean to the layers above). So half a window of text at least stands before a token.
- With an n-gram cache (see `ngram_cache`) the network's distribution is refined by the text that was given, before
  anything else is asked of it.
- Text is what is written: of the special tokens only those that stop can be chosen.

One thread at a time may use a decoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from charmer.common.failure import Failure
from charmer.inference.forward import BLOCK, Forward
from charmer.inference.healing import beginnings
from charmer.inference.ngram_cache import NgramCache
from charmer.inference.request import TRIES
from charmer.inference.request import Request as Request
from charmer.inference.request import Step as Step
from charmer.inference.sampling import choose, penalise
from charmer.model.network import Transformer
from charmer.model.precision import fastest
from charmer.tokens.tokenizer import Tokenizer


@dataclass
class _Row:
    """A request that runs in a slot."""

    request: Request
    stops: frozenset[int]
    random: np.random.Generator
    text: list[int]  # what the model sees: the prompt and what was written, from the window's first token on
    owed: bytes
    given: np.ndarray  # what the n-gram cache counts
    new: int = 0
    written: bytearray = field(default_factory=bytearray)


class Decoder:
    """Continues texts with one model.

    Args:
        model: its weights are copied as they are now; its device is used.
        tokenizer: the model's own.
        slots: requests that can run at once.
        dtype: of the computation; None: bfloat16 where the device multiplies it natively, else float32, and where the
            kernel is compiled, with its weights in 8 bits.
        window: tokens that a row may hold; None: the model's context length.
        compiled: whether tokens are written by `inference.kernel`, for which a processor compiles 5 s once, and loads
            half a second in each process; None: on a processor, if Numba is installed.
        block: tokens of a prompt that are read at once, and shared with another prompt only as a whole.
        ngrams: refines what the network expects; None: nothing does.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        slots: int = 1,
        dtype: torch.dtype | None = None,
        window: int | None = None,
        compiled: bool | None = None,
        block: int = BLOCK,
        ngrams: NgramCache | None = None,
    ) -> None:
        self.ngrams = ngrams
        self.model, self.tokenizer, self.slots = model, tokenizer, slots
        self.window, self.block = window or model.config.context_length, block
        self.dtype = dtype or fastest(model.device)
        if compiled is None:
            compiled = model.device.type == "cpu" and find_spec("numba") is not None
        with torch.inference_mode():
            self._forward = Forward(
                model, slots, self.window, self.dtype, compiled, eight_bits=dtype is None, block=block
            )
            shape = (slots, model.config.vocab_size)
            self._logits = torch.zeros(shape, device=model.device)  # behind the last token that was read
            self._forbidden = torch.zeros(shape, device=model.device)  # -inf for special tokens that do not stop
        self._held = np.full((slots, self.window), -1)  # the tokens of whole blocks that a slot has read
        self._filled = [0] * slots
        self._known_and_read = [(0, 0)] * slots  # of each slot's newest prompt
        self._rows: list[_Row | None] = [None] * slots
        self._last_used = [0] * slots
        self._admitted = 0

    @torch.inference_mode()
    def admit(self, request: Request) -> int:
        """Take up a request, and read of its prompt what no slot holds already.

        Returns:
            The slot in which it runs until `step` gives None for it or it is released.

        Raises:
            Failure: no slot is free, or a value of the request is out of its range.
        """
        request.check(self.model.config.vocab_size)
        free = [slot for slot in range(self.slots) if self._rows[slot] is None]
        if not free:
            raise Failure(f"all {self.slots} slots of the decoder are busy; wait for one, or give it more")
        text = self._within_window(list(request.prompt) or [self.tokenizer.eof])
        known = np.array(text[:-1])  # the last token is read in any case: its logits are asked for
        shared = np.logical_and.accumulate(self._held[:, : len(known)] == known, axis=1).sum(1)
        shared = (shared - shared % self.block) * request.reuse
        slot = max(
            free, key=lambda slot: (shared[slot] if 2 * shared[slot] > len(known) else 0, -self._last_used[slot])
        )
        source = int(shared.argmax())
        if shared[source] > shared[slot]:
            self._forward.copy(source, slot, int(shared[source]))
            self._held[slot, : shared[source]] = known[: shared[source]]
        self._filled[slot] = cached = int(shared[source])
        stops = frozenset([self.tokenizer.eof]) if request.stop is None else request.stop
        marks = [mark for mark in self.tokenizer.special.values() if mark not in stops]
        self._forbidden[slot] = 0
        self._forbidden[slot, marks] = -torch.inf
        self._read(slot, text)
        random = np.random.default_rng(request.sampling.seed)
        given = np.asarray(request.prompt if request.given is None else request.given, np.int64)
        self._rows[slot] = _Row(request, stops, random, text, request.begin, given)
        self._known_and_read[slot] = cached, len(text) - cached
        self._admitted += 1
        self._last_used[slot] = self._admitted
        return slot

    def cached(self, slot: int) -> int:
        """How many tokens of the newest prompt in `slot` were known."""
        return self._known_and_read[slot][0]

    def read(self, slot: int) -> int:
        """How many tokens of the newest prompt in `slot` had to be read."""
        return self._known_and_read[slot][1]

    @torch.inference_mode()
    def step(self, slots: Sequence[int] | None = None) -> dict[int, Step | None]:
        """Draw one more token in each running slot, or in those of `slots`.

        Returns:
            What each of them wrote; None for one that ended (at a token that stops, after its last token, or where
            `accept` left nothing), and whose slot is free now.
        """
        running = [slot for slot in range(self.slots) if self._rows[slot] is not None and (not slots or slot in slots)]
        steps: dict[int, Step | None] = {}
        for slot in running:
            if self._running(slot).new >= self._running(slot).request.max_tokens:
                steps[slot] = None
        going = [slot for slot in running if slot not in steps]
        if going:
            self._compute(going)
            steps |= self._draw(going)
        for slot, step in steps.items():
            if step is None:
                self.release(slot)
        return steps

    def release(self, slot: int) -> None:
        """End the request that runs in `slot`, if any. What the slot holds stays for prompts that begin like it."""
        self._rows[slot] = None

    def stream(self, request: Request, cancelled: Callable[[], bool] | None = None) -> Iterator[Step]:
        """The tokens of one request, as they are written, until it ends or `cancelled` says so."""
        slot = self.admit(request)
        try:
            while not (cancelled is not None and cancelled()):
                step = self.step([slot])[slot]
                if step is None:
                    return
                yield step
        finally:
            self.release(slot)

    def warm(self, aside: bool = False) -> None:
        """Write two tokens and forget them, so that nobody waits for what is compiled, loaded or laid out first.

        Args:
            aside: compile in a process of its own; until it is done, PyTorch writes the tokens.
        """
        if aside:
            self._forward.prepare()
        for _ in self.stream(Request([], 2, begin=b" ", stop=frozenset())):
            pass

    def _running(self, slot: int) -> _Row:
        row = self._rows[slot]
        if row is None:
            raise KeyError(f"slot {slot} runs no request")
        return row

    def _within_window(self, text: list[int]) -> list[int]:
        return text if len(text) < self.window else text[-max(self.window // 2, 1) :]

    def _read(self, slot: int, text: list[int]) -> None:
        """Read what of `text` the slot does not hold; gives the logits behind it."""
        start = self._filled[slot]
        self._held[slot, start:] = -1  # before anything is overwritten
        tokens = torch.tensor(text[start:], device=self.model.device)
        self._logits[slot] = self._forward.read(tokens, slot, start)[0]
        whole = len(text) - len(text) % self.block
        self._held[slot, start:whole] = text[start:whole]
        self._filled[slot] = len(text)

    def _compute(self, slots: list[int]) -> None:
        """Logits behind each row's newest token, where they are not there yet."""
        extended = []
        for slot in slots:
            row = self._running(slot)
            if self._filled[slot] == len(row.text):
                continue
            if self._filled[slot] < self.window:
                extended.append(slot)
                continue
            row.text, self._filled[slot] = self._within_window(row.text), 0
            self._read(slot, row.text)
        if extended:
            tokens = [self._running(slot).text[-1] for slot in extended]
            places = [self._filled[slot] for slot in extended]
            new = torch.tensor(tokens, device=self.model.device)
            self._logits[_near(extended)] = self._forward.extend(new, extended, places)
            for slot in extended:
                self._filled[slot] += 1

    def _draw(self, slots: list[int]) -> dict[int, Step | None]:
        rows = [self._running(slot) for slot in slots]
        near = _near(slots)
        logits = self._refined(rows, self._logits[near]) + self._forbidden[near]
        if logits.device.type == "mps":
            logits = logits.cpu()  # draws need 64 bits, which it does not have
        if any(row.owed for row in rows):
            logits = beginnings(self.tokenizer).restrict(logits, [row.owed for row in rows])
        shares = logits.log_softmax(-1)
        for row, row_logits in zip(rows, logits, strict=True):
            if row.request.sampling.repetition_penalty != 1:
                penalise(row_logits, row.text, row.request.sampling.repetition_penalty)
        samplings = [row.request.sampling for row in rows]
        chosen = choose(logits, samplings, [row.random.random() for row in rows]).tolist()
        steps: dict[int, Step | None] = {}
        for place, (slot, row, token) in enumerate(zip(slots, rows, chosen, strict=True)):
            final = self._acceptable(row, logits[place], token) if row.request.accept else token
            ended = final is None or (final in row.stops and not row.owed)
            steps[slot] = None if final is None or ended else self._take(row, final, shares[place])
        return steps

    def _refined(self, rows: list[_Row], logits: Tensor) -> Tensor:
        """What the network expects next, `logits` [B, V], refined by the texts that were given; logits as well, since a
        penalty for repetition looks at their sign."""
        if self.ngrams is None:
            return logits
        scale = logits.logsumexp(-1, keepdim=True)
        refined = (logits - scale).cpu()
        for row, own in zip(rows, refined.numpy(), strict=True):  # for a row NumPy takes a third of PyTorch's time
            kept, tokens, added = self.ngrams.behind(row.given, row.text[-self.ngrams.order :])
            own += math.log(kept)
            own[tokens] = np.logaddexp(own[tokens], np.log(added))
        return refined.to(logits.device) + scale

    def _acceptable(self, row: _Row, logits: Tensor, token: int) -> int | None:
        """`token`, or the first that is drawn after it and that the row's request accepts. Changes `logits`."""
        assert row.request.accept is not None
        for _ in range(TRIES):
            piece = self.tokenizer.token_bytes(token)
            if token in row.stops or len(piece) <= len(row.owed) or row.request.accept(bytes(row.written + piece)):
                return token
            logits[token] = -torch.inf
            if bool(torch.isneginf(logits).all()):
                return None
            token = int(choose(logits[None], [row.request.sampling], [row.random.random()])[0])
        return None

    def _take(self, row: _Row, token: int, shares: Tensor) -> Step:
        piece = self.tokenizer.token_bytes(token)
        row.text.append(token)
        row.new += 1
        row.owed = row.owed[len(piece) :]
        row.written += piece
        top: tuple[tuple[int, float], ...] = ()
        if row.request.alternatives:
            values, tokens = shares.topk(min(row.request.alternatives, len(shares)))
            pairs = zip(tokens.tolist(), values.tolist(), strict=True)
            top = tuple((other, value) for other, value in pairs if value > -float("inf"))
        return Step(token, float(shares[token]), top)


def _near(slots: list[int]) -> slice | list[int]:
    """Ascending `slots` as a slice where they lie side by side: in a step of one row that saves 60 us of 550."""
    return slice(slots[0], slots[-1] + 1) if slots[-1] - slots[0] < len(slots) else slots
