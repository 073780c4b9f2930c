"""Whether an edited text is right: what a verifier says of one attempt, and the verifiers.

Notable here:
- `FunctionTests` and `ScriptTests` are for one function with a `check(candidate)`, the first in the judge's warm
  sandboxes, which no program can deceive; `CommandTests` is for a project with a command.
- An attempt tells more than yes or no. How far the tests came and which error ended them steer the search, and the
  lines that the failing test executed say where to begin (see `suspicion`).
"""

from __future__ import annotations

import ast
import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from charmer.errors.candidates.source import FUNCTIONS
from charmer.errors.suspicion import Spectrum
from charmer.sandbox.judge import Judge, Task
from charmer.sandbox.limits import Limits
from charmer.sandbox.run import Sandbox

MANY = 100_000  # programs that one judge may see
HITS = "\0hits"
RAISED = re.compile(
    r"^(?:E\s+)?((?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt|Warning|Iteration))(?::\s|$)(.*)$", re.M
)


@dataclass(frozen=True)
class Attempt:
    """What became of one text.

    Attributes:
        passed: whether it is right, as far as the tests tell.
        error: what ended it, one line, beginning with the exception's name where there was one.
        progress: how far it came, in an order of the verifier's own: passed tests, or statements of a test.
        limit: whether it was ended by a limit.
    """

    passed: bool
    error: str = ""
    progress: float = 0.0
    limit: bool = False


class Verifier(Protocol):
    """Judges texts. Each thread opens a session of its own."""

    def session(self) -> contextlib.AbstractContextManager[Callable[[str], Attempt]]:
        """A function from a text to what became of it."""
        ...


@dataclass
class FunctionTests:
    """The tests of one function, in the judge's two sandboxes.

    Args:
        task: as the judge takes it.
        timeout: processor time of one attempt, in seconds.
    """

    sandbox: Sandbox
    task: Task
    timeout: float = 1.0
    _told: Task = field(init=False)

    def __post_init__(self) -> None:
        self._told = Task(self.task.solution, self.task.entry_point, counted(self.task.test))

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], Attempt]]:
        with Judge(self.sandbox, self._told, self.timeout, MANY) as judge:

            def attempt(text: str) -> Attempt:
                verdict = judge.verdict(text)
                return attempt_of(verdict.passed, verdict.reason)

            yield attempt

    def spectrum(self, text: str) -> Spectrum | None:
        """Which lines the failing call of the function executes, and how many calls before it, which did not fail."""
        task = Task(self.task.solution, self.task.entry_point, counted(self.task.test, HITS))
        with Judge(self.sandbox, task, 4 * self.timeout, 1) as judge:
            reason = judge.verdict(counting(text, self.task.entry_point)).reason
        digits = re.search(r"\|hits:(\d+)", reason)
        if digits is None:
            return None
        return Spectrum({line: int(digit) / 9 for line, digit in enumerate(digits[1], start=1) if digit != "0"})


