"""Calibration: when the model gives its best guess for the next token 80%, is it right in 80% of such cases?

Guesses are sorted into ten bins by the probability that the model gave them; in each, the share that came true is set
beside the mean probability. The expected calibration error is the mean distance of the two, weighted by the guesses
in each bin (Guo et al. 2017, arXiv:1706.04599).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from charmer.common.progress import Progress
from charmer.evaluation.support import heldout, subject
from charmer.evaluation.support.cases import ratio
from charmer.evaluation.support.statistics import bootstrap_corrected
from charmer.evaluation.support.table import Row, table
from charmer.inference.score import windows_of
from charmer.model.network import Transformer

NEEDS = ("test_tokens", "test_documents")
BINS = 10


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "error" (expected calibration error), "accuracy", "confidence", and "bin=0.8-0.9" …, the accuracy there.

    Args:
        model: the model's folder.
        data: `test_tokens` and `test_documents`, the test split under the model's vocabulary.
        settings: max_mb of text of which each next token is guessed.
        threads: of the CPU.

    The detail of a bin holds the mean `confidence` of its guesses, and their `share` of all. Intervals are the
    bootstrap's over files.

    Raises:
        Failure: the test split holds no text.
    """
    network, tokenizer = subject.load(model, threads)
    documents = heldout.documents(
        data["test_tokens"], data["test_documents"], tokenizer, max_bytes=settings["max_mb"] * 1e6
    )
    guesses = []
    with Progress("calibration", sum(len(document.tokens) for document in documents), "token") as progress:
        for document in documents:
            guesses.append(best_guesses(network, document.tokens, tokenizer.eof))
            progress.advance(len(document.tokens))
    return table("calibration", rows(guesses, [heldout.id_of(document, tokenizer) for document in documents]))


@torch.inference_mode()
def best_guesses(network: Transformer, tokens: np.ndarray, eof: int) -> tuple[np.ndarray, np.ndarray]:
    """For each token of a document: the probability of the model's best guess, and whether it was right.

    Returns: float64[tokens] and bool[tokens].
    """
    confidence, right = np.zeros(len(tokens)), np.zeros(len(tokens), dtype=bool)
    inputs = np.concatenate(([eof], tokens))
    for start, stop, counted in windows_of(len(tokens), network.config.context_length):
        window = torch.from_numpy(inputs[start:stop].astype(np.int64)).to(network.device)
        hidden = network.hidden(window[None])[0, counted - start :]
        best = network.logits(hidden).float().softmax(-1).max(-1)
        confidence[counted:stop] = best.values.cpu().numpy()
        right[counted:stop] = best.indices.cpu().numpy() == tokens[counted:stop]
    return confidence, right


def rows(guesses: list[tuple[np.ndarray, np.ndarray]], ids: Sequence[str]) -> list[Row]:
    """The table's rows for the guesses of each document, whose ids are `ids`."""
    shape = (len(guesses), BINS)
    count, hits, sums = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for number, (confidence, right) in enumerate(guesses):
        bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
        count[number] = np.bincount(bins, minlength=BINS)
        hits[number] = np.bincount(bins, right, minlength=BINS)
        sums[number] = np.bincount(bins, confidence, minlength=BINS)
    whole = int(count.sum())
    parts = np.concatenate([hits - sums, count], axis=1)
    how = {"over": "files", "interval": "bootstrap, corrected for bias"}
    found = [
        Row("error", float(_error(parts.sum(0))), bootstrap_corrected(parts, _error), len(ids), "share", how),
        ratio("accuracy", hits.sum(1), count.sum(1), ids, "files"),
        ratio("confidence", sums.sum(1), count.sum(1), ids, "files"),
    ]
    for place in range(BINS):
        cases = count[:, place].sum()
        if cases:
            detail = {"confidence": sums[:, place].sum() / cases, "share": cases / whole, "guesses": int(cases)}
            name = f"bin={place / BINS:.1f}-{(place + 1) / BINS:.1f}"
            found.append(ratio(name, hits[:, place], count[:, place], ids, "files", **detail))
    return found


def _error(parts: np.ndarray) -> np.ndarray:
    """The expected calibration error [...], from hits less confidence and the number of guesses, [..., 2 * BINS]."""
    return np.abs(parts[..., :BINS]).sum(-1) / np.maximum(parts[..., BINS:].sum(-1), 1)
