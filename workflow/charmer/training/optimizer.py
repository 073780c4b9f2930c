"""Optimizers: Muon for the matrices of the blocks, AdamW for all else.

Notable here:
- Muon's update is scaled to the size of AdamW's (`match_rms_adamw`), so that one learning rate serves both and means
  the same for any shape of matrix.
- Weight decay falls on the matrices of the blocks alone, not on norms and not on the embedding.
- State goes to and from a flat mapping of names to tensors, which a safetensors file can hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from charmer.model.network import Transformer


class Optimizer:
    """One or two of PyTorch's optimizers over a network's weights.

    Muon: Jordan et al. 2024, kellerjordan.github.io/posts/muon; its scale: Liu et al. 2025, arXiv:2502.16982.
    AdamW: Loshchilov and Hutter 2017, arXiv:1711.05101.
    """

    def __init__(self, model: Transformer, kind: str, weight_decay: float) -> None:
        self.parameters = dict(model.named_parameters())
        matrices = [p for name, p in self.parameters.items() if p.ndim == 2 and "embed" not in name]
        others = [p for name, p in self.parameters.items() if p.ndim < 2 or "embed" in name]
        groups: list[dict[str, Any]] = [{"params": others, "weight_decay": 0.0}]
        if kind == "adamw":
            groups.append({"params": matrices, "weight_decay": weight_decay})
        fused = next(iter(self.parameters.values())).device.type in ("cpu", "cuda")
        self.parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=fused)]
        if kind == "muon":
            self.parts.append(
                torch.optim.Muon(matrices, weight_decay=weight_decay, momentum=0.95, adjust_lr_fn="match_rms_adamw")
            )

    def step(self, learning_rate: float) -> None:
        """Move the weights by their gradients."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """All tensors of the state, by "<weight>.<kind>"."""
        names: dict[Any, str] = {parameter: name for name, parameter in self.parameters.items()}
        return {
            f"{names[parameter]}.{kind}": tensor
            for part in self.parts
            for parameter, state in part.state.items()
            for kind, tensor in state.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        for part in self.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    part.state.pop(parameter, None)
        owners = {
            parameter: part for part in self.parts for group in part.param_groups for parameter in group["params"]
        }
        for name, tensor in state.items():
            weight, kind = name.rsplit(".", 1)
            parameter = self.parameters[weight]
            # AdamW counts its steps in a float32 scalar on the CPU, unless it is fused on a GPU.
            device = tensor.device if kind == "step" and parameter.device.type != "cuda" else parameter.device
            owners[parameter].state[parameter][kind] = tensor.clone().to(device)
