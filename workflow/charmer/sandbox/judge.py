"""Whether programs pass a problem's tests, judged so that no program can forge the answer.

Notable here:
- Tests and candidate run in two sandboxes. The tests' calls of the candidate pass through this process as plain data,
  and so do the answers. A candidate sees arguments, and can do nothing but answer: it cannot end the tests, patch
  them, read what they expect, or hand them an object that claims to equal everything.
- The verdict is what the tester says, whose sandbox never held a line of the candidate. A candidate that ends, hangs,
  floods or answers nonsense has failed, whatever else happens.
- Every candidate gets a sandbox of its own. The tester's is used again, since candidates cannot touch it.
- Candidates are to return plain data (see `values`). What they do to arguments is carried over, one level deep.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import selectors
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import ModuleType

from charmer.sandbox import candidate, isolation, tester, values
from charmer.sandbox.limits import MB, Limits
from charmer.sandbox.run import FLAGS, TICK, Process, Sandbox

SPARE = 1  # judges beyond one a core: some always wait for a sandbox to open or close


@dataclass(frozen=True)
class Tests:
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
    sandbox: Sandbox, work: Iterable[tuple[Tests, Sequence[str]]], timeout: float, workers: int
) -> Iterator[list[Verdict]]:
    """Judge the programs of each problem, several problems side by side.

    Args:
        work: the tests of each problem, and the programs to judge by them. Equal programs are judged once.
        timeout: processor time for one program, in seconds, the start of Python included; on the clock, twice as
            much and two seconds.
        workers: cores to use.

    Yields:
        The verdicts of each problem's programs, in the order of `work`.
    """
    with ThreadPoolExecutor(workers + SPARE) as pool:
        jobs = [pool.submit(_judge_problem, sandbox, tests, programs, timeout) for tests, programs in work]
        try:
            for job in jobs:
                yield job.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _judge_problem(sandbox: Sandbox, tests: Tests, programs: Sequence[str], timeout: float) -> list[Verdict]:
    verdicts: dict[str, Verdict] = {}
    with _Tester(sandbox, tests, timeout, len(programs)) as judging:
        for program in dict.fromkeys(programs):
            verdicts[program] = _unfit(program) or judging.judge(program)
    return [verdicts[program] for program in programs]


def _unfit(program: str) -> Verdict | None:
    """The verdict on what is not worth a sandbox: text that does not compile."""
    try:
        compile(program, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Verdict(False, f"does not compile: {type(error).__name__}")
    return None


class _Tester:
    """The sandbox of one problem's tests, opened when first needed and again after it had to be ended."""

    def __init__(self, sandbox: Sandbox, tests: Tests, timeout: float, programs: int) -> None:
        self.sandbox, self.tests = sandbox, tests
        self.of_candidate = Limits(
            cpu_seconds=timeout, wall_seconds=2 * timeout + 2, memory_mb=256, processes=1, disk_mb=8, output_mb=8
        )
        # Of tests that go on for ever, the candidate's limit on the clock makes an end.
        everything = programs * self.of_candidate.wall_seconds
        self.of_tests = replace(self.of_candidate, cpu_seconds=everything, wall_seconds=everything, output_mb=1000)
        self.line: _Line | None = None

    def __enter__(self) -> _Tester:
        return self

    def __exit__(self, *error: object) -> None:
        if self.line is not None:
            self.line.process.end()
            self.line = None

    def judge(self, program: str) -> Verdict:
        """Run the tests against one program."""
        if self.line is None:
            self.line = self._open(tester, vars(self.tests), self.of_tests)
        order = {"program": program, "entry_point": self.tests.entry_point}
        answering = self._open(candidate, order, self.of_candidate)
        try:
            with answering.process:
                return self._relay(self.line, answering)
        except _Broken as broken:
            self.__exit__()  # it still waits for an answer
            return Verdict(False, str(broken))

    def _open(self, module: ModuleType, order: dict[str, str], limits: Limits) -> _Line:
        command = [isolation.interpreter()[0], *FLAGS, "-c", _source(module)]
        return _Line(self.sandbox.start(command, limits=limits), values.encode(order).encode())

    def _relay(self, judging: _Line, answering: _Line) -> Verdict:
        """Carry calls to the candidate and answers back, until the tester has come to its verdict."""
        judging.send(b"begin")
        while True:
            said = judging.receive(beside=answering)
            if said.startswith(b"call "):
                answering.send(said.removeprefix(b"call "))
                judging.send(answering.receive())
            elif said == b"passed":
                return Verdict(True)
            else:
                return Verdict(False, said.removeprefix(b"failed ").decode("utf-8", "replace"))


class _Broken(Exception):
    """A sandbox ended, or had to be ended, in the middle of a talk."""


class _Line:
    """Lines to and from a sandboxed process, neither of which may keep us waiting beyond its limits."""

    def __init__(self, process: Process, order: bytes) -> None:
        self.process = process
        self.room = int(process.limits.output_mb * MB)
        self.unread = b""
        for pipe in (process.stdin, process.stdout):
            os.set_blocking(pipe.fileno(), False)
        self.unsent = order + b"\n"  # sent with the first line, so that opening never fails

    def send(self, line: bytes) -> None:
        self.unsent += line + b"\n"
        while self.unsent:
            self._wait(self.process.stdin.fileno(), selectors.EVENT_WRITE, self)
            with contextlib.suppress(BlockingIOError):
                try:
                    self.unsent = self.unsent[os.write(self.process.stdin.fileno(), self.unsent) :]
                except BrokenPipeError:
                    raise _Broken("ended before its answer") from None

    def receive(self, beside: _Line | None = None) -> bytes:
        """The next line; meanwhile the limits of `beside` count too."""
        while b"\n" not in self.unread:
            self._wait(self.process.stdout.fileno(), selectors.EVENT_READ, beside or self)
            with contextlib.suppress(BlockingIOError):
                part = os.read(self.process.stdout.fileno(), 1 << 16)
                self.room -= len(part)
                self.unread += part
                if not part:
                    raise _Broken("ended before its answer")
                if self.room < 0:
                    raise _Broken("limit reached: output")
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def _wait(self, descriptor: int, event: int, beside: _Line) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, event)
            while not selector.select(TICK):
                exceeded = self.process.look() or beside.process.look()
                if exceeded is not None:
                    raise _Broken(f"limit reached: {exceeded}")


def _source(module: ModuleType) -> str:
    """The source of a module that runs in a sandbox, with that of `values`, which it cannot import there."""
    own = inspect.getsource(module).splitlines(keepends=True)
    imported = f"from {values.__name__} import"
    return inspect.getsource(values) + "".join(line for line in own if not line.startswith(imported))
