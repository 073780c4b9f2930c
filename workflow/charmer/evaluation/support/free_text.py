"""What a model writes of its own accord: files from their first token on, nothing given; and as much of other files."""

from __future__ import annotations

from typing import Any

import numpy as np

from charmer.inference.generate import generate
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer


def from_nothing(network: Transformer, tokenizer: Tokenizer, settings: dict[str, Any]) -> list[list[int]]:
    """The ids of `texts` files as the model writes them, each up to its end or `max_bytes`.

    Args:
        settings: texts, max_bytes, temperature, seed; a metric's knobs hold these among others.
    """
    lengths = tokenizer.byte_lengths.tolist()
    return generate(
        network,
        tokenizer,
        [[tokenizer.eof]] * settings["texts"],
        max_tokens=settings["max_bytes"],  # a token is a byte at least
        temperature=settings["temperature"],
        seed=settings["seed"],
        until=lambda _, tokens: sum(map(lengths.__getitem__, tokens)) >= settings["max_bytes"],
    )


def head(tokenizer: Tokenizer, tokens: np.ndarray, max_bytes: int) -> np.ndarray:
    """As much of a file as the model may write: its first tokens, up to the one that reaches `max_bytes`."""
    first = np.asarray(tokens[:max_bytes])
    return first[: int(np.searchsorted(np.cumsum(tokenizer.byte_lengths[first]), max_bytes)) + 1]
