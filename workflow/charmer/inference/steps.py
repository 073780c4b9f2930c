"""From PyTorch's tensors to the compiled kernel and back: nothing is copied but the weights, once.

Notable here:
- The kernel reads and writes the keys and values that PyTorch fills while it reads prompts. bfloat16, which NumPy
  lacks, goes over as its bits.
- So either can write the next token, and nobody need wait until the kernel is compiled: `prepare` does that aside.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from charmer.inference import kernel
from charmer.inference.kernel import Stored, Weights

logger = logging.getLogger(__name__)
POLL = 0.1  # seconds between two looks at whether the compiler is done


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

    Attributes:
        ready: whether the kernel may be asked; without `prepare` it always may, and the first to ask waits.
        compiler: the thread of `prepare`.
    """

    ready = True
    compiler: threading.Thread

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

    def prepare(self) -> None:
        """Compile the kernel aside, or load it; until then, and if that fails, it is not `ready`.

        A process of its own compiles: Python runs one thread at a time, and a compiler would hold it for most of 10 s.
        """
        self.ready = False
        self.compiler = threading.Thread(target=self._prepare, name="compiler")
        self.compiler.start()

    def _prepare(self) -> None:
        number, cache = self._weights.head.dtype.name, self._keys.dtype.name
        code = f"from {kernel.__package__} import kernel; kernel.compile_for({number!r}, {cache!r})"
        quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        try:
            # -P: no module out of the folder in which somebody works. A session of its own: Ctrl-C is not meant for it.
            compiling = subprocess.Popen([sys.executable, "-P", "-c", code], start_new_session=True, **quiet)
            while compiling.poll() is None:
                if not threading.main_thread().is_alive():
                    return  # Python ends; what is compiled serves the next
                time.sleep(POLL)
            self.extend(torch.empty(0), [], [])  # no rows: this loads it, and compiles where nothing could be kept
        except Exception as error:  # the kept code is damaged or the disk full, say: PyTorch writes as well
            logger.warning("tokens are written without compiled code, about four times slower: %s", error)
            return
        self.ready = True

    def extend(self, tokens: Tensor, slots: list[int], places: list[int]) -> Tensor:
        """As `Forward.extend`."""
        logits = np.empty((len(slots), self._size), np.float32)
        rows = (np.array(numbers, np.int64) for numbers in (tokens.tolist(), slots, places))
        kernel.extend(*rows, self._weights, self._keys, self._values, self._epsilon, logits)
        return torch.from_numpy(logits)
