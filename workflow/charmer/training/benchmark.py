"""How fast the engine is, part by part, against what the machine can do.

    python -m charmer.training.benchmark --threads 2

Notable here:
- Trains the network of config/config.yaml on random tokens for a few steps and prints the machine's matrix rate by
  type, the engine's rate, their ratio (MFU), and the share of a step in each part. Matrix FLOPs count once.
- A part's time is that of the fastest repeat, so that other programs on the machine count little. Data is what a step
  waits for it: windows are read from disk while the step before computes, as in training.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import yaml

from charmer.common.files import write_array, write_table
from charmer.model.network import ModelConfig, Transformer
from charmer.model.threads import side_by_side
from charmer.tokens.pack import pack
from charmer.tokens.windows import Batch, Windows
from charmer.training.data import Batches
from charmer.training.engine import Engine
from charmer.training.hardware import choose_device, choose_dtype, matrix_peak
from charmer.training.interrupts import Interrupts
from charmer.training.loss import cross_entropy
from charmer.training.optimizer import Optimizer
from charmer.training.ranks import Ranks

CONFIG = Path(__file__).parents[3] / "config" / "config.yaml"


def measure(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of `repeats` calls, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def random_windows(folder: Path, settings: dict[str, Any], vocab_size: int) -> Windows:
    """Windows over 200 documents of random tokens, as `encode` and `pack` leave them."""
    random, eof = np.random.default_rng(1), vocab_size - 8
    counts = random.integers(200, 20_000, 200)
    starts = 1 + np.concatenate([[0], np.cumsum(counts + 1)[:-1]])
    tokens = random.integers(0, eof, int((counts + 1).sum()) + 1, dtype=np.uint16)
    tokens[0] = tokens[starts + counts] = eof
    metadata = {"tokenizer": "", "vocab_size": str(vocab_size), "eof": str(eof)}
    table = pa.table({"start": starts, "tokens": counts, "bytes": counts}).replace_schema_metadata(metadata)
    array, documents, starting = (folder / name for name in ("tokens.npy", "documents.parquet", "windows.npy"))
    write_array(array, tokens)
    write_table(documents, table)
    pack(array, documents, settings["pack"] | {"dataset_mb": 1}, "train", starting, folder / "summary.json")
    return Windows(array, documents, starting, settings["pack"]["context_length"])


def benchmark(threads: int, repeats: int, precision: str, vocab_size: int, folder: Path) -> None:
    """Print the table; `folder` is for the random data."""
    settings = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    knobs, context = settings["train"], settings["pack"]["context_length"]
    config = ModelConfig(vocab_size=vocab_size, context_length=context, **settings["model"])
    device = choose_device("cpu")
    dtype = choose_dtype(precision, device)
    with side_by_side(threads) as pool:
        for kind in (torch.float32, torch.bfloat16):
            print(f"matrix products in {kind}: {matrix_peak(device, kind, pool, threads) / 1e9:.0f} GFLOP/s")
        model = Transformer(config)
        model.initialise(seed=1)
        optimizer = Optimizer(model, knobs["optimizer"], knobs["weight_decay"], knobs["embedding_rate"], threads)
        rows = knobs["batch_tokens"] // context
        micro_rows = max(1, min(-(-rows // threads), knobs["micro_batch_tokens"] // context))
        engine = Engine(
            model, optimizer, dtype, knobs["clip"], micro_rows * context, pool, threads, Interrupts(), Ranks()
        )
        batches = Batches(random_windows(folder, settings, vocab_size), rows, knobs["seed"])
        batch = batches.next()

        def forward(part: Batch) -> None:
            with torch.no_grad():
                model.hidden(part.x, part.segments, dtype=dtype)

        def head(part: Batch) -> None:
            with torch.no_grad():
                hidden = torch.ones(part.x.numel(), config.width, dtype=dtype)
                cross_entropy(hidden, model.embed_tokens.weight, part.y.flatten(), part.mask.flatten())

        def step() -> None:
            before = time.perf_counter()
            next_batch = batches.next()
            waits.append(time.perf_counter() - before)
            engine.measure(next_batch)
            engine.update(1e-4)

        waits: list[float] = []
        whole = measure(step, repeats)
        seconds = {
            "forward": measure(lambda: list(pool.map(forward, engine.parts(batch))), repeats),
            "head, forward and backward": measure(lambda: list(pool.map(head, engine.parts(batch))), repeats),
        }
        seconds["backward"] = measure(lambda: engine.measure(batch), repeats) - sum(seconds.values())
        seconds["optimizer"] = measure(lambda: engine.update(1e-4), repeats)
        seconds["data"] = sorted(waits)[len(waits) // 2]
        batches.close()
        peak = matrix_peak(device, dtype, pool, threads)
    rate = batch.x.numel() * config.flops_per_token() / whole
    print(
        f"{sum(weight.numel() for weight in model.parameters()):,} parameters, {batch.x.numel()} tokens a step, {dtype}"
    )
    print(f"engine: {batch.x.numel() / whole:.0f} tokens/s, {rate / 1e9:.0f} GFLOP/s, MFU {100 * rate / peak:.0f}%")
    for name, part in seconds.items():
        print(f"  {name}: {100 * part / sum(seconds.values()):.1f}% of a step")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--precision", choices=["auto", "bfloat16", "float32"], default="auto")
    parser.add_argument("--vocab-size", type=int, default=4096)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        benchmark(arguments.threads, arguments.repeats, arguments.precision, arguments.vocab_size, Path(scratch))
