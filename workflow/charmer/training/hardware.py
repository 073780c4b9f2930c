"""What the machine can do: device, number type, the rate of its matrix products, its free memory.

Notable here: the matrix peak is measured, not looked up. The share of it that training reaches (MFU, Chowdhery et
al. 2022, arXiv:2204.02311) then means the same on a laptop and on an accelerator.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import torch

from charmer.common.failure import Failure
from charmer.model.network import ModelConfig
from charmer.model.precision import fastest


def choose_device(wanted: str) -> torch.device:
    """The device for "auto", "cpu", "cuda" or "mps".

    Raises:
        Failure: the machine has no such device.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next(name for name in ("cuda", "mps", "cpu") if there[name])
    if not there.get(wanted, False):
        have = ", ".join(name for name, present in there.items() if present)
        raise Failure(f"train.device: PyTorch finds no {wanted} on this machine, only {have}; set train.device: auto")
    return torch.device(wanted)


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """The type of the activations for "auto", "bfloat16" or "float32".

    "auto" takes bfloat16 where the device multiplies it natively; elsewhere it would be emulated, and slower.
    """
    if wanted != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[wanted]
    return fastest(device)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def matrix_peak(device: torch.device, dtype: torch.dtype, pool: ThreadPoolExecutor, threads: int) -> float:
    """The best rate in FLOP/s at which `threads` threads of `pool` multiply square matrices, each its own.

    Measured for about a quarter of a second, with one thread for each of PyTorch's operations.
    """
    size = 1024 if device.type == "cpu" else 8192
    matrices = [torch.ones(size, size, device=device, dtype=dtype) for _ in range(threads)]

    def multiply(matrix: torch.Tensor) -> float:
        best, begun = math.inf, time.perf_counter()
        while time.perf_counter() - begun < 0.25 or best == math.inf:
            start = time.perf_counter()
            matrix @ matrix
            synchronise(device)
            best = min(best, time.perf_counter() - start)
        return 2.0 * size**3 / best

    return sum(pool.map(multiply, matrices))


def check_memory(
    config: ModelConfig,
    workers: int,
    micro_tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    ranks: int = 1,
    average: bool = False,
    blend: bool = False,
) -> None:
    """Refuse a run that the memory cannot hold.

    What a block keeps for the backward pass, in numbers a token: about 12 widths, 5 hidden sizes, and the shares of
    attention, a little more than half of heads times context (kept on a processor alone). Weights count for
    themselves, their gradients (one set a worker), two moments, the best ones, and their average where there is one
    (`train.average`), and the first ones and the mixture with them where a share of these is kept
    (`train.start_share`). On a processor all ranks take from the same memory, and so do the bytes of the checkpoint
    that the first rank writes: weights, moments, the best ones and the average once more, while it keeps nothing for a
    backward pass.

    Raises:
        Failure: more is needed than is free.
    """
    shares = 0.6 * config.heads * config.context_length if device.type == "cpu" else 0.0
    kept = 12 * config.width + 5 * config.hidden + shares
    activations = workers * micro_tokens * kept * config.layers * dtype.itemsize
    copy = 4.0 * config.matrix_parameters()
    needed, free = activations + (5 + workers + average + 2 * blend) * copy, free_memory(device)
    if device.type == "cpu":
        needed = ranks * needed + max((4 + average) * copy - activations, 0.0)
    if needed > free:
        raise Failure(
            f"train.micro_batch_tokens: training needs about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            f"lower it (now {micro_tokens}), or model.width, or model.layers"
        )


def free_memory(device: torch.device) -> int:
    """Bytes that can be taken on the device without swapping."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)
