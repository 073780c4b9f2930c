"""Whether programs pass a problem's tests, judged so that no program can forge the answer.

Notable here:
- Tests and candidate run in two sandboxes. The tests' calls of the candidate pass through this process as plain data,
  and so do the answers. A candidate sees arguments, and can do nothing but answer: it cannot end the tests, patch
  them, read what they expect, or hand them an object that claims to equal everything.
- The verdict is what the tester says, whose sandbox never held a line of the candidate. A candidate that ends, hangs,
  floods or answers nonsense has failed, whatever else happens. A sandbox that does not even start says nothing of any
  candidate: it ends the run.
- Candidates of one problem share a sandbox one after another, each in a process of its own (see `candidate`): a new
  sandbox for each would cost ten times as much.
- Candidates are to return plain data or functions (see `values`). What they do to a list or another container that
  they are given is carried over, one level deep.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import secrets
import selectors
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType

from charmer.common.failure import Failure
from charmer.sandbox import candidate, isolation, tester, values
from charmer.sandbox.limits import MB, Limits
from charmer.sandbox.process import FLAGS, Job, Process
from charmer.sandbox.run import Sandbox

SPARE = 1  # judges beyond one a core: some always wait for a sandbox to open or close
MEMORY_MB = 256  # of one program
GRACE = 10  # times its time on the clock after which a program's sandbox is ended, if that did not end the program
LONGEST = 16 * MB  # bytes of a line
START = 60  # seconds on the clock that a sandbox may take until it is ready
LOOK = 0.25  # seconds between looks at a sandbox while nothing is said


@dataclass(frozen=True)
class Task:
    """What candidates are judged by.

    Attributes:
        solution: a program that passes; its helpers are there for the tests.
        entry_point: the function that is tested.
        test: code that defines `check(candidate)`, which raises where the candidate is wrong.
    """

    solution: str
    entry_point: str
    test: str


@dataclass(frozen=True)
class Verdict:
    """Whether a program passed, and if not, why."""

    passed: bool
    reason: str = ""


def judge(
    sandbox: Sandbox, work: Iterable[tuple[Task, Sequence[str]]], timeout: float, workers: int
) -> Iterator[list[Verdict]]:
    """Judge the programs of each problem, several problems side by side.

    Args:
        work: the task of each problem, and the programs to judge by its tests. Equal programs are judged once.
        timeout: processor time for one program, in seconds. On the clock it has twice as much and two seconds, not
            counting the time for which the machine is too busy to let it compute.
        workers: cores to use.

    Yields:
        The verdicts of each problem's programs, in the order of `work`.

    Raises:
        Failure: a sandbox does not start.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(workers + SPARE) as pool:
        jobs = [pool.submit(_judge_problem, sandbox, task, programs, timeout, stop) for task, programs in work]
        try:
            for job in jobs:
                yield job.result()
        finally:  # an interruption, or a caller who has seen enough: end after the programs that run now
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _judge_problem(
    sandbox: Sandbox, task: Task, programs: Sequence[str], timeout: float, stop: threading.Event
) -> list[Verdict]:
    verdicts: dict[str, Verdict] = {}
    with Judge(sandbox, task, timeout, len(programs)) as judge_:
        for program in dict.fromkeys(programs):
            if stop.is_set():
                return []
            verdicts[program] = judge_.verdict(program)
    return [verdicts[program] for program in programs]


