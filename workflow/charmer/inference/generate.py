"""Generation for a list of prompts of different lengths: one call over the `Decoder`.

Notable here: a prompt's continuation depends on its own tokens, its place in the list, and the seed, not on its
neighbours. Prompts wait for a slot, and take it as soon as another's text has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from charmer.inference.decoder import Decoder, Request
from charmer.inference.ngram_cache import NgramCache
from charmer.inference.sampling import Sampling
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

ROWS = 64  # prompts that are continued at once


def generate(
    model: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    max_tokens: int,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    stop: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float32,
    begins: Sequence[bytes] | None = None,
    until: Callable[[int, list[int]], bool] | None = None,
    ngrams: NgramCache | None = None,
    given: Sequence[np.ndarray | None] | None = None,
) -> list[list[int]]:
    """Continue each prompt.

    Args:
        model: its device is used.
        tokenizer: gives the end-of-file token, which an empty prompt begins with and which stops by default.
        prompts: token ids; a prompt longer than the context is cut at its beginning.
        max_tokens: at most so many new tokens for each prompt.
        temperature, top_k, top_p: as in `Sampling`.
        seed: of sampling; the same prompts and seed give the same tokens.
        stop: a token out of these ends a row and is not part of it; None: end of file alone.
        dtype: of the computation.
        begins: for each prompt the bytes with which its continuation begins (see `healing`); only what follows them
            is free, and may stop.
        until: called after each token with the prompt's place in the list and its new tokens; true ends that row, and
            the token stays.
        ngrams: refines what the network expects (see `ngram_cache`).
        given: int[n] for each prompt, what `ngrams` counts; None: the prompt.

    Returns:
        The new tokens of each prompt, in the order of `prompts`.

    Raises:
        Failure: a sampling value or a token id is out of its range.
    """
    if not prompts:
        return []
    stops = None if stop is None else frozenset(stop)
    requests = [
        Request(
            prompt,
            max_tokens,
            Sampling(temperature, top_k, top_p, seed=(seed, place)),
            begin=begins[place] if begins is not None else b"",
            stop=stops,
            given=given[place] if given is not None else None,
        )
        for place, prompt in enumerate(prompts)
    ]
    window = min(model.config.context_length, max(map(len, prompts)) + max(max_tokens, 0) + 1)
    decoder = Decoder(
        model, tokenizer, min(len(prompts), ROWS), dtype, window, compiled=False, ngrams=ngrams
    )  # many rows side by side
    written: list[list[int]] = [[] for _ in prompts]
    running: dict[int, int] = {}  # the place in the list of what runs in each slot
    waiting = list(range(len(prompts)))[::-1]
    while waiting or running:
        while waiting and len(running) < decoder.slots:
            place = waiting.pop()
            running[decoder.admit(requests[place])] = place
        for slot, step in decoder.step().items():
            place = running[slot]
            if step is not None:
                written[place].append(step.token)
                if until is None or not until(place, written[place]):
                    continue
                decoder.release(slot)
            del running[slot]
    return written
