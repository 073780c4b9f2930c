"""What the machine can do: device, number type, the rate of its matrix products, its free memory.

Notable here: the matrix peak is measured, not looked up. The share of it that training reaches (MFU, Chowdhery et
al. 2022, arXiv:2204.02311) then means the same on a laptop and on an accelerator.
"""

from __future__ import annotations

import time

import psutil
import torch

from charmer.common.failure import Failure

NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16")


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
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    elif device.type == "mps":
        native = True
    else:
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        native = any(capabilities.get(name, False) for name in NATIVE_BFLOAT16)
    return torch.bfloat16 if native else torch.float32


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


@torch.inference_mode()
def matrix_peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.25) -> float:
    """The best rate of a square matrix product in FLOP/s, measured for about `seconds`."""
    size = 1024 if device.type == "cpu" else 8192
    left, right = (torch.ones(size, size, device=device, dtype=dtype) for _ in range(2))
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < seconds or best == float("inf"):
        start = time.perf_counter()
        left @ right
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * size**3 / best


def free_memory(device: torch.device) -> int:
    """Bytes that can be taken on the device without swapping."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)
