"""Signs of a failed training, read off the tables that it left: each a figure, the bound for it, and the knob.

Notable here: every bound stands between what healthy runs show and what runs show that were broken on purpose (see
`tests/evaluation/test_doctor.py`). Beside each bound stands the range of both. A figure that a short run cannot show
is not judged: sixty steps of a noisy curve accuse nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

LEAST_STEPS = 200  # below this, neither loss curve nor text says anything yet
TREND = 25  # steps whose median a step's loss is held against
FAR = 4.0  # times the clip is a gradient that clipping does not mend
EARLY = 1.0  # passes over the training text in which nothing can be learned by heart

Failure = Literal["learning rate", "masking or data", "memorisation", "repetition"]
FAILURES: Mapping[Failure, str] = {
    "learning rate": "The learning rate is too high, or rises too fast",
    "masking or data": "The masks or the windows are broken",
    "memorisation": "The model has learned its text by heart",
    "repetition": "The model repeats itself",
}


@dataclass(frozen=True)
class Sign:
    """One figure beside its bound.

    Attributes:
        failure: which of the four it points to.
        name: of the figure.
        value: the figure, in `unit`.
        bound: what it must not pass; from below where `low` says so.
        says: a sentence with the figure in it.
        cure: the knob or the file, and what to do with it.
        judged: False where the run is too short to tell.
        low: a value under the bound is the bad one.
    """

    failure: Failure
    name: str
    value: float
    unit: str
    bound: float
    says: str
    cure: str
    judged: bool = True
    low: bool = False

    @property
    def found(self) -> bool | None:
        """Whether the figure is beyond its bound; None where nothing can be said."""
        if not self.judged:
            return None
        return bool(self.value < self.bound if self.low else self.value > self.bound)

    def detail(self) -> dict[str, Any]:
        """What a report needs beside the value."""
        kept = {name: getattr(self, name) for name in ("failure", "name", "bound", "says", "cure", "low", "found")}
        return kept | {"title": FAILURES[self.failure]}


def of_learning_rate(metrics: Mapping[str, np.ndarray], knobs: Mapping[str, Any], entropy: float) -> Iterator[Sign]:
    """What loss and gradient show over the steps.

    Args:
        metrics: columns [steps] loss, gradient_norm, progress.
        knobs: the settings' section `train`.
        entropy: of the frequencies of the training text's tokens, in nats.
    """
    enough = len(metrics["loss"]) >= LEAST_STEPS
    rate = f"lower train.learning_rate (now {knobs['learning_rate']:g})"
    cure = rate if knobs["warmup"] >= 0.005 else f"raise train.warmup (now {knobs['warmup']:g}) to 0.02, or {rate}"
    finite = np.isfinite(metrics["loss"]) & np.isfinite(metrics["gradient_norm"])
    loss, warm = metrics["loss"][finite], metrics["progress"][finite] >= max(knobs["warmup"], 0.1)
    norm = metrics["gradient_norm"][finite]

    def sign(name: str, value: float, unit: str, bound: float, says: str, judged: bool = enough) -> Sign:
        return Sign("learning rate", name, float(value), unit, bound, says, cure, judged)

    # Healthy: 0. Broken: a jump once in a few steps; one in fifty is more than luck.
    jumped = spikes(loss)
    yield sign("spikes", jumped, "share", 0.02, f"{jumped:.1%} of the steps had a loss far above those before them")
    # Healthy: 1, the first loss itself. Broken: 5 (AdamW without warm-up) to 12 (Muon).
    peak = peak_of(loss) / max(loss[0], 1e-3) if len(loss) else 0.0
    yield sign("peak", peak, "times", 1.5, f"the loss rose to {peak:.2f} times its first value", judged=True)
    # Healthy: 0, and 0.09 in the first sixty steps of a tiny network. Broken: 0.8 to 1.
    clipped = (norm[warm] > FAR * knobs["clip"]).mean() if warm.any() else 0.0
    says = f"{clipped:.1%} of the steps after warm-up had a gradient norm above {FAR:g} times train.clip"
    yield sign("clipped", clipped, "share", 0.25, f"{says} ({knobs['clip']:g})")
    # Healthy: under 0.05. Broken: 1.7.
    rose = risen(loss)
    yield sign("risen", rose, "nats", 0.5, f"the loss ended {rose:.2f} nats above the lowest that it had reached")
    # Healthy: 0.2 (tiny networks on regular text) to 0.4 (laptop). Broken: 0.9 (AdamW) to 7 (Muon).
    ended = np.median(loss[-TREND:]) / max(entropy, 1e-3) if len(loss) else 0.0
    says = f"the loss ended at {ended:.0%} of what the frequencies of tokens alone would give"
    yield sign("stuck", ended, "share", 0.85, says)
    skipped = 1.0 - float(finite.mean())
    says = f"{skipped:.1%} of the steps were skipped because loss or gradient was not finite"
    yield sign("skipped", skipped, "share", 0.005, says, judged=True)


def peak_of(loss: np.ndarray) -> float:
    """The highest median of five losses in a row: one hard batch is no peak."""
    if len(loss) < 5:
        return float(loss.max())
    return float(np.median(np.lib.stride_tricks.sliding_window_view(loss, 5), axis=1).max())


def spikes(loss: np.ndarray) -> float:
    """The share of steps whose loss is above the median of the 25 before by more than six robust deviations.

    The deviation is that of all steps from their medians (1.4826 times the median of the absolute values, Rousseeuw
    and Croux 1993), so noisy small batches are no spikes.
    """
    if len(loss) <= TREND:
        return 0.0
    medians = np.median(np.lib.stride_tricks.sliding_window_view(loss[:-1], TREND), axis=1)
    above = loss[TREND:] - medians
    deviation = 1.4826 * float(np.median(np.abs(above)))
    return float((above > 6 * max(deviation, 1e-3)).mean())


def risen(loss: np.ndarray) -> float:
    """By how much the median loss of the last tenth of the steps is above that of the lowest tenth."""
    if len(loss) < 10:
        return 0.0
    medians = [float(np.median(part)) for part in np.array_split(loss, 10)]
    return medians[-1] - min(medians)


def of_head_start(
    metrics: Mapping[str, np.ndarray],
    evaluations: Mapping[str, np.ndarray],
    epoch: float,
    bytes_per_token: float,
    judged: bool,
) -> Iterator[Sign]:
    """Whether the training loss is far under held-out's before any text was seen twice.

    Args:
        metrics: columns [steps] step, loss.
        evaluations: columns [evaluations] step, tokens, bits_per_byte.
        epoch: tokens in one pass over the training windows.
        bytes_per_token: of the training text.
        judged: whether the training went on for long enough, and learned something.
    """
    early = evaluations["tokens"] <= EARLY * epoch
    if not early.any():
        return
    ratios = []
    for step, held_out in zip(evaluations["step"][early], evaluations["bits_per_byte"][early], strict=True):
        near = np.abs(metrics["step"] - step) <= max(0.02 * len(metrics["step"]), 5)
        trained = float(np.nanmean(metrics["loss"][near])) / math.log(2) / bytes_per_token
        ratios.append(float(held_out) / max(trained, 1e-3))
    # Healthy: 1.0 to 1.6, by how hard the held-out packages are. Broken: 8 and more.
    ratio = max(ratios)
    says = f"held-out text took {ratio:.1f} times the bits a byte of training text before any of that was seen twice"
    cure = (
        "see what a batch holds (charmer/training/data.py, charmer/tokens/windows.py): the answer stands in the input"
    )
    yield Sign("masking or data", "head start", ratio, "times", 3.0, says, cure, judged)
