"""Mend one file, and prove it: read, find what could be wrong, try, show the patch; or say what it did not prove.

Notable here:
- Everything that a person can be told stands in `Fix`. `verified_by` is "tests" where their command failed before and
  passes now, "parser" where the file did not parse before and does now and there is no test, and None where nothing is
  proved: then there are suggestions.
- The time is for everything, the first run of the tests included. The ranking may take half of what they
  leave; attempts and the proof get the rest. An edit that passed, with no time left to prove it, is a suggestion.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.errors.attempts import Attempt
from charmer.errors.candidates.source import Source
from charmer.errors.command_tests import CommandTests
from charmer.errors.document import Document
from charmer.errors.edits import Edit, apply, patch
from charmer.errors.proposals import Mender, best
from charmer.errors.protected import ESCAPES, definitions, is_test
from charmer.errors.search import Search
from charmer.sandbox.project import ProjectTests, root_of
from charmer.sandbox.run import Sandbox

SUGGESTED = 3
LONGEST = 20_000  # lines of a file that is read whole, without tests that say where to look
UNTRIED = "the time was over before an edit could be tried; raise --timeout, or name fewer tests"
UNPROVED = "an edit made the tests pass, but --timeout left no time to prove that; raise it"
BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True)
class Suggestion:
    """An edit that nothing has proved, as a person reads it."""

    line: int
    patch: str


@dataclass(frozen=True)
class Fix:
    """What came of it.

    Attributes:
        text: the mended file's text, lines ended by "\\n"; None where nothing is proved.
        patch: a unified diff; "" where nothing is proved.
        attempts: texts that were tried by the tests or the parser.
        seconds: for everything.
        verified_by: "tests", "parser", or None.
        proved: what was proved, in sentences.
        suggestions: at most three, the best first.
        error: why nothing could be tried or proved, in a sentence; "" where that is not the reason.
    """

    text: str | None
    patch: str
    attempts: int
    seconds: float
    verified_by: str | None
    proved: list[str] = field(default_factory=list)
    suggestions: list[Suggestion] = field(default_factory=list)
    error: str = ""

    @property
    def fixed(self) -> bool:
        """Whether something is proved."""
        return self.verified_by is not None

    def record(self) -> dict[str, Any]:
        """The fields by name, for JSON; `error` only where there is one."""
        names = ("fixed", "patch", "attempts", "seconds", "verified_by", "proved")
        suggestions = [vars(one) for one in self.suggestions]
        error = {"error": self.error} if self.error else {}
        return {name: getattr(self, name) for name in names} | {"suggestions": suggestions} | error


def check_target(document: Document) -> None:
    """
    Raises:
        Failure: the file is a test, which no fix may change.
    """
    if is_test(document.path, root_of(document.path)):
        raise Failure(f"{document.name}: is a test, which is never edited; name the file that it tests")


def fix_with_tests(
    mender: Mender,
    document: Document,
    tests: ProjectTests,
    seconds: float,
    workers: int = 1,
    told: Callable[[str], None] | None = None,
) -> Fix:
    """Search for an edit with which the project's tests pass.

    Args:
        seconds: for everything.
        workers: attempts at once.
        told: called with a line now and then, of what is done.

    Raises:
        Failure: the command cannot tell right from wrong here (see `CommandTests`), or the file is a test.
        TimeoutError: the file does not parse, and its repairs were not ranked in time.
    """
    began = time.monotonic()
    deadline = began + seconds
    say = told or (lambda line: None)
    check_target(document)
    say(f"running {tests.command}")
    command = CommandTests(tests, document, seconds)
    text = document.text
    error = command.error
    say(f"it failed in {command.before.seconds:.1f} s{': ' + error if error else ''}")
    try:
        Source(text)
    except BROKEN:
        edits, scores = mender.repairs(text, deadline)
    else:
        spectrum = command.spectrum()
        if not spectrum.lines:
            _check_length(document, "name a test that shows which lines of it run")
        half = (time.monotonic() + deadline) / 2
        edits, scores = mender.proposals(text, spectrum, error, deadline=half)
    say(f"{len(edits):,} edits to try")
    before = command.attempt(text) if time.monotonic() < deadline else Attempt(False)
    search = Search(text, edits, scores, before)
    confirmed: list[str] | None = None
    while confirmed is None:
        found = search.run(command, deadline, workers, told=lambda count: say(f"{count} tried"))
        if found.edit is None:
            break
        mended = apply(text, found.edit)
        try:
            confirmed = command.prove(mended) if _keeps(text, mended) else None
        except TimeoutError:
            suggestion = _suggestion(document, found.edit, tests.root)
            return Fix(None, "", search.attempts, time.monotonic() - began, None, [], [suggestion], UNPROVED)
        if confirmed is None:
            search.found = None  # it passed by chance, or by leaving something out: the search goes on
    passed = time.monotonic() - began
    if confirmed is None or found.edit is None:
        suggestions = [_suggestion(document, edit, tests.root) for edit in best(text, edits, scores, SUGGESTED)]
        late = not search.attempts and time.monotonic() > deadline
        return Fix(None, "", search.attempts, passed, None, [], suggestions, UNTRIED if late else "")
    mended = apply(text, found.edit)
    shown = _patch(document, mended, tests.root)
    return Fix(mended, shown, search.attempts, passed, "tests", _proved(command, confirmed))


def _proved(command: CommandTests, confirmed: list[str]) -> list[str]:
    """The proof in sentences, with its limit."""
    total = command.before.count
    said = ["It parses."]
    if command.before.tests is not None:
        names = ", ".join(confirmed[:5]) + (f" and {len(confirmed) - 5} more" if len(confirmed) > 5 else "")
        said.append(f"Failed before and pass now, twice: {names}.")
        said.append(f"The {len(command.before.named('passed'))} tests that passed before pass still, of {total}.")
    else:
        counted = f", and as many tests ran ({total})" if total is not None else ""
        said.append(f"`{command.tests.command}` failed before, twice, and ends with exit status 0 now, twice{counted}.")
        said.append("An exit status is the word of the code itself: pytest's report would say more.")
    return said


def fix_syntax(mender: Mender, document: Document, root: Path, seconds: float = math.inf) -> Fix:
    """Mend a file that does not parse, where there are no tests: the likeliest edit with which it does.

    Args:
        root: the project's folder.

    Raises:
        TimeoutError: its repairs were not ranked in time.
    """
    began = time.monotonic()
    edits, scores = mender.repairs(document.text, began + seconds)
    order = [edits[place] for place in (-scores).argsort(kind="stable").tolist()]
    tried, parsing = 0, list[Edit]()
    for edit in order:
        tried += 1
        try:
            with warnings.catch_warnings(action="ignore"):
                compile(document.edited(edit), document.name, "exec", dont_inherit=True)
        except BROKEN:
            continue
        parsing.append(edit)
        if len(parsing) == SUGGESTED or time.monotonic() > began + seconds:
            break
    passed = time.monotonic() - began
    if not parsing:
        return Fix(None, "", tried, passed, None)
    mended = apply(document.text, parsing[0])
    shown = _patch(document, mended, root)
    proved = ["It parses. That it does what was meant is not proved: there are no tests."]
    others = [_suggestion(document, edit, root) for edit in parsing[1:]]
    return Fix(mended, shown, tried, passed, "parser", proved, others)


def suggest(mender: Mender, document: Document, root: Path, seconds: float = math.inf) -> Fix:
    """At most three edits for a file that parses, without tests: nothing of it is proved.

    Args:
        root: the project's folder.

    Raises:
        Failure: the file is too long.
        TimeoutError: it was not read in time.
    """
    began = time.monotonic()
    _check_length(document, "give --test, so that it is known where to look")
    edits = mender.slips(document.text, SUGGESTED, began + seconds)
    suggestions = [_suggestion(document, edit, root) for edit in edits]
    return Fix(None, "", 0, time.monotonic() - began, None, [], suggestions)


def _check_length(document: Document, cure: str) -> None:
    if document.text.count("\n") > LONGEST:
        raise Failure(f"{document.name}: has more than {LONGEST:,} lines; {cure}")


def _keeps(before: str, after: str) -> bool:
    """Whether all functions and classes are there still, and no way around the tests has come in."""
    try:
        old, new = Source(before), Source(after)
    except BROKEN:  # what did not parse has nothing to compare with
        return True
    kept = definitions(old.tree) == definitions(new.tree)
    return kept and len(ESCAPES.findall(after)) <= len(ESCAPES.findall(before))


def _suggestion(document: Document, edit: Edit, root: Path) -> Suggestion:
    text = document.text
    return Suggestion(text.count("\n", 0, edit.start) + 1, _patch(document, apply(text, edit), root))


def _patch(document: Document, text: str, root: Path) -> str:
    """The diff. It names the file from the present folder if it lies below, else from the project's: tools that apply
    patches take no way up, and none from the root of all files."""
    encoding = document.encoding.replace("utf-8-sig", "utf-8")  # the mark at the beginning is a part of its line
    own, new = document.content.decode(encoding), document.with_text(text).decode(encoding)
    here = Path.cwd().resolve()
    above = next(folder for folder in (here, root, document.path.parent) if document.path.is_relative_to(folder))
    return patch(own, new, document.path.relative_to(above).as_posix())


def run(
    mender: Mender,
    document: Document,
    command: str | None,
    seconds: float,
    workers: int = 1,
    sandbox: Sandbox | None = None,
    project: Path | None = None,
    told: Callable[[str], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Fix:
    """Mend `document`, by whatever way its state and a test command allow.

    Args:
        seconds, workers, told: as in `fix_with_tests`.
        project: its folder; None: `root_of` the file.
        environment: further variables for the command.

    Raises:
        Failure: as the three ways do, or the time was over before the file was read.
    """
    try:
        if command is not None:
            with ProjectTests(sandbox or Sandbox(), document.path, command, project, environment) as tests:
                return fix_with_tests(mender, document, tests, seconds, workers, told)
        check_target(document)
        root = (project or root_of(document.path)).resolve()
        try:
            Source(document.text)
        except BROKEN:
            return fix_syntax(mender, document, root, seconds)
        return suggest(mender, document, root, seconds)
    except TimeoutError:
        raise Failure(f"{document.name}: could not be read within {seconds:g} s; raise --timeout") from None
