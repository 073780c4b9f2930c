"""What fitting a model to a person's own code changed: the model that it started from and the fitted one, side by side.

Notable here:
- Own held-out files and those of others are never in one figure. Other files are the test split's packages.
- The same cases are asked of both models, so each change has the interval of paired cases, far narrower than the two
  intervals beside one another.
- Recitation is that of `memorisation` (Carlini et al. 2023, arXiv:2202.07646), on own training files alone. The model
  before never read them, so what it recites is idiom, and only what goes beyond it was learned by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation import characters_saved
from charmer.evaluation.support import heldout, statistics, subject
from charmer.evaluation.support.cases import case_id, ratio, share
from charmer.evaluation.support.table import Row, table
from charmer.inference import ngram_cache
from charmer.inference.generate import generate
from charmer.inference.ngram_cache import NgramCache
from charmer.inference.score import bits_per_token
from charmer.model.network import Transformer
from charmer.tokens.shards import batches as read_shards
from charmer.tokens.tokenizer import Tokenizer

NEEDS = (
    "start",
    "test_tokens",
    "test_documents",
    "test_shards",
    "train_tokens",
    "train_documents",
    "train_shards",
    "train_windows",
)
WITH_CACHE = ", with n-gram cache"
GIVEN = 50  # tokens of a passage that are given, and as many that are asked for
CONTEXT_BYTES, LINE_BYTES = 768, 120  # that a typed line has before it; of a suggestion
Place = tuple[str, str, str]  # source, package and path of a file


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "own code", "other code" (bits/byte), "characters saved" and "recited" (shares), each ", before" and
    ", after"; and "own code, change", "other code, change", shares of the bits before. Bits and their change are the
    network's, and stand there once more with the n-gram cache of the model before, with which characters are saved too.
    What is said of other code is left out where test holds none.

    Args:
        model: the fitted model's folder.
        data: `start`, the weights of the model before, in its folder; the test split; the training text.
        settings: max_mb, lines, passages.
        threads: of the CPU.

    The detail of "recited, after" holds `read`, the share of the training windows that training read.

    Raises:
        Failure: no file of the person's own is in train or test.
    """
    after, tokenizer = subject.load(model, threads)
    before, _ = subject.load(data["start"].parent, threads)
    both = {"before": before, "after": after}
    ngrams = ngram_cache.read(data["start"].parent)
    own = _files(data["test_shards"])
    found: list[Row] = []
    everyone = _files(data["test_shards"], own=False)
    for name, mine in (("own code", True), ("other code", False)):
        if mine or len(everyone) > len(own):
            found += _bits(name, both, ngrams, tokenizer, data, own, mine, settings["max_mb"] * 1e6)
    for when, network in both.items():
        lines = characters_saved.held_out(data["test_shards"], settings["lines"], CONTEXT_BYTES, own)
        for first in range(0, len(lines), characters_saved.LINES):
            part = lines[first : first + characters_saved.LINES]
            characters_saved.ask(network, tokenizer, ngrams, part, LINE_BYTES)
        saved = characters_saved.rows(lines)[0]
        found.append(Row(f"characters saved, {when}", *_values(saved)))
    passages = _passages(data, _files(data["train_shards"]), settings["passages"])
    ids = [case_id(tokenizer.decode(passage)) for passage in passages]
    windows = len(files.open_array(data["train_windows"]))
    read = subject.share_read(model, windows * after.config.context_length)
    for when, network in both.items():
        outputs = generate(network, tokenizer, passages[:, :GIVEN].tolist(), max_tokens=GIVEN)
        hits = [output == passage[GIVEN:].tolist() for output, passage in zip(outputs, passages, strict=True)]
        detail = read if when == "after" else {}
        found.append(share(f"recited, {when}", hits, ids, "passages of own training files", **detail))
    return table("fine_tuning", found)


def _files(shards: Path, own: bool = True) -> set[Place]:
    """The files of a split, those that are a person's own or all.

    Raises:
        Failure: there are none.
    """
    columns = ["source", "package", "path", "own"]
    rows = [row for batch in read_shards(shards, columns, rows=65_536) for row in batch.to_pylist()]
    found = {(row["source"], row["package"], row["path"]) for row in rows if row["own"] or not own}
    if not found:
        raise Failure(f"{shards}: holds no file of your own; add directories to code")
    return found


def _bits(
    name: str,
    both: dict[str, Transformer],
    ngrams: NgramCache | None,
    tokenizer: Tokenizer,
    data: dict[str, Path],
    own: set[Place],
    mine: bool,
    max_bytes: float,
) -> list[Row]:
    """Bits per byte before and after, and the change as a share of those before."""
    documents = heldout.documents(
        data["test_tokens"],
        data["test_documents"],
        tokenizer,
        max_bytes,
        lambda row: ((row["source"], row["package"], row["path"]) in own) is mine,
    )
    ids = [heldout.id_of(document, tokenizer) for document in documents]
    tokens = [document.tokens for document in documents]
    size = np.array([tokenizer.byte_lengths[ids_].sum() for ids_ in tokens])
    each = {when: bits_per_token(network, tokens, tokenizer.eof) for when, network in both.items()}
    found: list[Row] = []
    for way, counting in (("", None), (WITH_CACHE, ngrams)) if ngrams else (("", None),):
        bits = {when: _sums(tokens, parts, counting) for when, parts in each.items()}
        found += [ratio(f"{name}, {when}{way}", bits[when], size, ids, "files", "bits/byte") for when in both]
        change = bits["after"] - bits["before"]
        interval = statistics.bootstrap_ratio(change, bits["before"])
        share_ = float(change.sum() / bits["before"].sum())
        found.append(Row(f"{name}, change{way}", share_, interval, len(ids), "share"))
    return found


def _sums(tokens: list[np.ndarray], bits: list[np.ndarray], ngrams: NgramCache | None) -> np.ndarray:
    """What each document costs, float64[documents]."""
    if ngrams is not None:
        bits = [ngrams.refined(*both) for both in zip(tokens, bits, strict=True)]
    return np.array([part.sum(dtype=np.float64) for part in bits])


def _values(row: Row) -> Sequence[Any]:
    return row.value, row.interval, row.cases, row.unit, row.detail


def _passages(data: dict[str, Path], own: set[Place], count: int) -> np.ndarray:
    """The middle 100 tokens of the first `count` own training files that have as many: int64[passages, 100]."""
    flat = files.open_array(data["train_tokens"])
    rows = files.read_table(data["train_documents"], ["start", "tokens", "source", "package", "path"]).to_pylist()
    starts = [
        row["start"] + (row["tokens"] - 2 * GIVEN) // 2
        for row in rows
        if row["tokens"] >= 2 * GIVEN and (row["source"], row["package"], row["path"]) in own
    ][:count]
    if not starts:
        raise Failure(f"{data['train_documents']}: holds no file of your own of {2 * GIVEN} tokens; name more code")
    return np.stack([np.asarray(flat[start : start + 2 * GIVEN], dtype=np.int64) for start in starts])
