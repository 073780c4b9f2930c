"""Where windows begin: starts in the flat token array for one context length and one dataset size, no copies.

Notable here:
- A dataset is a prefix of the documents, so smaller ones nest in larger ones.
- A window that starts at s predicts tokens s+1 ... s+context_length, so windows a context apart predict every token of
  every document exactly once, each document's <|endoftext|> included. Where the next window would begin shortly after
  the start of a document, it begins at that start instead: the document keeps its head in view for the price of a few
  tokens that two windows predict (`pack.align` bounds them, the summary counts them).
- The last window begins earlier rather than being padded.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np

from charmer.common import files
from charmer.common.failure import Failure

logger = logging.getLogger(__name__)


def pack(
    tokens: Path,
    documents: Path,
    settings: dict[str, Any],
    split: Literal["train", "val"],
    windows: Path,
    summary: Path,
) -> None:
    """Write the starts of the windows, int64, and a summary of the dataset.

    `pack.dataset_mb`, `pack.overlap` and `pack.align` hold for train; val is taken whole, each token predicted once.

    Raises:
        Failure: the text is shorter than one window, or the files are damaged or do not belong together.
    """
    context = settings["context_length"]
    table = files.read_table(documents, ["start", "tokens", "bytes"])
    starts, counts, sizes = (table.column(name).to_numpy() for name in ("start", "tokens", "bytes"))
    array = files.open_array(tokens)
    if len(starts) and starts[-1] + counts[-1] + 1 != len(array):
        raise Failure(f"{tokens}: has {len(array)} tokens, {documents} says otherwise; run `encode` again")
    used = prefix(sizes, settings["dataset_mb"] * 1e6) if split == "train" else len(starts)
    end = int(starts[used - 1] + counts[used - 1] + 1) if used else 0
    if end <= context:
        raise Failure(_too_small(settings, split, end, int(sizes[:used].sum()), used))
    overlap, align = (settings["overlap"], settings["align"]) if split == "train" else (0.0, 0.0)
    found = place(starts[:used] - 1, end, context, overlap, align)
    files.write_array(windows, found)
    whole = bool(split == "train" and used == len(starts) and sizes.sum() < settings["dataset_mb"] * 1e6)
    if whole:
        logger.warning(
            f"pack.dataset_mb: {settings['dataset_mb']} MB were asked for, the corpus has {sizes.sum() / 1e6:.1f} MB of "
            "training text; all of it is used"
        )
    predicted = len(found) * context
    files.write_json(
        summary,
        {
            "split": split,
            "context_length": context,
            "windows": len(found),
            "documents": int(used),
            "bytes": int(sizes[:used].sum()),
            "tokens": int(counts[:used].sum()),
            "predicted": end - 1,
            "repeated_share": (predicted - (end - 1)) / predicted,
            "aligned_share": float(np.isin(found, starts[:used] - 1).mean()),
            "asked_mb": settings["dataset_mb"] if split == "train" else None,
            "corpus_smaller_than_asked": whole,
        },
    )


def prefix(sizes: np.ndarray, limit: float) -> int:
    """How many of the first documents stay within `limit` bytes; at least one where there is any."""
    return max(int(np.searchsorted(np.cumsum(sizes), limit, side="right")), min(1, len(sizes)))


def place(heads: np.ndarray, end: int, context: int, overlap: float, align: float) -> np.ndarray:
    """The starts of windows that predict tokens 1 ... end - 1 of the flat array, int64, ascending.

    Args:
        heads: index of the <|endoftext|> before each document, ascending, the first 0.
        end: length of the dataset in tokens; more than `context`.
        context: tokens that one window predicts.
        overlap: share of a window that the next one repeats.
        align: share of a window by which its start may move back to a document's start.
    """
    stride = max(1, round(context * (1 - overlap)))
    slack = int(context * align)
    last = end - 1 - context
    found = [0]
    while found[-1] < last:
        position = min(found[-1] + stride, last)
        head = int(heads[np.searchsorted(heads, position, side="right") - 1])
        if position - head <= slack and head > found[-1]:
            position = head
        found.append(position)
    return np.array(found, np.int64)


def _too_small(settings: dict[str, Any], split: str, length: int, size: int, documents: int) -> str:
    context = settings["context_length"]
    return (
        f"pack.context_length: a window of {context} needs {context + 1} tokens, but the {split} text has "
        f"{length} ({documents} documents, {size / 1e6:.3f} MB"
        + (f", with pack.dataset_mb {settings['dataset_mb']}" if split == "train" else "")
        + "); lower pack.context_length, "
        + ("raise pack.dataset_mb or add sources" if split == "train" else "raise curate.val_share or add sources")
    )
