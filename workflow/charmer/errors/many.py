"""`check` for many files, in processes side by side.

Notable here: threads compute one file together, and wait a sixth of their time for the interpreter's lock. A process
for each core, with a thread each and files of its own, does not: it is faster once there are so many lines that its
start (PyTorch alone takes two seconds) is paid for, and so many files that no core is left over. What is found is the
same. A file whose process dies, for want of memory say, is checked by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from charmer.common.parallel import ordered_map
from charmer.errors import calibration
from charmer.errors.calibration import Calibration
from charmer.errors.check import check
from charmer.errors.finding import Finding
from charmer.model import folder
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

LINES = 4000  # for each process, below which it is not worth its start
FILES = 2  # for each process
MEMORY = 600e6  # bytes that a process takes, some 400 of them PyTorch's


class Task(NamedTuple):
    """One file to check, as `check` takes it; `model` is the model's folder."""

    model: Path
    text: str
    path: str
    false_alarms: float


def worth(texts: Sequence[str], processes: int) -> bool:
    """Whether so many processes are faster than as many threads, and have room."""
    return (
        1 < processes <= len(texts) // FILES
        and sum(text.count("\n") for text in texts) >= LINES * processes
        and psutil.virtual_memory().available >= MEMORY * processes
    )


def checked(
    tasks: Iterable[Task], processes: int, instead: Callable[[Task], list[Finding]]
) -> Generator[list[Finding], None, None]:
    """What is wrong with each text, in their order. The processor computes, one thread in each process.

    Args:
        instead: checks a file here, whose process died.

    Raises:
        Failure: the model or its calibration is damaged.
    """
    return ordered_map(_checked, tasks, processes, lambda task, death: instead(task))


def _checked(task: Task) -> list[Finding]:
    network, tokenizer, known = _opened(task.model)
    return check(network, tokenizer, task.text, task.path, false_alarms=task.false_alarms, calibration=known)


@cache
def _opened(model: Path) -> tuple[Transformer, Tokenizer, Calibration]:
    torch.set_num_threads(1)
    return *folder.load(model, "cpu"), calibration.read(model)
