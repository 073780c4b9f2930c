"""The doctor: does this training show one of the four classic failures?

A learning rate too high or no warm-up; broken masks or windows; text learned by heart; repetition in what the model
writes. Each is judged by a few figures, from the tables that training left and from a short probe of the model; each
figure stands beside its bound and the knob that cures. A model says so in words before anybody looks at a plot.

The figures are for diagnosis and are measured on val; what is reported of a model's quality is measured on test.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation.repetition import Words, equal_lengths, repeated
from charmer.evaluation.support import probes, runs, signs, subject
from charmer.evaluation.support.free_text import from_nothing, head
from charmer.evaluation.support.signs import LEAST_STEPS, Sign
from charmer.evaluation.support.table import Row, table
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Windows

NEEDS = ("train_tokens", "train_documents", "train_windows", "val_tokens", "val_documents", "val_windows")
RUN_TOKENS, RUN_BYTES = 50, 150  # a verbatim run is at least that long (50 tokens: Carlini et al. 2023)
ROWS = 4  # windows whose logits are watched while other tokens change
MOVED = 0.01  # by which a logit may move when a token changes that it must not know of; rounding moves it by 1e-5


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """A slice a sign, "<failure>: <sign>"; the detail holds what `Sign.detail` gives.

    Args:
        model: the model's folder, with the tables of its training.
        data: tokens, documents and windows of train and val.
        settings: windows (of each split, scored), texts and max_bytes (written freely), temperature, seed;
            shown_temperature, at which the same is written once more.
        threads: of the CPU.

    Raises:
        Failure: the folder lacks the tables of a training, or a file of `data` is damaged.
    """
    network, tokenizer = subject.load(model, threads)
    knobs = files.read_json(model / "training.json").get("knobs")
    if knobs is None:
        raise Failure(f"{model / 'training.json'}: does not say how the model was trained; train it again")
    metrics = _columns(model / "metrics.parquet", ["step", "loss", "gradient_norm", "progress"])
    evaluations = _columns(model / "held_out.parquet", ["step", "tokens", "bits_per_byte"])
    context = network.config.context_length
    train, val = (
        Windows(data[f"{split}_tokens"], data[f"{split}_documents"], data[f"{split}_windows"], context, tokenizer)
        for split in ("train", "val")
    )
    documents = files.read_table(data["train_documents"], ["tokens", "bytes"])
    bytes_per_token = sum(documents["bytes"].to_pylist()) / max(sum(documents["tokens"].to_pylist()), 1)
    text = train.tokens[: train.starts[-1] + context + 1]  # what the windows reach

    found = [*signs.of_learning_rate(metrics, knobs, _entropy(text))]
    # A model that learned nothing fails every other test as well, and says nothing by it.
    judged = len(metrics["step"]) >= LEAST_STEPS and not any(sign.found for sign in found if sign.name == "stuck")
    found += signs.of_head_start(metrics, evaluations, len(train) * context, bytes_per_token, judged)
    found += _of_masks(network, train, val)
    looks = [
        probes.look(network, windows, probes.evenly(windows, settings["windows"]), tokenizer.byte_lengths)
        for windows in (train, val)
    ]
    found += _of_context(probes.gain(looks), judged)
    found.append(_of_gap(looks[0].bits_per_byte, looks[1].bits_per_byte, judged))
    found += _of_text(
        network, tokenizer, text, _beginnings(data, tokenizer, settings), bytes_per_token, settings, judged
    )
    rows = [Row(f"{sign.failure}: {sign.name}", sign.value, None, 1, sign.unit, sign.detail()) for sign in found]
    return table("doctor", rows)


def _entropy(tokens: np.ndarray) -> float:
    """Nats a token, when nothing but its frequency is known."""
    shares = np.bincount(tokens) / len(tokens)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _columns(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    content = files.read_table(path, names)
    return {name: content[name].to_numpy() for name in names}


def _of_masks(network: Transformer, train: Windows, val: Windows) -> Iterator[Sign]:
    """What the reader of the windows and the masks do, whatever the training made of it."""
    rows = val.batch(probes.evenly(val, ROWS)).x.to(network.device)
    cure = (
        "mend the mask of charmer/model/network.py: a position may see itself and what stands before it in its document"
    )
    for name, value, what in (
        ("future", probes.moved_by_the_future(network, rows), "a later token"),
        ("neighbour", probes.moved_by_the_neighbour(network, rows), "another document of the window"),
    ):
        says = f"a logit moved by {value:.2g} when {what} changed"
        yield Sign("masking or data", name, value, "logits", MOVED, says, cure)
    wrong = max(probes.shifted_wrongly(windows, probes.evenly(windows, ROWS)) for windows in (train, val))
    says = f"{wrong:.1%} of the targets are not the token that stands next"
    cure = "mend charmer/tokens/windows.py: y is the window moved on by one token"
    yield Sign("masking or data", "shift", wrong, "share", 0.0, says, cure)


def _of_context(gain: float, judged: bool) -> Iterator[Sign]:
    if math.isfinite(gain):
        # Healthy: 0.4 to 0.7. Broken: 0, a little more or less by chance.
        says = f"half a window of context saves {gain:.0%} of a token's bits"
        cure = "see whether positions and masks let a token look back (charmer/model/network.py), or raise train.budget"
        yield Sign("masking or data", "context", gain, "share", 0.05, says, cure, judged, low=True)


def _of_gap(train: float, val: float, judged: bool) -> Sign:
    # Healthy: 1.0 to 1.3. Broken: 5 (a text of 5 kB read forty times) and more.
    ratio = val / max(train, 1e-3)
    says = f"held-out text takes {ratio:.1f} times the bits a byte of training text ({val:.2f} and {train:.2f})"
    cure = "add sources or raise pack.dataset_mb; or lower train.budget, or set train.patience: 3"
    return Sign("memorisation", "apart", ratio, "times", 2.5, says, cure, judged)


def _of_text(
    network: Transformer,
    tokenizer: Tokenizer,
    text: np.ndarray,
    unseen: list[np.ndarray],
    bytes_per_token: float,
    settings: dict[str, Any],
    judged: bool,
) -> Iterator[Sign]:
    """What the model writes freely, beside as much of files that it never saw."""
    written = from_nothing(network, tokenizer, settings)
    length = max(RUN_TOKENS, math.ceil(RUN_BYTES / bytes_per_token))
    own, others = (runs.covered([np.asarray(part) for part in texts], text, length) for texts in (written, unseen))
    # Healthy: 0 and less, since held-out files share licence headers with training files too. Broken: 0.7.
    says = f"{own:.0%} of what it writes stands word for word in the training text, in runs of {length} tokens and more"
    cure = "add sources or raise pack.dataset_mb, lower curate.near_duplicates, or lower train.budget"
    beside = f"{says}; of unseen files {others:.0%}"
    yield Sign("memorisation", "recited", own - others, "share", 0.1, beside, cure, judged)

    again, usual = _repetition(tokenizer, written, unseen)
    # Healthy: -0.03 to 0.1 where every token is drawn as the model has it (temperature 1). Broken: 0.9.
    says = f"{again:.0%} of the 4-grams that it writes are repeated; of those of unseen files {usual:.0%}"
    cure = "raise train.budget (a model that has learned little repeats itself) or lower curate.near_duplicates"
    yield Sign("repetition", "repeated", again - usual, "share", 0.2, says, cure, judged)

    # What people are shown is drawn with more care, and a small model's likeliest text goes round in circles.
    cooler = settings["shown_temperature"]
    again, usual = _repetition(tokenizer, from_nothing(network, tokenizer, settings | {"temperature": cooler}), unseen)
    says = (
        f"{again:.0%} of the 4-grams that it writes at temperature {cooler:g} are repeated; of those of unseen files "
        f"{usual:.0%}"
    )
    cure = "raise train.budget or model.width; until then ask it with --temperature 0.8 or --repetition-penalty 1.1"
    yield Sign("repetition", "shown", again - usual, "share", 0.3, says, cure, judged)


def _beginnings(data: dict[str, Path], tokenizer: Tokenizer, settings: dict[str, Any]) -> list[np.ndarray]:
    """The beginnings of held-out files, as many and as long as what the model writes."""
    flat = files.open_array(data["val_tokens"])
    table_ = files.read_table(data["val_documents"], ["start", "tokens"])
    places = zip(table_["start"].to_pylist(), table_["tokens"].to_pylist(), strict=True)
    chosen = [place for place in places if place[1]][: settings["texts"]]
    return [head(tokenizer, flat[start : start + tokens], settings["max_bytes"]) for start, tokens in chosen]


def _repetition(tokenizer: Tokenizer, *both: Sequence[Sequence[int]] | Sequence[np.ndarray]) -> tuple[float, float]:
    """The share of repeated 4-grams in what the model wrote and in unseen files, cut to equal lengths."""
    again, usual = map(_repeated, equal_lengths(*([tokenizer.decode(part) for part in texts] for texts in both)))
    return again, usual


def _repeated(texts: Sequence[Words]) -> float:
    again, grams = (sum(counts) for counts in zip(*map(repeated, texts), strict=True))
    return again / max(grams, 1)
