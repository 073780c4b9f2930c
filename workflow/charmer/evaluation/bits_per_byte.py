"""Bits per byte on packages that training never saw: the loss that is compared between models.

Notable here:
- The unit is the text's: summed negative log2-likelihood over its UTF-8 bytes, the same for characters, bytes and BPE.
- `xz -9`, `zstd -19` and a Kneser-Ney 5-gram over the same tokens are asked about the same files one by one, so that
  the number means something.
- All of this is the network's. What is left with the n-gram cache, which fills anew in each file, stands beside it.
- A token's bits are counted once in each breakdown (by package, by kind, by place in the context), so the parts of a
  breakdown, weighted by their bytes, add up to the whole.
- The intervals are the bootstrap's over files, weighted by their bytes: how far the figure may lie off for other files
  of the same packages. A handful of packages cannot tell how much packages differ; each therefore has its own row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common import files
from charmer.common.progress import Progress
from charmer.evaluation.support import heldout, kinds, subject
from charmer.evaluation.support.cases import ratio
from charmer.evaluation.support.compressors import COMPRESSORS
from charmer.evaluation.support.ngrams import KneserNey
from charmer.evaluation.support.surprise import pieces
from charmer.evaluation.support.table import Row, table
from charmer.inference import ngram_cache
from charmer.inference.score import bits_per_token, windows_of
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_tokens", "test_documents", "train_tokens", "train_documents", "ngram_cache")
COUNTED = ("train_tokens", "train_documents")  # what the 5-gram is counted on; without them it is left out
OPTIONAL = (*COUNTED, "ngram_cache")  # the last lies in the model's folder
WITH_CACHE = "with n-gram cache"
METRIC, UNIT = "bits_per_byte", "bits/byte"
EXCERPT_BYTES = 1200
ORDER = 5


@dataclass(frozen=True)
class Scored:
    """One document and what the model needs for each of its tokens.

    Attributes:
        id: as a case (see `support.cases`).
        text: the document's bytes.
        bits: float64[tokens].
        lengths: int64[tokens], bytes of each token.
        seen: int64[tokens], how many tokens the model had before each.
    """

    id: str
    package: str
    path: str
    text: bytes
    bits: np.ndarray
    lengths: np.ndarray
    seen: np.ndarray


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "overall", "with n-gram cache" where the model has one, "baseline=…", "package=…", "kind=…",
    "position=…", and one "excerpt".

    Args:
        model: the model's folder.
        data: `test_tokens` and `test_documents`, the test split under the model's vocabulary; those of train too.
        settings: max_mb of text that is scored; ngram_mb of training text on which the 5-gram is counted.
        threads: of the CPU.

    The detail of a part holds its bytes and, for packages, what the cache and the baselines need for it. The detail of
    "excerpt" holds the beginning of a typical document as [text, bits] pairs.

    Raises:
        Failure: the test split holds no text.
    """
    network, tokenizer = subject.load(model, threads)
    documents = heldout.documents(
        data["test_tokens"], data["test_documents"], tokenizer, max_bytes=settings["max_mb"] * 1e6
    )
    tokens = [document.tokens for document in documents]
    with Progress("bits per byte", sum(map(len, tokens)), "token") as progress:
        bits = bits_per_token(network, tokens, tokenizer.eof, progress=progress.advance)
    scored = [
        Scored(
            heldout.id_of(document, tokenizer),
            document.package,
            document.path,
            tokenizer.decode_bytes(document.tokens),
            document_bits.astype(np.float64),
            tokenizer.byte_lengths[document.tokens],
            seen(len(document.tokens), network.config.context_length),
        )
        for document, document_bits in zip(documents, bits, strict=True)
    ]
    baselines = {
        name: np.array([8 * compress(document.text) for document in scored]) for name, compress in COMPRESSORS.items()
    }
    if set(COUNTED) <= set(data):
        baselines[f"Kneser-Ney {ORDER}-gram"] = ngram_bits(tokens, data, tokenizer, settings["ngram_mb"] * 1e6)
    cached = None
    if ngrams := ngram_cache.read(model):
        cached = np.array([ngrams.refined(*both).sum() for both in zip(tokens, bits, strict=True)])
    return table(METRIC, rows(scored, network.config.context_length, baselines, cached))


def ngram_bits(
    documents: Sequence[np.ndarray], data: dict[str, Path], tokenizer: Tokenizer, max_bytes: float
) -> np.ndarray:
    """What an n-gram model, counted on the first `max_bytes` of the training text, needs for each document."""
    flat = files.open_array(data["train_tokens"])
    seen_text, size = [], 0
    for row in files.read_table(data["train_documents"], ["start", "tokens", "bytes"]).to_pylist():
        if size >= max_bytes:
            break
        seen_text.append(np.asarray(flat[row["start"] : row["start"] + row["tokens"]]))
        size += row["bytes"]
    choices = tokenizer.vocab_size - len(tokenizer.special) + 1  # all that a text can hold, and its end
    model = KneserNey(seen_text, tokenizer.vocab_size, choices, tokenizer.eof, ORDER)
    return np.array([bits.sum() for bits in model.bits(documents)])


