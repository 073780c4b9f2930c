"""Where windows begin: starts in the flat token array for one context length and one dataset size, never copies.

Notable here:
- A dataset is a prefix of the documents, so smaller ones nest in larger ones.
- The window that starts at s predicts tokens s + 1 ... s + context_length, so windows a context apart predict every
  token of every document once, its <|endoftext|> included.
- Where the next window would begin shortly after the beginning of a document, it begins at that beginning instead, and
  the document keeps its head in view, for the price of a few tokens that two windows predict. On 136 MB of packages at
  `ALIGN` that price is 0.07% of all predictions at a context of 512 and 0.5% at 4096; the summary tells it.
- Nothing is padded: the last window begins earlier instead.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from pathlib import Path
from typing import Any, Literal

import numpy as np

from charmer.common import files
from charmer.common.failure import Failure

logger = logging.getLogger(__name__)

ALIGN = 1 / 8  # share of a window by which its start may step back to a document's head


def pack(
    tokens: Path,
    documents: Path,
    settings: dict[str, Any],
    split: Literal["train", "val"],
    windows: Path,
    summary: Path,
) -> None:
    """Choose the windows of one split by the config's section `pack`.

    Writes `windows`, an int64 .npy of ascending starts, and `summary`, a JSON of counts. `dataset_mb` and `overlap` are
    for training; val is taken whole, its windows a context apart. Where a model is fitted to a person's own code, `own`
    names its sources, whose documents come first, and `own_share` is the share of the training set that they are: the
    rest is cut to it.

    Raises:
        Failure: the text is shorter than one window, or the files are damaged or do not belong together.
    """
    context = settings["context_length"]
    table = files.read_table(documents, ["start", "tokens", "bytes", *(["source"] if "own" in settings else [])])
    starts, counts, sizes = (table.column(name).to_numpy() for name in ("start", "tokens", "bytes"))
    ends = starts + counts + 1  # behind each document's <|endoftext|>
    length = len(files.open_array(tokens))
    if length != (ends[-1] if len(ends) else 1):
        raise Failure(f"{tokens}: has {length} tokens, {documents} accounts for another number; run `encode` again")
    train = split == "train"
    limit = settings["dataset_mb"] * 1e6
    if settings.get("own_share"):
        own = np.isin(table.column("source").to_numpy(zero_copy_only=False), settings["own"])
        whole = max(float(sizes[own].sum()), 1.0) / settings["own_share"]
        if train and whole > limit:
            logger.warning(
                f"pack.dataset_mb: {settings['dataset_mb']} MB are too few to join {sizes[own].sum() / 1e6:.1f} MB of "
                "your own code with enough of others' against forgetting; raise it to "
                f"{math.ceil(whole / 1e6)}"
            )
        limit = min(limit, whole)
    used = prefix(sizes, limit) if train else len(sizes)
    end = int(ends[used - 1]) if used else 1
    size = int(sizes[:used].sum())
    if end <= context:
        raise Failure(
            f"pack.context_length: one window of {context} takes {context + 1} tokens, but the {split} text has {end} "
            f"({used} documents, {size / 1e6:.3f} MB); lower pack.context_length, add sources, or raise "
            + (f"pack.dataset_mb ({settings['dataset_mb']})" if train else "curate.val_share")
        )
    heads = starts[:used] - 1
    found = place(heads, end, context, *((settings["overlap"], ALIGN) if train else (0.0, 0.0)))
    smaller = train and bool(sizes.sum() < settings["dataset_mb"] * 1e6)
    if smaller:
        logger.warning(
            f"pack.dataset_mb: {settings['dataset_mb']} MB were asked for, the corpus has {size / 1e6:.1f} MB of "
            "training text; all of it is used"
        )
    files.write_array(windows, found)
    predicted = len(found) * context
    files.write_json(
        summary,
        {
            "split": split,
            "context_length": context,
            "windows": len(found),
            "documents": used,
            "bytes": size,
            "tokens": int(counts[:used].sum()),  # of text
            "predicted": end - 1,  # tokens of text and the <|endoftext|> behind each document
            "repeated_share": (predicted - (end - 1)) / predicted,
            "begin_with_document_share": float(np.isin(found, heads).mean()),
            "dataset_mb_asked": settings["dataset_mb"] if train else None,
            "corpus_smaller_than_asked": smaller,
        },
    )


def prefix(sizes: np.ndarray, limit: float) -> int:
    """How many of the first documents hold at most `limit` bytes together; at least one where there is any."""
    return max(int(np.searchsorted(np.cumsum(sizes), limit, side="right")), min(1, len(sizes)))


def place(heads: np.ndarray, end: int, context: int, overlap: float = 0.0, align: float = 0.0) -> np.ndarray:
    """The starts of the windows that predict tokens 1 ... end - 1 of the flat array: ascending int64.

    Args:
        heads: index of the <|endoftext|> before each document, ascending, the first 0.
        end: length of the dataset in tokens, more than `context`.
        context: tokens that one window predicts.
        overlap: share of a window that the next one repeats.
        align: share of a window by which its start may step back to a document's head.
    """
    ordered: list[int] = heads.tolist()
    stride, slack, last = max(1, round(context * (1 - overlap))), int(context * align), end - 1 - context
    found = [0]
    while found[-1] < last:
        position = min(found[-1] + stride, last)
        head = ordered[bisect_right(ordered, position) - 1]
        steps_back = max(position - slack, found[-1] + 1) <= head and position < last
        found.append(head if steps_back else position)
    return np.array(found, np.int64)
