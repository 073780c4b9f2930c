"""A person's test command as a verifier: what it says before any edit, and what an edit has to change in that.

Notable here: the command's exit status is not enough to call a text mended. Where pytest reports its tests, those that
passed before must pass still, at least one that failed must pass now, and no fewer may run; unittest's count of tests
must not shrink either. A text that passes is tried once more, and so is the one before it, which must fail again:
tests that pass and fail by turns prove nothing.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator

from charmer.common.failure import Failure
from charmer.errors.attempts import RAISED, Attempt
from charmer.errors.document import Document
from charmer.errors.suspicion import Spectrum, named_lines, ochiai
from charmer.sandbox.project import ProjectTests, Run, name_of

SLACK = 3  # times the seconds of the first run that an attempt may take
SLACK_SECONDS = 2.0
FIRST_SHARE = 0.4  # of the time for everything that the first run may take
STATED = 120  # characters of an error that are shown


class CommandTests:
    """A `Verifier` over a project's test command.

    Args:
        tests: the project, and the command.
        document: the file to be mended.
        seconds: for everything.

    Attributes:
        before: how the command ended before any edit.

    Raises:
        Failure: the command passes already, does not end, floods its output, or cannot be started.
    """

    def __init__(self, tests: ProjectTests, document: Document, seconds: float) -> None:
        self.tests, self.document = tests, document
        self.deadline = time.monotonic() + seconds
        self.before = tests.run(document.content, seconds * FIRST_SHARE)
        self._check(self.before, seconds * FIRST_SHARE)
        self.seconds = min(SLACK * self.before.seconds + SLACK_SECONDS, seconds)

    def _check(self, run: Run, seconds: float) -> None:
        command = self.tests.command
        if run.passed:
            raise Failure(f"--test: `{command}` passes already; there is nothing to fix in {self.document.name}")
        if run.status in ("wall clock", "processor time"):
            raise Failure(
                f"--test: `{command}` did not end within {seconds:.0f} s and was ended; give it a time limit of its "
                "own, or name fewer tests, or raise --timeout"
            )
        if run.status != "error":
            raise Failure(
                f"--test: `{command}` was ended at its limit of {run.status}; name fewer tests, or quiet ones"
            )
        if run.returncode in (126, 127) or (run.tests is not None and not run.tests and run.returncode in (4, 5)):
            said = run.output.strip().splitlines() or ["no reason given"]
            raise Failure(f"--test: `{command}` cannot be run in the sandbox ({said[-1][:STATED]})")

    @property
    def error(self) -> str:
        """The error that ended the tests before any edit, one line; "" where none is to be seen."""
        return error_in(self.before.output)

    def spectrum(self) -> Spectrum:
        """The suspicious lines, from one more run, in which the lines are traced; empty where that tells nothing, or
        takes more than half of the time that is left."""
        left = (self.deadline - time.monotonic()) / 2
        if self.before.seconds > left:
            return Spectrum()
        run = self.tests.run(self.document.content, min(4 * self.seconds, left), trace=True)
        failed = self.before.named("failed")
        by_test = {name_of(test) if "::" in test else test: ran for test, ran in run.lines.items()}
        failing = [ran for test, ran in by_test.items() if test in failed]
        passing = [ran for test, ran in by_test.items() if test in self.before.named("passed")]
        if not failing:  # an error before the first test, or a command that names none
            failing = [set().union(*by_test.values())] if by_test else []
            passing = []
        shown = named_lines(self.before.output, self.document.path.name)
        return ochiai(failing + [{line} for line in shown], passing) if failing else Spectrum()

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], Attempt]]:
        yield self.attempt

    def attempt(self, text: str) -> Attempt:
        """Compile a text, and run the command on it."""
        try:
            content = self.document.with_text(text)
            with warnings.catch_warnings(action="ignore"):
                compile(content, self.document.name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # UnicodeError is a ValueError
            return Attempt(False, f"{type(error).__name__}: {error}", -1.0)
        left = max(self.deadline - time.monotonic(), 1.0)
        run = self.tests.run(content, min(self.seconds, left), hasty=True)
        passed = run.passed and self._holds(run)
        progress = float(len(run.named("passed"))) if run.tests is not None else 0.0
        limit = run.status != "ok" and run.status != "error"
        return Attempt(passed, f"limit reached: {run.status}" if limit else error_in(run.output), progress, limit)

    def _holds(self, run: Run) -> bool:
        """Whether a run that passed has tested no less than the one before it."""
        if self.before.tests is not None:
            still = run.named("passed")
            return (
                self.before.named("passed") <= still
                and bool(self.mended(run))
                and (run.count or 0) >= (self.before.count or 0)
            )
        return self.before.count is None or (run.count or 0) >= self.before.count

    def mended(self, run: Run) -> list[str]:
        """The tests that failed before and pass now. Those that an error kept from being collected are new."""
        old = self.before.tests or {}
        return sorted(name for name in run.named("passed") if old.get(name) != "passed")

    def prove(self, text: str) -> list[str] | None:
        """Try a text that passed, and the one before it, once more: the tests that failed and pass now, or what stands
        for them; None where the second run says otherwise.

        Raises:
            Failure: the tests pass without any edit this time.
        """
        again = self.tests.run(self.document.with_text(text), self.seconds)
        if not again.passed or not self._holds(again):
            return None
        if self.tests.run(self.document.content, self.seconds).passed:
            raise Failure(
                f"--test: `{self.tests.command}` fails and passes by turns without any edit; make it repeatable first"
            )
        return self.mended(again) or [self.tests.command]


def error_in(output: str) -> str:
    """The last line of an output that names an exception, without pytest's mark before it."""
    found = RAISED.findall(output)
    return " ".join(f"{found[-1][0]}: {found[-1][1]}".split()).rstrip(":") if found else ""
