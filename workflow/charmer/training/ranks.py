"""The processes that train one model together, each with a share of every batch (data parallelism).

Notable here:
- `Ranks` is one process alone: nothing to add up, nobody to agree with, and no `torch.distributed`. `Group` is one of
  several that torchrun started.
- Gradients are summed over the ranks in one flat tensor, the loss and its count beside them, and divided by the count
  of the whole batch afterwards. So a step is that of one rank with the same batch, but for the order of additions.
- Whatever a rank cannot work out from its own state alike (the clock, a signal, a figure that only the first measured)
  comes from the first rank. The first alone writes.
- A rank that is gone ends the others: what they send to it fails, which is `RankLost` here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from charmer.common.failure import Failure


class RankLost(Exception):
    """Another rank is gone; its own last words say why."""


class Ranks:
    """One process alone.

    Attributes:
        number: of this rank, from 0.
        size: how many ranks there are.
    """

    number, size = 0, 1

    @property
    def first(self) -> bool:
        """Whether this rank writes and decides."""
        return self.number == 0

    def share(self, rows: int) -> slice:
        """Which of a batch's windows this rank takes."""
        return slice(self.number * rows // self.size, (self.number + 1) * rows // self.size)

    def sum(self, tensors: Sequence[Tensor], *numbers: float) -> tuple[float, ...]:
        """Replace each tensor by its sum over all ranks; gives the sums of the numbers.

        Raises:
            RankLost: another rank is gone.
        """
        return numbers

    def agree(self, *numbers: float) -> tuple[float, ...]:
        """The first rank's numbers.

        Raises:
            RankLost: another rank is gone.
        """
        return numbers


class Group(Ranks):
    """One of several processes; `distributed` is `torch.distributed` with its group up."""

    def __init__(self, distributed: Any) -> None:
        self.distributed = distributed
        self.number, self.size = distributed.get_rank(), distributed.get_world_size()

    def sum(self, tensors: Sequence[Tensor], *numbers: float) -> tuple[float, ...]:
        device = tensors[0].device if tensors else torch.device("cpu")
        counts = torch.tensor(numbers, device=device, dtype=torch.float32)
        flat = torch.cat([*(tensor.flatten() for tensor in tensors), counts])
        with _lost():
            self.distributed.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors] + [len(numbers)])
        for tensor, part in zip(tensors, parts, strict=False):
            tensor.copy_(part.view_as(tensor))
        return tuple(parts[-1].tolist())

    def agree(self, *numbers: float) -> tuple[float, ...]:
        shared = torch.tensor(numbers, dtype=torch.float64)
        with _lost():
            self.distributed.broadcast(shared, src=0)
        return tuple(shared.tolist())


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what gloo and NCCL raise when a connection breaks
        raise RankLost(f"another rank is gone ({str(error).splitlines()[0]})") from error


def started_by_torchrun() -> bool:
    """Whether this process is one of several that torchrun started."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[tuple[Ranks, torch.device]]:
    """This process's place among the ranks, and its own device.

    Args:
        device: the kind that was chosen; on CUDA each rank of a machine takes the GPU of its local number.
    """
    if not started_by_torchrun():
        yield Ranks(), device
        return
    import torch.distributed as distributed

    backend = "gloo"
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl"  # gradients over NCCL, what ranks agree on over gloo
    with _lost():
        distributed.init_process_group(backend)
    yield Group(distributed), device
    distributed.destroy_process_group()  # not after an error: it would wait for ranks that may be gone


def wanted_ranks(wanted: int | str, device: torch.device, nodes: int = 1, gpus: int = 0) -> int:
    """How many processes the knob `train.ranks` stands for: on all nodes together, equally many on each.

    Args:
        device: of each process.
        nodes: among which they divide; "auto" is one a GPU, or one a node.
        gpus: that the job was given on all nodes; 0: all that PyTorch finds.

    Raises:
        Failure: more than there are GPUs, or no whole number a node.
    """
    there = torch.cuda.device_count() * nodes if device.type == "cuda" else None
    if gpus > (there or 0):
        raise Failure(
            f"resources of train: gpu={gpus}, and PyTorch finds {(there or 0) // nodes} on each of {nodes} nodes; "
            "name what the nodes have, and set train.device to auto or cuda"
        )
    if wanted == "auto":
        return gpus or there or nodes
    if device.type == "mps" and int(wanted) > 1:
        raise Failure(f"train.ranks: {wanted} processes cannot share one mps device; allowed: auto or 1")
    if there is not None and int(wanted) > there:
        raise Failure(f"train.ranks: {wanted} processes need a GPU each, and PyTorch finds {there}; lower it")
    if int(wanted) % nodes:
        raise Failure(f"train.ranks: {wanted} processes do not divide among {nodes} nodes; allowed: auto or a multiple")
    return int(wanted)
