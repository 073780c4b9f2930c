"""The ordered map over worker processes: order, errors, deaths and interruptions."""

from __future__ import annotations

import math
import operator
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest
from charmer.common.parallel import WorkerDied, ordered_map

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    tasks = [3000, 5, 2000, 0, 1]  # the first takes longest
    assert list(ordered_map(math.factorial, tasks, workers)) == [math.factorial(task) for task in tasks]


def test_few_tasks_are_taken_before_their_results_are(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def tasks():  # type: ignore[no-untyped-def]
        for number in range(100):
            taken.append(number)
            yield number

    with closing(ordered_map(operator.neg, tasks(), workers=2)) as results:
        assert [next(results) for _ in range(10)] == [-number for number in range(10)]
        assert len(taken) <= 15


def test_an_error_of_a_worker_is_raised_here_with_its_traceback() -> None:
    with pytest.raises(ValueError, match="negative") as caught:
        list(ordered_map(math.factorial, [1, 2, -1, 3], workers=2))
    assert "in a worker process:" in caught.value.__notes__[0]


def test_a_worker_that_dies_is_known_with_its_task_and_the_rest_goes_on() -> None:
    tasks = [signal.SIGCONT, signal.SIGKILL, signal.SIGCONT, signal.SIGSEGV, signal.SIGCONT]  # SIGCONT does nothing
    deaths = []

    def note(task: signal.Signals, death: WorkerDied) -> None:
        deaths.append((task, death.returncode))

    assert list(ordered_map(signal.raise_signal, tasks, 2, note)) == [None] * 5
    assert deaths == [(signal.SIGKILL, -9), (signal.SIGSEGV, -11)]


def test_without_a_plan_for_it_a_death_is_raised() -> None:
    with pytest.raises(WorkerDied) as caught:
        list(ordered_map(os._exit, [7], workers=2))
    assert caught.value.returncode == 7


def test_closing_ends_workers_in_the_middle_of_their_work() -> None:
    started = time.monotonic()
    with closing(ordered_map(time.sleep, [0.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0], workers=2)) as results:
        next(results)
    assert time.monotonic() - started < 10


SLEEPERS = """
import time
from charmer.common.parallel import ordered_map
print("ready", flush=True)
try:
    list(ordered_map(time.sleep, [60.0] * 4, 2))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def _sleepers() -> subprocess.Popen[str]:
    """A process group of one caller and two workers that sleep."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPERS],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(1.0)  # for the workers to start
    return process


def test_ctrl_c_ends_everything_at_once_and_without_a_traceback() -> None:
    process = _sleepers()
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    output, errors = process.communicate(timeout=10)
    assert (output, errors, process.returncode) == ("interrupted\n", "", 0)


def test_workers_end_when_their_caller_was_killed() -> None:
    code = SLEEPERS.replace("[60.0] * 4", "[2.0] * 4")
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    time.sleep(1.5)
    process.kill()
    # Workers hold the other end of standard error: it ends when the last of them has.
    _, errors = process.communicate(timeout=15)
    assert errors == b""
