"""`check` for many files, in processes side by side.

Notable here: threads compute one file together, and wait a sixth of their time for the interpreter's lock. A process
for each core, with a thread each and files of its own, does not: it is faster once there are so many lines that its
start (PyTorch alone takes two seconds) is paid for. What is found is the same.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from charmer.common.failure import Failure
from charmer.common.parallel import WorkerDied, ordered_map
from charmer.errors import calibration
from charmer.errors.calibration import Calibration
from charmer.errors.check import check
from charmer.errors.finding import Finding
from charmer.model import folder
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

WORTH = 8000  # lines from which on processes are started


class Task(NamedTuple):
    """One file to check, as `check` takes it; `model` is the model's folder."""

    model: Path
    text: str
    path: str
    false_alarms: float


def checked(tasks: Iterable[Task], workers: int) -> Generator[list[Finding], None, None]:
    """What is wrong with each text, in their order. The processor computes; the caller has seen to it that the model
    is whole.

    Args:
        workers: processes, of one thread each.

    Raises:
        Failure: one of them was killed.
    """
    return ordered_map(_checked, tasks, workers, _killed)


def _killed(task: Task, death: WorkerDied) -> list[Finding]:
    raise Failure(f"{task.path}: {death}, most likely for want of memory; use --threads 1, or check fewer files")


def _checked(task: Task) -> list[Finding]:
    network, tokenizer, known = _opened(task.model)
    return check(network, tokenizer, task.text, task.path, false_alarms=task.false_alarms, calibration=known)


@cache
def _opened(model: Path) -> tuple[Transformer, Tokenizer, Calibration]:
    torch.set_num_threads(1)
    return *folder.load(model, "cpu"), calibration.read(model)
