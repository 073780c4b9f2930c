"""Fit the n-gram cache of a model: how much its text's own repetitions count beside the network, by held-out text.

The scales and exponents of `NgramCache` are those with which the text costs fewest bits, found by L-BFGS (Liu and
Nocedal 1989) over counts that are made once. A weak normal prior keeps what too little text says nothing of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from charmer.common.progress import Progress
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache, counted
from charmer.inference.score import bits_per_token
from charmer.model import folder
from charmer.training.held_out import HeldOut

MEGABYTES = {"bpe": 0.6, "char": 0.15, "byte": 0.15}  # of held-out text that is read, by the vocabulary's kind
ORDERS = {"bpe": 8, "char": 24, "byte": 24}  # tokens before another one that are looked at: some 25 bytes of code
USUAL = (2.5, 2.0)  # scale and exponent of any order, where nothing says otherwise
CERTAIN = 2.0  # how far from there they may well lie, for a penalty of half a nat
STEPS = 60  # of L-BFGS, at most


def fit(model: Path, tokens: Path, documents: Path, target: Path, threads: int = 1) -> None:
    """Write a model's `ngram_cache.json`.

    Args:
        tokens, documents: of the validation split, none of which the model was trained on.

    Raises:
        Failure: the model or the split is damaged, or the split holds no text.
    """
    torch.set_num_threads(threads)
    network, tokenizer = folder.load(model)
    texts = HeldOut(tokens, documents, tokenizer, MEGABYTES[tokenizer.kind], torch.float32, threads).documents
    with Progress("n-gram cache", sum(map(len, texts)), "token") as progress:
        bits = bits_per_token(network, texts, tokenizer.eof, progress=progress.advance, threads=threads)
    ngram_cache.write(target, fitted(texts, bits, ORDERS[tokenizer.kind]))


def fitted(texts: Sequence[np.ndarray], bits: Sequence[np.ndarray], order: int) -> NgramCache:
    """The cache with which texts cost fewest bits.

    Args:
        texts: integer arrays [n], the tokens of each.
        bits: float[n] of each text, what its tokens cost by the network.
        order: tokens before another one that count, at most.
    """
    counts = [counted(text, order) for text in texts]
    total, same, distinct = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*counts, strict=True))
    network = torch.from_numpy(np.concatenate(bits).astype(np.float64) * math.log(2))
    usual = torch.tensor(USUAL, dtype=torch.float64)
    knobs = usual.repeat(order, 1).requires_grad_()
    optimizer = torch.optim.LBFGS([knobs], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        share = torch.exp(-network)
        for place in range(order):
            strength = torch.exp(knobs[place, 0] + knobs[place, 1] * distinct[:, place].clamp_min(1).log())
            refined = (same[:, place] + strength * share) / (total[:, place] + strength)
            share = torch.where(total[:, place] > 0, refined, share)
        unlikely = (((knobs - usual) / CERTAIN) ** 2).sum() / 2
        nats = (unlikely - share.log().sum()) / len(network)
        nats.backward()
        return nats

    optimizer.step(loss)
    scales, exponents = knobs.detach().T.tolist()
    return NgramCache(tuple(scales), tuple(exponents))
