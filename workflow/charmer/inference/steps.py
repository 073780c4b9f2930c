"""From PyTorch's tensors to the compiled kernel and back: nothing is copied but the weights, once.

Notable here: the kernel reads and writes the keys and values that PyTorch fills while it reads prompts. bfloat16, which
NumPy lacks, goes over as its bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from charmer.inference import kernel
from charmer.inference.kernel import Stored, Weights


def _array(tensor: Tensor) -> Stored:
    """The same memory, where it is contiguous."""
    tensor = tensor.contiguous()
    return tensor.view(torch.int16).numpy().view(np.uint16) if tensor.dtype == torch.bfloat16 else tensor.numpy()


class Steps:
    """One network, ready for the kernel.

    Args:
        embedding: [V, C].
        matrices: the head and four of each layer as in `Forward`, each with the scales of its outputs.
        gains: [layers, H + G, D], of queries and keys.
        angles: cosines and sines of the rotary embedding, [W, D / 2].
        keys, values: [layers, S, G, W, D]; kept, and written to.
        epsilon: of the norms.
    """

    def __init__(
        self,
        embedding: Tensor,
        matrices: Sequence[tuple[Tensor, Tensor]],
        gains: Tensor,
        angles: tuple[Tensor, Tensor],
        keys: Tensor,
        values: Tensor,
        epsilon: float,
    ) -> None:
        head, *others = matrices
        stacks = [torch.stack(part) for kind in range(4) for part in zip(*others[kind::4], strict=True)]
        self._weights = Weights(*map(_array, (embedding, *stacks, *head, gains, *angles)))
        self._keys, self._values, self._epsilon = _array(keys), _array(values), epsilon
        self._size = len(embedding)

    def extend(self, tokens: Tensor, slots: list[int], places: list[int]) -> Tensor:
        """As `Forward.extend`."""
        logits = np.empty((len(slots), self._size), np.float32)
        rows = (np.array(numbers, np.int64) for numbers in (tokens.tolist(), slots, places))
        kernel.extend(*rows, self._weights, self._keys, self._values, self._epsilon, logits)
        return torch.from_numpy(logits)
