"""An ordered map over worker processes that can be interrupted, killed, and started from anywhere.

Notable here:
- A worker is a fresh interpreter at the end of two pipes (`python -m charmer.common.parallel`), not a fork and not a
  `multiprocessing` child: it never runs the caller's main module again (a Snakemake script has no guard against
  that), inherits no threads or locks, and ends by itself when the caller is gone, because its input then ends.
- One thread of the caller serves one worker, strictly question and answer, so a worker that dies is known together
  with the very task it died on.
- Results come in the order of the tasks, and only a few tasks are in flight, so memory stays bounded.
- Ctrl-C reaches the caller alone; it ends the workers, and none of them prints a traceback.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle  # between a process and its own children; nothing pickled is ever stored
import struct
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

HEADER = struct.Struct("<Q")


class WorkerDied(Exception):
    """A worker process ended in the middle of a task; a negative `returncode` is a signal (-9 killed, -11 crashed)."""

    def __init__(self, returncode: int) -> None:
        super().__init__(f"a worker process ended with status {returncode}")
        self.returncode = returncode


def ordered_map(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    on_death: Callable[[Task, WorkerDied], Result] | None = None,
) -> Generator[Result, None, None]:
    """Yield `function(task)` for each task, in their order, computed by `workers` processes.

    Args:
        function: a function at the top of an importable module; tasks and results must be picklable.
        tasks: read lazily, at most two a worker ahead of what was yielded.
        workers: number of processes; 1 computes in this process.
        on_death: gives the result of a task whose worker died; it runs in this process, when the task's turn comes.
            Without it WorkerDied is raised.

    Closing the generator (`contextlib.closing`) ends the workers at once, whatever they are doing.

    Raises:
        WorkerDied: see `on_death`.
        Exception: whatever `function` raised, with the worker's traceback as a note.
    """
    if workers <= 1:
        yield from map(function, tasks)
        return
    pool = _Pool(function, workers)
    waiting: deque[tuple[Task, Future[Result]]] = deque()

    def take() -> Result:
        task, future = waiting.popleft()
        try:
            return future.result()
        except WorkerDied as death:
            if on_death is None:
                raise
            return on_death(task, death)

    try:
        for task in tasks:
            waiting.append((task, pool.submit(task)))
            if len(waiting) > 2 * workers:
                yield take()
        while waiting:
            yield take()
    finally:
        pool.close()


class _Pool:
    """As many threads as workers; each thread starts its worker when it first has a task."""

    def __init__(self, function: Callable[[Any], Any], workers: int) -> None:
        self.name = (function.__module__, function.__qualname__)
        self.threads = ThreadPoolExecutor(workers)
        self.local = threading.local()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.closed = False

    def submit(self, task: Any) -> Future[Any]:
        return self.threads.submit(self._ask, task)

    def _ask(self, task: Any) -> Any:
        process = getattr(self.local, "process", None)
        if process is None:
            process = self.local.process = self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            _send(process.stdin, task)
            answer = _receive(process.stdout)
        except (EOFError, BrokenPipeError):
            self.local.process = None
            raise WorkerDied(process.wait()) from None
        if answer[0] == "error":
            _, error, trace = answer
            error.add_note(f"in a worker process:\n{trace}")
            raise error
        return answer[1]

    def _start(self) -> subprocess.Popen[bytes]:
        paths = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, *self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
            process_group=0,  # a terminal's Ctrl-C goes to the caller, not to a worker that is just starting
        )
        self.processes.append(process)
        if self.closed:  # close() may have run while this one started
            process.kill()
        return process

    def close(self) -> None:
        """End all workers at once, whatever they are doing; their threads then see the end of the pipe."""
        self.closed = True
        self.threads.shutdown(wait=False, cancel_futures=True)
        for process in self.processes:
            process.kill()
        self.threads.shutdown(wait=True)
        for process in self.processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


def _send(pipe: IO[bytes], value: Any) -> None:
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(HEADER.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    header = pipe.read(HEADER.size)
    if len(header) < HEADER.size:
        raise EOFError
    (length,) = HEADER.unpack(header)
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return pickle.loads(body)


def _work(module: str, qualname: str) -> None:
    """A worker's whole life: answer tasks until the input ends."""
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a stray print must not end up among the answers
    function: Any = importlib.import_module(module)
    for part in qualname.split("."):
        function = getattr(function, part)
    while True:
        try:
            task = _receive(questions)
        except EOFError:
            return
        try:
            answer: tuple[Any, ...] = ("result", function(task))
        except Exception as error:
            answer = ("error", error, traceback.format_exc())
        try:
            _send(answers, answer)
        except BrokenPipeError:  # the caller is gone; an orderly end would try to write once more
            os._exit(1)


if __name__ == "__main__":
    _work(*sys.argv[1:3])
