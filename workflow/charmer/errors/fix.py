"""Mend one file, and prove it: read, find what could be wrong, try, show the patch; or say what it did not prove.

Notable here:
- Everything that a person can be told stands in `Fix`. `verified_by` is "tests" where their command failed before and
  passes now, "parser" where the file did not parse before and does now and there is no test, and None where nothing is
  proved: then there are suggestions.
- The time is for everything, the first run of the tests included. Where half of it is left for attempts, they decide.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
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
    """

    text: str | None
    patch: str
    attempts: int
    seconds: float
    verified_by: str | None
    proved: list[str] = field(default_factory=list)
    suggestions: list[Suggestion] = field(default_factory=list)

    @property
    def fixed(self) -> bool:
        """Whether something is proved."""
        return self.verified_by is not None

    def record(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        names = ("fixed", "patch", "attempts", "seconds", "verified_by", "proved")
        suggestions = [vars(one) for one in self.suggestions]
        return {name: getattr(self, name) for name in names} | {"suggestions": suggestions}


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
    """
    began = time.monotonic()
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
        edits, scores = mender.repairs(text)
    else:
        spectrum = command.spectrum()
        edits, scores = mender.proposals(text, spectrum, error)
    say(f"{len(edits):,} edits to try")
    search = Search(text, edits, scores, command.attempt(text))
    deadline = began + seconds
    confirmed: list[str] | None = None
    while confirmed is None:
        found = search.run(command, deadline, workers, told=lambda count: say(f"{count} tried"))
        if found.edit is None:
            break
        mended = apply(text, found.edit)
        confirmed = command.prove(mended) if _keeps(text, mended) else None
        if confirmed is None:
            search.found = None  # it passed by chance, or by leaving something out: the search goes on
    passed = time.monotonic() - began
    if confirmed is None or found.edit is None:
        suggestions = [_suggestion(document, edit) for edit in best(text, edits, scores, SUGGESTED)]
        return Fix(None, "", search.attempts, passed, None, [], suggestions)
    mended = apply(text, found.edit)
    return Fix(mended, _patch(document, mended), search.attempts, passed, "tests", _proved(command, confirmed))


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


def fix_syntax(mender: Mender, document: Document) -> Fix:
    """Mend a file that does not parse, where there are no tests: the likeliest edit with which it does.

    Raises:
        Failure: it parses already.
    """
    began = time.monotonic()
    edits, scores = mender.repairs(document.text)
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
        if len(parsing) == SUGGESTED:
            break
    seconds = time.monotonic() - began
    if not parsing:
        return Fix(None, "", tried, seconds, None)
    mended = apply(document.text, parsing[0])
    proved = ["It parses. That it does what was meant is not proved: there are no tests."]
    others = [_suggestion(document, edit) for edit in parsing[1:]]
    return Fix(mended, _patch(document, mended), tried, seconds, "parser", proved, others)


def suggest(mender: Mender, document: Document) -> Fix:
    """At most three edits for a file that parses, without tests: nothing of it is proved.

    Raises:
        Failure: the file is too long.
    """
    began = time.monotonic()
    if document.text.count("\n") > LONGEST:
        raise Failure(
            f"{document.name}: has more than {LONGEST:,} lines; give --test, so that it is known where to look"
        )
    suggestions = [_suggestion(document, edit) for edit in mender.slips(document.text, SUGGESTED)]
    return Fix(None, "", 0, time.monotonic() - began, None, [], suggestions)


def _keeps(before: str, after: str) -> bool:
    """Whether all functions and classes are there still, and no way around the tests has come in."""
    try:
        old, new = Source(before), Source(after)
    except BROKEN:  # what did not parse has nothing to compare with
        return True
    kept = definitions(old.tree) == definitions(new.tree)
    return kept and len(ESCAPES.findall(after)) <= len(ESCAPES.findall(before))


def _suggestion(document: Document, edit: Edit) -> Suggestion:
    text = document.text
    return Suggestion(text.count("\n", 0, edit.start) + 1, _patch(document, apply(text, edit)))


def _patch(document: Document, text: str) -> str:
    """The diff, under the file's name from here if it lies below."""
    own = document.content.decode(document.encoding)
    new = document.with_text(text).decode(document.encoding)
    name = os.path.relpath(document.path) if document.path.is_relative_to(Path.cwd().resolve()) else document.name
    return patch(own, new, name.lstrip("/"))


def run(
    mender: Mender,
    document: Document,
    command: str | None,
    seconds: float,
    workers: int = 1,
    sandbox: Sandbox | None = None,
    project: Path | None = None,
    told: Callable[[str], None] | None = None,
) -> Fix:
    """Mend `document`, by whatever way its state and a test command allow.

    Raises:
        Failure: as the three ways do.
    """
    if command is not None:
        with ProjectTests(sandbox or Sandbox(), document.path, command, project) as tests:
            return fix_with_tests(mender, document, tests, seconds, workers, told)
    check_target(document)
    try:
        Source(document.text)
    except BROKEN:
        return fix_syntax(mender, document)
    return suggest(mender, document)