def rows(
    scored: Sequence[Scored], context_length: int, baselines: Mapping[str, np.ndarray], cached: np.ndarray | None = None
) -> Iterator[Row]:
    """The table's rows for documents that are scored.

    Args:
        baselines: the bits of each document by name.
        cached: the bits of each document with the n-gram cache.
    """
    bits = np.array([document.bits.sum() for document in scored])
    size = np.array([len(document.text) for document in scored])
    packages = np.array([document.package for document in scored])
    ids = [document.id for document in scored]
    yield _ratio("overall", bits, size, ids, {"packages": len(set(packages))})
    beside_all = dict(baselines)
    if cached is not None:
        beside_all[WITH_CACHE] = cached
        yield _ratio(WITH_CACHE, cached, size, ids)
    for name, needed in baselines.items():
        yield _ratio(f"baseline={name}", needed, size, ids)
    for package in sorted(set(packages)):
        of = packages == package
        beside = {name: float(needed[of].sum() / size[of].sum()) for name, needed in beside_all.items()}
        yield _ratio(f"package={package}", bits[of], size[of], list(itertools.compress(ids, of)), beside)
    yield from _by_kind(scored)
    yield from _by_position(scored, context_length)
    yield _excerpt(scored)


def seen(count: int, context_length: int) -> np.ndarray:
    """How many of a document's tokens the model had before each of its `count` tokens: int64[count]."""
    before = np.zeros(count, dtype=np.int64)
    for start, stop, counted in windows_of(count, context_length):
        before[counted:stop] = np.arange(counted, stop) - start
    return before


def _by_kind(scored: Sequence[Scored]) -> Iterator[Row]:
    ids = [document.id for document in scored]
    shape = (len(scored), len(kinds.KINDS))
    bits, size = np.zeros(shape), np.zeros(shape)
    for number, document in enumerate(scored):
        of_bytes = kinds.byte_kinds(document.text.decode("utf-8"))
        of_tokens = kinds.token_kinds(of_bytes, document.lengths)
        bits[number] = np.bincount(of_tokens, document.bits, minlength=shape[1])
        size[number] = np.bincount(of_tokens, document.lengths, minlength=shape[1])
    for kind, name in enumerate(kinds.KINDS):
        if size[:, kind].any():
            parts = {"share of bits": float(bits[:, kind].sum() / bits.sum())}
            parts["share of bytes"] = float(size[:, kind].sum() / size.sum())
            yield _ratio(f"kind={name}", bits[:, kind], size[:, kind], ids, parts)


def _by_position(scored: Sequence[Scored], context_length: int) -> Iterator[Row]:
    """Places double in width: 0, 1, 2-3, 4-7 … tokens seen before."""
    ids = [document.id for document in scored]
    edges = [0, *(1 << power for power in range(context_length.bit_length()) if 1 << power < context_length)]
    shape = (len(scored), len(edges))
    bits, size = np.zeros(shape), np.zeros(shape)
    for number, document in enumerate(scored):
        bucket = np.searchsorted(edges, document.seen, side="right") - 1
        bits[number] = np.bincount(bucket, document.bits, minlength=shape[1])
        size[number] = np.bincount(bucket, document.lengths, minlength=shape[1])
    for place, (first, beyond) in enumerate(zip(edges, [*edges[1:], context_length], strict=True)):
        if size[:, place].any():
            name = f"position={first}" if beyond - first == 1 else f"position={first}-{beyond - 1}"
            yield _ratio(name, bits[:, place], size[:, place], ids, {"first": first, "last": beyond - 1})


def _ratio(
    name: str, bits: np.ndarray, size: np.ndarray, ids: Sequence[str], more: dict[str, float] | None = None
) -> Row:
    return ratio(name, bits, size, ids, "files", UNIT, bytes=int(size.sum()), **(more or {}))


def _excerpt(scored: Sequence[Scored]) -> Row:
    """The beginning of the long enough document whose bits per byte are nearest to the median: neither luck nor not."""
    long_enough = [document for document in scored if len(document.text) >= EXCERPT_BYTES] or list(scored)
    ratios = [document.bits.sum() / max(len(document.text), 1) for document in long_enough]
    chosen = long_enough[int(np.argmin(np.abs(np.array(ratios) - np.median(ratios))))]
    shown: list[tuple[str, float]] = []
    size, used = 0, 0.0
    for text, bits in pieces(chosen.text, chosen.lengths, chosen.bits):
        shown.append((text, round(bits, 2)))
        size, used = size + len(text.encode()), used + bits
        if size >= EXCERPT_BYTES:
            break
    detail = {"package": chosen.package, "path": chosen.path, "pieces": shown}
    return Row("excerpt", used / max(size, 1), None, 1, UNIT, detail)