def _unfit(program: str) -> Verdict | None:
    """The verdict on what is not worth a sandbox: text that does not compile."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(program, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Verdict(False, f"does not compile: {type(error).__name__}")
    return None


class Judge:
    """The two sandboxes of one problem, opened when first needed, and again after one had to be ended.

    Use it as a context manager, in one thread.

    Args:
        timeout: as for `judge`.
        programs: how many there will be at most; it bounds what both sandboxes may use up in all.
    """

    def __init__(self, sandbox: Sandbox, task: Task, timeout: float, programs: int) -> None:
        self.sandbox, self.task, self.timeout = sandbox, task, timeout
        self.wall = 2 * timeout + 2
        together = programs * GRACE * self.wall
        self.limits = Limits(
            cpu_seconds=together,
            wall_seconds=together,
            memory_mb=2 * MEMORY_MB,
            processes=2,  # of the candidates' sandbox: the one that forks, and the fork
            file_mb=8,
            disk_mb=8,
            files=1000,
            output_mb=1000,
        )
        self.lines: tuple[_Line, _Line] | None = None

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *error: object) -> None:
        for line in self.lines or ():
            line.process.end()
        self.lines = None

    def verdict(self, program: str) -> Verdict:
        """Run the tests against one program.

        Raises:
            Failure: a sandbox does not start.
        """
        return _unfit(program) or self._judge(program)

    def _judge(self, program: str) -> Verdict:
        fresh = self.lines is None
        try:
            if self.lines is None:
                self.lines = self._open()
                self.lines[0].queue(json.dumps(vars(self.task)).encode())
            return self._relay(*self.lines, program)
        except _Broken as broken:
            self.__exit__()
            # A program may have harmed the parent that the next one was to have; that one shall not pay for it.
            return Verdict(False, str(broken)) if fresh else self._judge(program)

    def _folders(self) -> tuple[str, ...]:
        return isolation.MEMORY_FOLDERS if self.sandbox.isolated else (".",)

    def _open(self) -> tuple[_Line, _Line]:
        """Both sandboxes, started side by side, once they are ready.

        Raises:
            Failure: one of them does not start.
        """
        opened: list[_Line] = []
        try:
            opened += [self._start(tester)]
            opened += [self._start(candidate, *self._folders())]
            for line in opened:
                line.receive(time.monotonic() + START)
        except (_Broken, OSError) as error:
            said = [words for line in opened if (words := line.complaint())] or [str(error)]
            for line in opened:
                line.process.end()
            raise Failure(
                f"sandbox: cannot be started ({said[0]}); look at the free memory and the limit on processes, and run "
                "the same command again"
            ) from error
        judging, answering = opened
        return judging, answering

    def _start(self, module: ModuleType, *arguments: str) -> _Line:
        command = [isolation.interpreter()[0], *FLAGS, "-c", _source(module), *arguments]
        return _Line(self.sandbox.start(Job(command, limits=self.limits)))

    def _relay(self, judging: _Line, answering: _Line, program: str) -> Verdict:
        """Carry calls to the candidate and answers back, until the tester has come to its verdict."""
        deadline = time.monotonic() + GRACE * self.wall
        order = {"program": program, "entry_point": self.task.entry_point, "cpu_seconds": self.timeout}
        token = secrets.token_hex(8)
        order |= {"token": token, "wall_seconds": self.wall, "memory_bytes": int(MEMORY_MB * MB)}
        answering.queue(b"new " + json.dumps(order).encode())
        judging.queue(b"begin")
        judging.send(deadline)
        reason = ""
        while True:
            said = judging.receive(deadline)
            if said == b"passed" and not reason:
                return Verdict(True)
            if said == b"passed" or said.startswith(b"failed"):
                return Verdict(False, reason or said.removeprefix(b"failed ").decode("utf-8", "replace"))
            answering.queue(said)
            answering.send(deadline)
            answer = b""
            while not answer.startswith(token.encode()):  # an earlier program's words may still come in
                answer = answering.receive(deadline)
            answer = answer.partition(b" ")[2]
            if answer.startswith(b"gone "):
                reason = answer.removeprefix(b"gone ").decode("utf-8", "replace")
            judging.queue(answer)
            judging.send(deadline)


class _Broken(Exception):
    """A sandbox ended, or had to be ended, in the middle of a talk."""


class _Line:
    """Lines to and from a sandboxed process, which may not keep us waiting."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.unsent = self.unread = b""
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)

    def queue(self, line: bytes) -> None:
        """Have a line go out with the next that is sent."""
        self.unsent += line + b"\n"

    def send(self, deadline: float) -> None:
        """Send what is queued."""
        descriptor = self.process.stdin.fileno()
        while self.unsent:
            self._wait(descriptor, selectors.EVENT_WRITE, deadline)
            with contextlib.suppress(BlockingIOError):
                try:
                    self.unsent = self.unsent[os.write(descriptor, self.unsent) :]
                except BrokenPipeError:
                    raise _Broken("ended before its answer") from None

    def receive(self, deadline: float) -> bytes:
        """The next line."""
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self.unread:
            self._wait(descriptor, selectors.EVENT_READ, deadline)
            with contextlib.suppress(BlockingIOError):
                part = os.read(descriptor, 1 << 20)
                self.unread += part
                if not part:
                    raise _Broken("ended before its answer")
                if len(self.unread) > LONGEST:
                    raise _Broken("limit reached: output")
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def complaint(self) -> str:
        """The last line that the process wrote to its standard error, so far; empty where it wrote nothing."""
        os.set_blocking(self.process.stderr.fileno(), False)
        lines = (self.process.stderr.read() or b"").decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while not selector.select(LOOK):
                exceeded = self.process.look()
                if exceeded is None and time.monotonic() > deadline:
                    exceeded = "wall clock"
                if exceeded is not None:
                    raise _Broken(f"limit reached: {exceeded}")


def _source(module: ModuleType) -> str:
    """The source of a module that runs in a sandbox, with that of `values`, which it cannot import there."""
    own = inspect.getsource(module).splitlines(keepends=True)
    imported = f"from {values.__name__} import"
    return inspect.getsource(values) + "".join(line for line in own if not line.startswith(imported))
