"""Which number types a device multiplies natively.

Notable here: bfloat16 products run twice to four times as fast as float32 where the processor has them, and about sixty
times slower where it has not and PyTorch emulates them (66 against 1 GFLOP/s on a Zen 3 core). So whatever
multiplies in bfloat16 asks here first.
"""

from __future__ import annotations

import torch

NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16")


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices itself."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return True
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in NATIVE_BFLOAT16)


def fastest(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively, float32 where that would be emulated."""
    return torch.bfloat16 if native_bfloat16(device) else torch.float32
