"""What a decoder is asked for, and what it answers a token at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from charmer.common.failure import Failure
from charmer.inference.sampling import Sampling

TRIES = 100  # tokens that `Request.accept` may refuse one after another before its row ends


@dataclass
class Request:
    """A text to be continued.

    Attributes:
        prompt: token ids; an empty prompt begins with the end-of-file token, a prompt longer than the window is cut at
            its beginning.
        max_tokens: at most so many new tokens; with 0 the prompt is read and nothing written.
        sampling: how tokens are drawn.
        begin: the bytes with which the continuation begins (see `healing`); only what follows them is free, may stop
            and is shown to `accept`.
        stop: token ids that end the row and are not part of it; None: end of file alone.
        alternatives: how many of the likeliest tokens each step reports.
        accept: whether the continuation may begin with these bytes. A token that is refused is left out and another
            drawn from the rest; the row ends where none is left, or after `TRIES` of them.
        given: int[n], the text that the decoder's n-gram cache counts, if it has one: the prompt and what stands
            around it; None: the prompt alone.
        reuse: whether a beginning that is known need not be read again. What is written is the same.
    """

    prompt: Sequence[int]
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    begin: bytes = b""
    stop: frozenset[int] | None = None
    alternatives: int = 0
    accept: Callable[[bytes], bool] | None = None
    given: np.ndarray | None = field(default=None, compare=False)
    reuse: bool = True

    def check(self, size: int) -> None:
        """Raise a Failure that names the first value out of its range, for a vocabulary of `size` tokens."""
        if self.max_tokens < 0:
            raise Failure(f"max_tokens: {self.max_tokens} is out of range; it must be 0 or more")
        if self.alternatives < 0:
            raise Failure(f"alternatives: {self.alternatives} is out of range; it must be 0 or more")
        self.sampling.check()
        extremes = (min(self.prompt, default=0), max(self.prompt, default=0))
        wrong = [token for token in extremes if not 0 <= token < size]
        if wrong:
            raise Failure(
                f"prompt: token {wrong[0]} is not among the model's vocabulary of {size}; "
                "encode the prompt with the model's own tokenizer"
            )


@dataclass(frozen=True)
class Step:
    """One new token of a row.

    Attributes:
        token: its id.
        logprob: natural logarithm of its probability among all that could come next (text that begins as it must, or a
            token that stops), before the knobs of sampling.
        top: the likeliest tokens with their logarithms, best first, where the request asked for alternatives.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]
