"""Memorisation: how much of its training text the model gives back word for word.

Two questions. Given 50 tokens of a training file, does it go on with the 50 that follow there (extraction, Carlini et
al. 2023, arXiv:2202.07646)? And when it writes freely, what is the longest run of tokens that stands in the training
text? Beside each stands the same figure for files that training never saw: licence headers and idioms recur everywhere,
and only what goes beyond them was memorised.

Training text is what the windows reach. They are read in random order, so a training that ends before it has passed
over all of them has not read every passage; the share of the windows that it read stands beside the figure.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation.support import runs, subject
from charmer.evaluation.support.cases import case_id, share
from charmer.evaluation.support.free_text import from_nothing, head
from charmer.evaluation.support.table import Row, table
from charmer.inference.generate import generate
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("train_tokens", "train_documents", "train_windows", "test_tokens", "test_documents")
GIVEN = 50  # tokens that are given, and as many that are asked for


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "extracted, training files", "extracted, unseen files" (shares); "longest run, generated", "longest run,
    unseen files" (tokens, against the training text).

    Args:
        model: the model's folder.
        data: tokens and documents of train and test, windows of train.
        settings: passages (of each kind of file), texts and max_bytes (written freely), temperature, seed.
        threads: of the CPU.

    The detail of "extracted, training files" holds `read`, the share of the windows that training read, where the
    model's folder says how long it trained. That of a longest run holds its text, package and path of the training file
    in which it stands, and why it has no interval: resampling texts cannot tell how far a maximum may lie off.

    Raises:
        Failure: a split holds no passage of 100 tokens.
    """
    network, tokenizer = subject.load(model, threads)
    train, test = (files.open_array(data[f"{split}_tokens"]) for split in ("train", "test"))
    starts, context = files.open_array(data["train_windows"]), network.config.context_length
    train = train[: int(starts[-1]) + context + 1]
    found = []
    for split, flat, name in (("train", train, "training files"), ("test", test, "unseen files")):
        passages = _passages(data[f"{split}_documents"], flat, settings["passages"])
        read = subject.share_read(model, len(starts) * context) if split == "train" else {}
        found.append(_extracted(network, tokenizer, passages, f"extracted, {name}", read))
    count, length = settings["texts"], settings["max_bytes"]
    documents = files.read_table(data["test_documents"], ["start", "tokens"])
    unseen = [
        head(tokenizer, test[start : start + tokens], length)
        for start, tokens in zip(*(documents[name].to_pylist()[:count] for name in ("start", "tokens")), strict=True)
    ]
    written = from_nothing(network, tokenizer, settings)
    generated = [np.array(tokens, dtype=train.dtype) for tokens in written]
    for name, texts in (("generated", generated), ("unseen files", unseen)):
        run = runs.longest(texts, train)
        text = tokenizer.decode(texts[run.text][run.start : run.start + run.length]) if texts else ""
        detail = {"text": text, "no_interval": "none: a maximum", **_place(data["train_documents"], run.place)}
        found.append(Row(f"longest run, {name}", run.length, None, len(texts), "tokens", detail))
    return table("memorisation", found)


def _passages(documents: Path, flat: np.ndarray, count: int) -> np.ndarray:
    """The middle 100 tokens of the first `count` long enough documents that lie in `flat`: int64[passages, 100]."""
    rows = files.read_table(documents, ["start", "tokens"]).to_pylist()
    inside = (row for row in rows if row["tokens"] >= 2 * GIVEN and row["start"] + row["tokens"] <= len(flat))
    starts = [row["start"] + (row["tokens"] - 2 * GIVEN) // 2 for row in itertools.islice(inside, count)]
    if not starts:
        raise Failure(f"{documents}: holds no document of {2 * GIVEN} tokens; add sources to the corpus")
    return np.stack([np.asarray(flat[start : start + 2 * GIVEN], dtype=np.int64) for start in starts])


def _extracted(
    network: Transformer, tokenizer: Tokenizer, passages: np.ndarray, name: str, detail: dict[str, float]
) -> Row:
    """The share of passages whose second half the model's most likely tokens repeat exactly."""
    outputs = generate(network, tokenizer, passages[:, :GIVEN].tolist(), max_tokens=GIVEN)
    hits = [output == passage[GIVEN:].tolist() for output, passage in zip(outputs, passages, strict=True)]
    return share(name, hits, [case_id(tokenizer.decode(passage)) for passage in passages], "passages", **detail)


def _place(documents: Path, place: int) -> dict[str, str]:
    """Package and path of the document that holds token `place`."""
    table_ = files.read_table(documents, ["start", "package", "path"])
    row = max(int(np.searchsorted(table_["start"].to_numpy(), place, side="right")) - 1, 0)
    return {"package": table_["package"][row].as_py(), "path": table_["path"][row].as_py()}