@dataclass
class ScriptTests:
    """The tests of one function or class whose values are no plain data: program and tests share a process.

    The program can forge its verdict here; it is for programs that differ by one edit from one that we know.
    """

    sandbox: Sandbox
    task: Task
    timeout: float = 1.0

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], Attempt]]:
        yield self._attempt

    def _attempt(self, text: str) -> Attempt:
        try:
            with warnings.catch_warnings(action="ignore"):
                compile(text, "<candidate>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return Attempt(False, f"{type(error).__name__}: {error}")
        files = {"program.py": text, "check.py": counted(self.task.test), "main.py": SCRIPT}
        limits = Limits(cpu_seconds=self.timeout, wall_seconds=2 * self.timeout + 2, memory_mb=256, processes=8)
        command = ["python3", "-S", "-s", "-B", "-W", "ignore", "main.py", self.task.entry_point]
        outcome = self.sandbox.run(command, files, limits=limits)
        if outcome.status not in ("ok", "error"):
            return Attempt(False, f"limit reached: {outcome.status}", limit=True)
        return attempt_of(outcome.returncode == 0 and "passed" in outcome.stdout, outcome.stdout.strip())

    def spectrum(self, text: str) -> Spectrum | None:
        """Nothing is known here."""
        return None


SCRIPT = """
import sys
names = {"__name__": "program"}
try:
    for name in ("program.py", "check.py"):
        exec(compile(open(name).read(), name, "exec"), names)
    names["check"](names[sys.argv[1]])
except BaseException as error:
    print(" ".join(f"{type(error).__name__}: {error}".split())[:300])
    sys.exit(1)
print("passed")
"""


def attempt_of(passed: bool, reason: str) -> Attempt:
    """What a judge's words, as the code of `counted` writes them, say."""
    reason = reason.removeprefix("AssertionError: ")
    steps, _, error = reason.partition("|")
    if not steps.isdigit():
        steps, error = "0", reason
    error = error.removeprefix("does not load: ")
    return Attempt(passed, error.partition("|hits:")[0], float(steps), "limit reached" in reason)


class _Steps(ast.NodeTransformer):
    """Puts a statement before every statement inside functions."""

    def __init__(self, make: Callable[[int], str]) -> None:
        self.make = make
        self.inside = 0

    def visit(self, node: ast.AST) -> ast.AST:
        function = isinstance(node, FUNCTIONS)
        self.inside += function
        self.generic_visit(node)
        for name in ("body", "orelse", "finalbody") if self.inside else ():
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, name, [one for statement in block for one in (*self._before(statement), statement)])
        self.inside -= function
        return node

    def _before(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Global | ast.Nonlocal):
            return []
        return [ast.copy_location(one, statement) for one in ast.parse(self.make(statement.lineno)).body]


def counted(test: str, ask: str = "") -> str:
    """A test that says, where it fails, how many of its statements ran: "AssertionError: 3|IndexError: ...".

    Args:
        ask: what to call the candidate with afterwards; its answer is put behind "|hits:".
    """
    tree = ast.fix_missing_locations(_Steps(lambda line: "_charmer_steps[0] += 1").visit(ast.parse(test)))
    more = f'_charmer_more = "|hits:" + candidate({ask!r})' if ask else '_charmer_more = ""'
    return f"""_charmer_steps = [0]
{ast.unparse(tree)}
_charmer_check = check
def check(candidate):
    try:
        _charmer_check(candidate)
    except Exception as error:
        said = f"{{_charmer_steps[0]}}|{{type(error).__name__}}: {{error}}"[:150]
        {more}
        raise AssertionError(said + _charmer_more) from None
"""


def counting(text: str, entry_point: str) -> str:
    """A program that knows which lines its function ran: called with `HITS`, it answers a digit a line, 0 where the
    last call did not pass, else by how few of the earlier calls did (Ochiai's coefficient in ninths)."""
    tree = ast.parse(text)
    last = max((getattr(node, "end_lineno", None) or 0 for node in ast.walk(tree)), default=0)
    future = _future(tree)
    counting_tree = ast.fix_missing_locations(_Steps(lambda line: f"_charmer_now.add({line})").visit(tree))
    return f"""{future}
_charmer_now, _charmer_before, _charmer_depth = set(), [], [0]
{ast.unparse(counting_tree)}
_charmer_entry = {entry_point}
def {entry_point}(*arguments, **named):
    if arguments == ({HITS!r},):
        count = lambda line: sum(line in ran for ran in _charmer_before)
        digit = lambda line: max(1, round(9 / (1 + count(line)) ** 0.5)) if line in _charmer_now else 0
        return "".join(str(digit(line)) for line in range(1, {last} + 1))
    if not _charmer_depth[0] and _charmer_now:
        _charmer_before.append(set(_charmer_now))
        _charmer_now.clear()
    _charmer_depth[0] += 1
    try:
        return _charmer_entry(*arguments, **named)
    finally:
        _charmer_depth[0] -= 1
"""


def _future(tree: ast.Module) -> str:
    """Takes `from __future__` lines out of a module, which have to be its first; gives them."""
    found = [one for one in tree.body if isinstance(one, ast.ImportFrom) and one.module == "__future__"]
    tree.body = [one for one in tree.body if one not in found]
    return "\n".join(ast.unparse(one) for one in found)
