"""Optimizers: Muon for the matrices of the blocks, AdamW for all else.

Notable here:
- Muon's update is scaled to the size of AdamW's (`match_rms_adamw`), so that one learning rate serves both and means
  the same for any shape of matrix. The embedding learns faster by a factor: most of its rows get a gradient rarely.
- Weight decay falls on the matrices of the blocks alone, not on norms and not on the embedding.
- The matrices are dealt out to as many Muon optimizers as there are threads, which then work side by side.
- Muon makes its steps orthogonal in bfloat16 only where the device has such products (see `muon`).
- State goes to and from a flat mapping of names to tensors, which a safetensors file can hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn

from charmer.model.network import Transformer
from charmer.model.precision import fastest
from charmer.training.muon import Muon


class Optimizer:
    """Optimizers over a network's weights.

    Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon; its scale: Liu et al. 2025, arXiv:2502.16982.
    AdamW: Loshchilov and Hutter 2017, arXiv:1711.05101.
    """

    def __init__(
        self, model: Transformer, kind: str, weight_decay: float, embedding_rate: float, threads: int = 1
    ) -> None:
        self.weights = dict(model.named_parameters())
        matrices = [weight for name, weight in self.weights.items() if weight.ndim == 2 and "embed" not in name]
        others = [weight for name, weight in self.weights.items() if weight.ndim < 2 or "embed" in name]
        groups: list[dict[str, Any]] = [{"params": others, "weight_decay": 0.0, "rate": embedding_rate}]
        if kind == "adamw":
            groups.append({"params": matrices, "weight_decay": weight_decay})
        fused = model.device.type in ("cpu", "cuda")
        self.parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=fused)]
        if kind == "muon":
            self.parts += [
                Muon(share, weight_decay, momentum=0.95, dtype=fastest(model.device))
                for share in _dealt(matrices, threads)
            ]

    def step(self, learning_rate: float, pool: ThreadPoolExecutor) -> None:
        """Move the weights by their gradients; the embedding and the norms by `embedding_rate` times as much."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate * group.get("rate", 1.0)
        list(pool.map(lambda part: part.step(), self.parts))

    def state(self) -> dict[str, Tensor]:
        """All tensors of the state, by "<weight>.<kind>"."""
        names: dict[Any, str] = {weight: name for name, weight in self.weights.items()}
        return {
            f"{names[weight]}.{kind}": tensor
            for part in self.parts
            for weight, state in part.state.items()
            for kind, tensor in state.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        owners = {weight: part for part in self.parts for group in part.param_groups for weight in group["params"]}
        for weight, part in owners.items():
            part.state.pop(weight, None)
        for key, tensor in state.items():
            name, kind = key.rsplit(".", 1)
            weight = self.weights[name]
            # AdamW counts its steps in a scalar that stays on the processor unless the optimizer is fused on a GPU.
            device = tensor.device if kind == "step" and weight.device.type != "cuda" else weight.device
            owners[weight].state[weight][kind] = tensor.clone().to(device)


def _dealt(matrices: list[nn.Parameter], threads: int) -> list[list[nn.Parameter]]:
    """Shares of about equal work: each matrix, largest first, goes to the share that has least."""
    shares: list[list[nn.Parameter]] = [[] for _ in range(min(threads, len(matrices)))]
    work = [0] * len(shares)
    for matrix in sorted(matrices, key=lambda matrix: -matrix.numel()):
        least = work.index(min(work))
        shares[least].append(matrix)
        work[least] += matrix.numel() * min(matrix.shape)
    return shares
