"""What a job asks of a cluster: memory and time that grow with what it reads and with every attempt.

Notable here:
- The functions that these give are called by Snakemake once the inputs are there; before, their amount is open.
- An attempt doubles what the one before had. A job that was killed for memory, or at its time limit, comes back with
  more; what a training had done by then stands in its checkpoint.
- It doubles no further than the cluster allows: a job that lost its node lacked neither, and asking for more than any
  node has would keep it from ever starting again.
- The time of a training follows from its budget. One in steps or tokens is counted as 6 FLOP a weight and token
  (Kaplan et al. 2020, arXiv:2001.08361), at rates that are low on purpose: a limit that is too long costs a little
  priority in the queue, one that is too short costs a start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Settings = dict[str, Any]
Demand = Callable[..., int]
Most = Callable[[str], float]  # the most that a job of a rule may have

FLOPS = {"core": 1e10, "gpu": 1e13}  # a second, of one core or GPU
SPARE_MINUTES = 30  # for the start, scoring and writing


def raised(first: float, attempt: int, most: Most, rule: str) -> int:
    """What attempt number `attempt` (from 1) asks for, where the first asked for `first`: twice as much each time, at
    most what the rule's jobs may have, and never less than at first. `most` is not asked before the second attempt."""
    if attempt == 1:
        return math.ceil(first)
    return math.ceil(max(first, min(first * 2 ** (attempt - 1), most(rule))))


def grown(base: float, per_mb: float = 0.0, most: Most = lambda rule: math.inf) -> Demand:
    """An amount of `base`, and `per_mb` for each MB of input, raised with every attempt up to `most`.

    The function that it gives raises FileNotFoundError where an input is not there yet, which Snakemake takes for an
    amount that is still open.
    """

    def amount(wildcards: Any, input: Iterable[str], attempt: int, rulename: str = "") -> int:
        return raised(base + (per_mb * megabytes(input) if per_mb else 0.0), attempt, most, rulename)

    return amount


def megabytes(paths: Iterable[str]) -> float:
    """MB of files, and of the files below folders.

    Raises:
        FileNotFoundError: one of them is not there.
    """
    total = 0
    for path in map(Path, paths):
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        total += sum(file.stat().st_size for file in files)
    return total / 1e6


def weights(settings: Settings) -> float:
    """About how many weights a model has: matrices of the blocks, and the embedding."""
    model, vocab = settings["model"], settings["vocab"]
    width, hidden = model["width"], model["hidden"]
    shared = 2 + 2 * model["kv_heads"] / model["heads"]  # query and output; key and value
    return model["layers"] * width * (shared * width + 3 * hidden) + vocab.get("size", 256) * width


def training_minutes(settings: Settings, threads: int, gpus: int) -> float:
    """Minutes that a training may take, from its budget; half as much again, and some to spare."""
    amount, _, unit = settings["train"]["budget"].partition(" ")
    if unit == "minutes":
        minutes = float(amount)
    elif unit in ("steps", "tokens"):
        tokens = float(amount) * (settings["train"]["batch_tokens"] if unit == "steps" else 1)
        rate = gpus * FLOPS["gpu"] if gpus else threads * FLOPS["core"]
        minutes = 6 * weights(settings) * tokens / rate / 60
    else:  # it repeats another run's schedule
        minutes = 8 * 60
    return 1.5 * minutes + SPARE_MINUTES


def training_mb(settings: Settings, threads: int, gpus: int) -> float:
    """MB of a training: weights, moments, gradients and the checkpoint's bytes; on a processor also what each thread
    keeps for the backward pass."""
    model, context = settings["model"], settings["pack"]["context_length"]
    tokens = 0 if gpus else threads * max(context, settings["train"]["micro_batch_tokens"])
    kept = 12 * model["width"] + 5 * model["hidden"] + 0.6 * model["heads"] * context
    return 3000 + 4e-6 * ((12 + threads) * weights(settings) + tokens * kept * model["layers"])


def training_gpus(settings: Settings) -> int:
    """How many GPUs a training names by its own knobs; 0: none, and `--set-resources train:gpu=N` says otherwise."""
    train = settings["train"]
    if train["device"] != "cuda":
        return 0
    return train["ranks"] if isinstance(train["ranks"], int) else 1
