"""What a model writes of its own accord: files from their first token on, nothing given."""

from __future__ import annotations

from typing import Any

from charmer.inference.generate import generate
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer


def from_nothing(network: Transformer, tokenizer: Tokenizer, settings: dict[str, Any]) -> list[list[int]]:
    """The ids of `texts` files as the model writes them, each up to its end or `max_tokens`.

    Args:
        settings: texts, max_tokens, temperature, seed; a metric's knobs hold these among others.
    """
    return generate(
        network,
        tokenizer,
        [[tokenizer.eof]] * settings["texts"],
        max_tokens=settings["max_tokens"],
        temperature=settings["temperature"],
        seed=settings["seed"],
    )
