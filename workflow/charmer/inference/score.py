"""How many bits the model needs for each token of a text: the basis of every bits-per-byte figure.

Notable here:
- Windows of the context length slide by half of it. Each token is counted once; unless its document begins there, at
  least half a window stands before it.
- A document's first token is predicted from an end-of-file token, as in training, where files follow one another.
- Windows of equal length share a batch, and logits exist for a few thousand positions at a time, so memory depends
  on neither the documents nor the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from charmer.model.network import Transformer
from charmer.model.threads import side_by_side


def windows_of(length: int, context: int, stride: int | None = None) -> list[tuple[int, int, int]]:
    """Cut a document of `length` tokens into windows (start, stop, first counted token), `stride` or half apart.

    >>> windows_of(10, 4)
    [(0, 4, 0), (2, 6, 4), (4, 8, 6), (6, 10, 8)]
    >>> windows_of(10, 4, stride=4)
    [(0, 4, 0), (4, 8, 4), (8, 10, 8)]
    """
    if length <= 0:
        return []
    windows = [(0, min(context, length), 0)]
    stride = stride or max(context // 2, 1)
    while windows[-1][1] < length:
        counted = windows[-1][1]
        start = counted - (context - stride)
        windows.append((start, min(start + context, length), counted))
    return windows


def bits_per_token(
    model: Transformer,
    documents: Sequence[np.ndarray],
    eof: int,
    context: int | None = None,
    dtype: torch.dtype = torch.float32,
    batch_tokens: int = 4096,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    stride: int | None = None,
) -> list[np.ndarray]:
    """-log2 of the probability of each token of each document.

    Args:
        model: its device is used.
        documents: integer arrays [n], each the tokens of one document. An end-of-file token behind a document is
            scored like any other token; leave it away where it must not count.
        eof: the token before a document's first.
        context: tokens the model sees at once, the end-of-file token before a document among them; None: the
            model's own.
        dtype: of the computation; sums and softmax are float32 in any case.
        batch_tokens: positions computed at once, by each thread.
        threads: of the processor, each with batches of its own; None: as many as PyTorch is set to use. The bits do
            not depend on it.
        progress: called with the number of tokens scored since the last call.
        stride: tokens by which windows slide, at most `context`; None: half of it.

    Returns:
        float32 arrays [n], one a document.
    """
    context = context or model.config.context_length
    results = [np.zeros(len(document), np.float32) for document in documents]
    todo = [
        _Window(stop - start, place, start, counted)
        for place, document in enumerate(documents)
        for start, stop, counted in windows_of(len(document), context, stride)
    ]
    todo.sort(reverse=True)

    def score(batch: list[_Window]) -> int:
        with torch.inference_mode():
            return _score(model, documents, batch, eof, dtype, results)

    with side_by_side(threads or torch.get_num_threads()) as pool:
        for scored in pool.map(score, _batches(todo, batch_tokens)):
            if progress is not None:
                progress(scored)
    return results


class _Window(NamedTuple):
    length: int
    document: int
    start: int
    counted: int


def _batches(windows: list[_Window], batch_tokens: int) -> Iterator[list[_Window]]:
    """Windows, longest first, in batches of at most `batch_tokens` positions."""
    while windows:
        count = max(batch_tokens // windows[0].length, 1)
        yield windows[:count]
        windows = windows[count:]


def _score(
    model: Transformer,
    documents: Sequence[np.ndarray],
    batch: list[_Window],
    eof: int,
    dtype: torch.dtype,
    results: list[np.ndarray],
) -> int:
    """Write the bits of a batch of windows to their places in `results`; gives their number."""
    inputs = np.full((len(batch), batch[0].length), eof, np.int64)
    targets = np.zeros_like(inputs)
    for row, (size, place, start, _) in enumerate(batch):
        document = documents[place]
        if start > 0:
            inputs[row, 0] = document[start - 1]
        inputs[row, 1:size] = document[start : start + size - 1]
        targets[row, :size] = document[start : start + size]
    hidden = model.hidden(torch.from_numpy(inputs).to(model.device), dtype=dtype)
    bits = _bits(model, hidden, torch.from_numpy(targets).to(model.device)).cpu().numpy()
    for row, (size, place, start, counted) in enumerate(batch):
        results[place][counted : start + size] = bits[row, counted - start : size]
    return sum(window.start + window.length - window.counted for window in batch)


def _bits(model: Transformer, hidden: torch.Tensor, targets: torch.Tensor, chunk: int = 512) -> torch.Tensor:
    """[B, T, C] and [B, T] -> [B, T]."""
    flat, wanted = hidden.flatten(0, 1), targets.flatten()
    nats = [
        F.cross_entropy(model.logits(flat[at : at + chunk]).float(), wanted[at : at + chunk], reduction="none")
        for at in range(0, len(flat), chunk)
    ]
    return (torch.cat(nats) / np.log(2)).view(targets.shape)
