"""How much each piece of a text surprised a model: tokens with their bits, cut where characters end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def pieces(text: bytes, lengths: np.ndarray, bits: np.ndarray) -> Iterator[tuple[str, float]]:
    """The tokens of `text` as (text, bits). One that ends inside a character is shown with the next.

    Args:
        text: in UTF-8.
        lengths: int[tokens], bytes of each token; they sum to those of `text`.
        bits: float[tokens].
    """
    start, pending = 0, 0.0
    for end, cost in zip(np.cumsum(lengths).tolist(), bits.tolist(), strict=True):
        pending += cost
        try:
            piece = text[start:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield piece, pending
        start, pending = end, 0.0
