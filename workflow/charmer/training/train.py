"""Train a model: from windows to a model's folder.

What a run is, and how it survives interruptions, is in `run`; what a step does, in `engine`; how several processes
share one, in `ranks`, and what starts them, in `launch`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from charmer.common.failure import Failure
from charmer.common.files import read_table, write_json
from charmer.model import folder
from charmer.model.network import Transformer
from charmer.model.threads import side_by_side
from charmer.tokens.fim import FillInTheMiddle
from charmer.tokens.repair import Faults, Repair
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Rearrange, Windows
from charmer.training import checkpoint, start
from charmer.training.budget import Budget
from charmer.training.data import Batches
from charmer.training.engine import Engine
from charmer.training.hardware import check_memory, choose_device, choose_dtype, matrix_peak
from charmer.training.held_out import HeldOut
from charmer.training.interrupts import Interrupts
from charmer.training.optimizer import Optimizer
from charmer.training.ranks import Ranks, joined
from charmer.training.run import Run

logger = logging.getLogger(__name__)


def train(
    data: dict[str, Path],
    settings: dict[str, Any],
    out: Path,
    checkpoints: Path,
    threads: int,
    identity: str = "",
) -> None:
    """Train a model, or go on training it, and write its folder.

    Args:
        data: paths by name: tokenizer, and tokens, documents and windows of train and val (`train_tokens`, ...);
            `train_broken`, where `train.repair_share` is above 0.
        settings: the sections `model`, `train` and `pack`.
        out: folder for model.safetensors, config.json, tokenizer.json, metrics.parquet (a row a step),
            held_out.parquet (a row an evaluation) and training.json (the run in numbers). Written at the end.
        checkpoints: folder for what grows; it holds little once the run is complete.
        threads: of the processor, for this process; on another device one is used.
        identity: digest of all that the run depends on. A checkpoint of another identity is not gone on with.

    Raises:
        Failure: bad input, no such device, a full disk, a diverging run; the message names the file or the knob.
        KeyboardInterrupt: on SIGINT or SIGTERM, after a checkpoint was written.
        RankLost: this is one of several ranks, and another one is gone.
    """
    kind = choose_device(settings["train"]["device"])
    workers = threads if kind.type == "cpu" else 1
    with (
        joined(kind) as (ranks, device),
        checkpoint.lock(checkpoints) if ranks.first else contextlib.nullcontext(),
        Interrupts(at_once=ranks.size == 1) as interrupts,
        side_by_side(workers) as pool,
    ):
        _train(data, settings, out, checkpoints, device, workers, identity, interrupts, pool, ranks)


def _train(
    data: dict[str, Path],
    settings: dict[str, Any],
    out: Path,
    checkpoints: Path,
    device: torch.device,
    workers: int,
    identity: str,
    interrupts: Interrupts,
    pool: ThreadPoolExecutor,
    ranks: Ranks,
) -> None:
    knobs, context = settings["train"], settings["pack"]["context_length"]
    dtype = choose_dtype(knobs["precision"], device)
    if knobs["batch_tokens"] % context:
        raise Failure(f"train.batch_tokens: {knobs['batch_tokens']} is no multiple of pack.context_length {context}")
    rows = knobs["batch_tokens"] // context
    if rows < ranks.size:
        raise Failure(f"train.ranks: {ranks.size} cannot share a batch of {rows} windows; raise train.batch_tokens")
    own_rows = -(-rows // ranks.size)
    micro_rows = max(1, min(-(-own_rows // workers), knobs["micro_batch_tokens"] // context))

    tokenizer = Tokenizer.load(data["tokenizer"])
    windows, _ = (_windows(data, split, context, tokenizer) for split in ("train", "val"))
    faults = _faults(data, knobs, windows)
    own = [source["name"] for source in settings["sources"] if source.get("own")] if "fine_tune" in settings else []
    held_out = HeldOut(data["val_tokens"], data["val_documents"], tokenizer, knobs["held_out_mb"], dtype, workers, own)
    config = start.config(settings, tokenizer, context)
    model = Transformer(config)
    at_once = min(workers, -(-own_rows // micro_rows))
    averaged, blended = knobs["average"] > 0, knobs["start_share"] > 0
    check_memory(config, at_once, micro_rows * context, device, dtype, ranks.size, averaged, blended)
    first = start.fill(model, knobs)
    model.to(device)

    optimizer = Optimizer(model, knobs["optimizer"], knobs["weight_decay"], knobs["embedding_rate"], workers)
    engine = Engine(model, optimizer, dtype, knobs["clip"], micro_rows * context, pool, workers, interrupts, ranks)
    peak = matrix_peak(device, dtype, pool, workers) * ranks.size
    run = Run(Budget.parse(knobs["budget"]), knobs, engine, held_out, checkpoints, identity, peak)
    done = run.resume() // context
    batches = Batches(windows, rows, knobs["seed"], done, _rearranging(knobs, tokenizer, faults), ranks.share)
    try:
        run.go(batches)
    finally:
        batches.close()
        run.record.close()
    if not ranks.first:
        return

    model.load_state_dict(run.best_weights)
    folder.save(out, model, data["tokenizer"])
    run.record.write(out)
    steps = run.record.metrics
    summary = {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "steps": run.step,
        "tokens": run.tokens,
        "seconds": run.seconds,
        "flops": sum(
            count * config.flops_per_token(int(read))
            for count, read in zip(np.diff(steps["tokens"], prepend=0).tolist(), steps["context"], strict=True)
        ),
        "bits_per_byte": run.record.best,
        "budget": knobs["budget"],
        "threads": workers,
        "ranks": ranks.size,
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "matrix_peak": peak,
        "knobs": knobs,
        **({"start": first} if first else {}),
    }
    write_json(out / "training.json", summary)
    checkpoint.clear(checkpoints)


def _rearranging(
    knobs: dict[str, Any], tokenizer: Tokenizer, faults: Faults | None
) -> Callable[[int], Rearrange] | None:
    """What windows are put through as they are read, anew in each epoch; None where they stay as they are."""
    if not knobs["fim_share"] and faults is None:
        return None

    def rearranging(epoch: int) -> Rearrange:
        seed = (knobs["seed"], epoch)
        infilling = FillInTheMiddle(
            tokenizer, knobs["fim_share"], knobs["fim_spm_share"], knobs["fim_line_share"], seed
        )
        otherwise = infilling if knobs["fim_share"] else None
        return Repair(tokenizer, faults, knobs["repair_share"], seed, otherwise) if faults else infilling

    return rearranging


def _faults(data: dict[str, Path], knobs: dict[str, Any], windows: Windows) -> Faults | None:
    """The faults of the documents that the windows show; None where training mends none.

    Raises:
        Failure: there are none.
    """
    if not knobs["repair_share"]:
        return None
    table = read_table(data["train_documents"], ["start", "source", "package", "path"])
    shown = table.slice(0, int(np.searchsorted(table["start"].to_numpy(), windows.end)))
    documents = {(row["source"], row["package"], row["path"]) for row in shown.select([1, 2, 3]).to_pylist()}
    faults = Faults.load(data["train_broken"], documents)
    if not len(faults):
        raise Failure("train.repair_share: the data set holds no broken code; raise break.train_pairs")
    return faults


def _windows(data: dict[str, Path], split: str, context: int, tokenizer: Tokenizer) -> Windows:
    """A split's windows, which check their files and that the vocabulary is the model's."""
    tokens, documents, windows = (data[f"{split}_{name}"] for name in ("tokens", "documents", "windows"))
    return Windows(tokens, documents, windows, context, tokenizer)
