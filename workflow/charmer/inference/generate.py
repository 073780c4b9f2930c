"""Cached generation for a batch of prompts of different lengths.

Notable here:
- A prompt's continuation depends on its own tokens, its place in the list, and the seed, not on its neighbours:
  each prompt has random numbers of its own, drawn before the first token.
- A prompt that outgrows the context keeps its newest half of it and is read again (the cache of a rotary model
  cannot be shifted without changing what its keys mean to the layers above). So half a context of text at least
  stands before every token.
- Finished rows leave the batch; the others go on without them.
- Text is what is written: of the special tokens only those that stop can be chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from charmer.common.failure import Failure
from charmer.inference.healing import beginnings
from charmer.model.network import Cache, Transformer
from charmer.tokens.tokenizer import Tokenizer


def choose(logits: Tensor, temperature: float, top_k: int, top_p: float, uniform: Tensor) -> Tensor:
    """Sample one token a row.

    Args:
        logits: [B, V].
        temperature: 0 takes the most likely token; 1 samples from the model's distribution.
        top_k: only the k most likely tokens stay; 0: all.
        top_p: only the most likely tokens that together reach this share stay (nucleus sampling,
            Holtzman et al. 2020, arXiv:1904.09751); 1: all.
        uniform: [B], random numbers in [0, 1); equal numbers choose equal tokens.

    Returns:
        [B], token ids.
    """
    if temperature == 0:
        return logits.argmax(-1)
    ranked, order = (logits.float() / temperature).sort(dim=-1, descending=True, stable=True)
    if top_k > 0:
        ranked, order = ranked[:, :top_k], order[:, :top_k]
    shares = ranked.double().softmax(-1)
    before = shares.cumsum(-1) - shares
    shares = shares.masked_fill(before >= top_p, 0.0)
    cumulative = shares.cumsum(-1)
    chosen = torch.searchsorted(cumulative, uniform[:, None].double() * cumulative[:, -1:], right=True)
    last = (shares > 0).sum(-1, keepdim=True) - 1  # rounding may carry the number past the last token that stays
    return order.gather(-1, chosen.minimum(last))[:, 0]


@torch.inference_mode()
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
) -> list[list[int]]:
    """Continue each prompt.

    Args:
        model: its device is used.
        tokenizer: gives the end-of-file token, which an empty prompt begins with and which stops by default.
        prompts: token ids; a prompt longer than the context is cut at its beginning.
        max_tokens: at most so many new tokens for each prompt.
        temperature, top_k, top_p: of sampling, as in `choose`.
        seed: of sampling; the same prompts and seed give the same tokens.
        stop: a token out of these ends a row and is not part of it; None: end of file alone.
        dtype: of the computation.
        begins: for each prompt the bytes with which its continuation begins (see `healing`); only what follows them
            is free, and may stop.
        until: called after each token with the prompt's place in the list and its new tokens; true ends that row, and
            the token stays.

    Returns:
        The new tokens of each prompt, in the order of `prompts`.

    Raises:
        Failure: a sampling value or a token id is out of its range.
    """
    _check(model, prompts, max_tokens, temperature, top_k, top_p)
    stops = frozenset([tokenizer.eof] if stop is None else stop)
    marks = torch.tensor([mark for mark in tokenizer.special.values() if mark not in stops], device=model.device)
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(len(prompts), max(max_tokens, 1), generator=generator, dtype=torch.float64)
    texts = [list(prompt) or [tokenizer.eof] for prompt in prompts]
    starts = [len(text) for text in texts]
    owed = list(begins) if begins is not None else [b""] * len(texts)
    active = list(range(len(texts))) if max_tokens > 0 else []
    batch: _Batch | None = None
    for step in range(max_tokens):
        if not active:
            break
        if batch is None or batch.full():
            batch = _Batch(model, [texts[row] for row in active], max_tokens - step, dtype)
            logits = batch.read()
        else:
            logits = batch.extend([texts[row][-1] for row in active])
        logits = logits.index_fill(1, marks, -torch.inf)
        if any(owed[row] for row in active):
            logits = beginnings(tokenizer).restrict(logits, [owed[row] for row in active])
        drawn = uniform[active, step].to(logits.device)
        ended = []
        for place, token in enumerate(choose(logits, temperature, top_k, top_p, drawn).tolist()):
            row = active[place]
            if token in stops and not owed[row]:
                ended.append(place)
                continue
            texts[row].append(token)
            owed[row] = owed[row][len(tokenizer.token_bytes(token)) :]
            if until is not None and until(row, texts[row][starts[row] :]):
                ended.append(place)
        if ended:
            kept = [place for place in range(len(active)) if place not in ended]
            active = [active[place] for place in kept]
            batch.keep(kept)
    return [text[start:] for text, start in zip(texts, starts, strict=True)]


class _Batch:
    """Rows that are read once and then extended token by token, until one of them fills the cache."""

    def __init__(self, model: Transformer, texts: list[list[int]], wanted: int, dtype: torch.dtype) -> None:
        context = model.config.context_length
        self.model, self.dtype = model, dtype
        self.texts = [text if len(text) < context else text[-max(context // 2, 1) :] for text in texts]
        longest = max(map(len, self.texts))
        length = min(context, longest + wanted)
        self.cache = Cache(model.config, len(texts), length, model.device, dtype)
        self.lengths = torch.tensor([len(text) for text in self.texts], device=model.device)

    def full(self) -> bool:
        return int(self.lengths.max()) >= self.cache.length

    def read(self) -> Tensor:
        """Logits [B, V] behind each whole row."""
        longest = int(self.lengths.max())
        padded = torch.tensor([text + [0] * (longest - len(text)) for text in self.texts], device=self.model.device)
        positions = torch.arange(longest, device=self.model.device).expand(len(self.texts), -1)
        hidden = self.model.hidden(padded, cache=self.cache, positions=positions, dtype=self.dtype)
        last = torch.arange(len(self.texts), device=self.model.device)
        return self.model.logits(hidden[last, self.lengths - 1])

    def extend(self, tokens: list[int]) -> Tensor:
        """Logits [B, V] after one more token a row."""
        new = torch.tensor(tokens, device=self.model.device)[:, None]
        logits = self.model(new, cache=self.cache, positions=self.lengths[:, None], dtype=self.dtype)
        self.lengths = self.lengths + 1
        return logits[:, -1]

    def keep(self, places: list[int]) -> None:
        """Go on with these rows alone."""
        self.lengths = self.lengths[places]
        self.cache.keys, self.cache.values = self.cache.keys[:, places], self.cache.values[:, places]


def _check(
    model: Transformer, prompts: Sequence[Sequence[int]], max_tokens: int, temperature: float, top_k: int, top_p: float
) -> None:
    for name, value, good in (
        ("max_tokens", max_tokens, max_tokens >= 0),
        ("temperature", temperature, 0 <= temperature < float("inf")),
        ("top_k", top_k, top_k >= 0),
        ("top_p", top_p, 0 < top_p <= 1),
    ):
        if not good:
            raise Failure(f"{name}: {value} is out of range; temperature and top_k are 0 or more, top_p in (0, 1]")
    highest = max((max(prompt) for prompt in prompts if prompt), default=0)
    lowest = min((min(prompt) for prompt in prompts if prompt), default=0)
    if lowest < 0 or highest >= model.config.vocab_size:
        raise Failure(
            f"prompt: token {highest if lowest >= 0 else lowest} is not among the model's vocabulary of "
            f"{model.config.vocab_size}; encode the prompt with the model's own tokenizer"
        )
