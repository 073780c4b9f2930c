"""How fast the engine is, part by part, against what the machine can do.

    python -m charmer.training.benchmark --threads 2

Notable here: trains the network of config/config.yaml on random tokens for a few steps and prints the machine's matrix
rate by type, the engine's rate, their ratio (MFU), and the share of a step in each part. Matrix FLOPs count once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
import yaml

from charmer.model.network import ModelConfig, Transformer
from charmer.model.threads import side_by_side
from charmer.tokens.windows import Batch
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


def benchmark(threads: int, repeats: int, precision: str, vocab_size: int) -> None:
    """Print the table."""
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
        engine = Engine(model, optimizer, dtype, knobs["clip"], micro_rows, pool, Interrupts(), Ranks())
        tokens = torch.randint(0, vocab_size, (rows, context + 1))
        segments = torch.zeros(rows, context, dtype=torch.int32)
        batch = Batch(tokens[:, :-1], tokens[:, 1:], torch.ones(rows, context, dtype=torch.bool), segments)

        def forward(part: Batch) -> None:
            with torch.no_grad():
                model.hidden(part.x, part.segments, dtype=dtype)

        def head(part: Batch) -> None:
            with torch.no_grad():
                hidden = torch.ones(part.x.numel(), config.width, dtype=dtype)
                cross_entropy(hidden, model.embed_tokens.weight, part.y.flatten(), part.mask.flatten())

        seconds = {
            "forward": measure(lambda: list(pool.map(forward, engine.parts(batch))), repeats),
            "head, forward and backward": measure(lambda: list(pool.map(head, engine.parts(batch))), repeats),
        }
        both = measure(lambda: engine.measure(batch), repeats)
        seconds["backward"] = both - sum(seconds.values())
        seconds["optimizer"] = measure(lambda: engine.update(1e-4), repeats)
        peak = matrix_peak(device, dtype, pool, threads)
    step = both + seconds["optimizer"]
    rate = batch.x.numel() * config.flops_per_token() / step
    print(
        f"{sum(weight.numel() for weight in model.parameters()):,} parameters, {batch.x.numel()} tokens a step, {dtype}"
    )
    print(f"engine: {batch.x.numel() / step:.0f} tokens/s, {rate / 1e9:.0f} GFLOP/s, MFU {100 * rate / peak:.0f}%")
    for name, part in seconds.items():
        print(f"  {name}: {100 * part / step:.0f}%")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--precision", choices=["auto", "bfloat16", "float32"], default="auto")
    parser.add_argument("--vocab-size", type=int, default=4096)
    arguments = parser.parse_args()
    benchmark(arguments.threads, arguments.repeats, arguments.precision, arguments.vocab_size)
