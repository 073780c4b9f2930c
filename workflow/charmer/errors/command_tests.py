"""A person's test command as a verifier: what it says before any edit, and what an edit has to change in that.

Notable here: the command's exit status is not enough to call a text mended. Where pytest reports its tests, those that
passed before must pass still, at least one that failed must pass now, and no fewer may run; unittest's count of tests
must not shrink either. A text that passes is tried once more, and so is the one before it, which must fail again:
tests that pass and fail by turns prove nothing. Nor does a command that could not start its tests: what it says is
handed on, as no edit of the file can mend it.
"""

from __future__ import annotations

import contextlib
import re
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
LAST, STATED = 4, 120  # lines of an output that are shown, and characters of each
UNSTARTED = re.compile(  # what is said where no test began: by pytest, unittest, Python, and make of its shell
    r"^ERROR: (?:usage: |file or directory not found: |not found: |Error importing plugin |Missing required plugins: )"
    r"|^(?:=+ )?no tests ran\b|^NO TESTS RAN\b"
    r"|^\S*python\S*: (?:No module named |can't open file )"
    r"|^make\b.* Error 12[67]$",
    re.MULTILINE,
)
USAGE, EMPTY = 4, 5  # pytest's exit codes for wrong usage and for no tests


class CommandTests:
    """A `Verifier` over a project's test command.

    Args:
        tests: the project, and the command.
        document: the file to be mended.
        seconds: for everything.

    Attributes:
        before: how the command ended before any edit.

    Raises:
        Failure: the command passes already, does not end, floods its output, or cannot be started, or not its tests.
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
        lines = [line.strip()[:STATED] for line in run.output.split("\n") if line.strip()]
        said = " | ".join(lines[-LAST:]) or "no reason given"
        if run.returncode in (126, 127):
            raise Failure(f"--test: `{command}` cannot be run in the sandbox ({said})")
        if self._unstarted(run):
            raise Failure(f"--test: `{command}` could not start its tests; mend the command first ({said})")

    def _unstarted(self, run: Run) -> bool:
        """Whether the command did not come to its tests, for a reason that lies elsewhere than in the file."""
        if run.tests or run.count:
            return False
        if run.returncode in (USAGE, EMPTY) and (run.tests is not None or re.search("^ERROR: ", run.output, re.M)):
            return True
        absent = error_in(run.output).startswith("ModuleNotFoundError")  # any other error there may well be the file's
        conftest = absent and "ImportError while loading conftest" in run.output
        return (conftest or UNSTARTED.search(run.output) is not None) and not self._shown(run)

    def _shown(self, run: Run) -> list[int]:
        """The lines of the file that tracebacks of a run show."""
        return named_lines(run.output, self.document.path.name)

    @property
    def error(self) -> str:
        """The error that ended the tests before any edit, one line; "" where none is to be seen."""
        return error_in(self.before.output)

    def spectrum(self) -> Spectrum:
        """The suspicious lines, from one more run, in which the lines are traced; those that the error shows where that
        tells nothing, or takes more than half of the time that is left."""
        shown = [{line} for line in self._shown(self.before)]
        left = (self.deadline - time.monotonic()) / 2
        if self.before.seconds > left:
            return ochiai(shown, []) if shown else Spectrum()
        run = self.tests.run(self.document.content, min(4 * self.seconds, left), trace=True)
        failed = self.before.named("failed")
        by_test = {name_of(test) if "::" in test else test: ran for test, ran in run.lines.items()}
        failing = [ran for test, ran in by_test.items() if test in failed]
        passing = [ran for test, ran in by_test.items() if test in self.before.named("passed")]
        if not failing:  # an error before the first test, or a command that names none
            failing = [set().union(*by_test.values())] if by_test else []
            passing = []
        return ochiai(failing + shown, passing) if failing or shown else Spectrum()

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
            TimeoutError: the time for everything was over before both had ended.
        """
        again = self._in_time(self.document.with_text(text))
        if not again.passed or not self._holds(again):
            return None
        if self._in_time(self.document.content).passed:
            raise Failure(
                f"--test: `{self.tests.command}` fails and passes by turns without any edit; make it repeatable first"
            )
        return self.mended(again) or [self.tests.command]

    def _in_time(self, content: bytes) -> Run:
        """A run that ended by itself, or because it took longer than any did before.

        Raises:
            TimeoutError: the time for everything was over first.
        """
        left = self.deadline - time.monotonic()
        run = self.tests.run(content, min(self.seconds, left)) if left > 0 else None
        if run is None or (left < self.seconds and run.status in ("wall clock", "processor time")):
            raise TimeoutError
        return run


def error_in(output: str) -> str:
    """The last line of an output that names an exception, without pytest's mark before it."""
    found = RAISED.findall(output)
    return " ".join(f"{found[-1][0]}: {found[-1][1]}".split()).rstrip(":") if found else ""
