"""What no edit may touch: a fix never changes what tests the code, and never passes by taking away what is tested.

Notable here: this is a matter of places, not of trust. Whatever an edit does elsewhere, the tests judge it.
"""

from __future__ import annotations

import ast
import bisect
import re
from pathlib import Path

from charmer.errors.candidates.source import FUNCTIONS, Source
from charmer.errors.edits import Edit

# Ways to end a process or to leave out a test, which no honest fix needs to bring in.
ESCAPES = re.compile(r"\b(?:exit|_exit|quit|abort|kill|SystemExit|skip|skipif|xfail|importorskip|SkipTest)\b")
TEST_FILES = re.compile(r"(?:^test_.*|.*_test|^tests?|^conftest)\.py$")
DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def is_test(path: Path, root: Path) -> bool:
    """Whether a file of the project at `root` is one in which pytest and unittest look for tests, or lies with them."""
    below = path.relative_to(root).parts if path.is_relative_to(root) else path.parts
    return TEST_FILES.match(path.name) is not None or bool({"test", "tests"} & set(below[:-1]))


class Protected:
    """The places of a text that stay as they are: docstrings, assertions, tests, and what runs them."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.definitions = definitions(source.tree)
        spans = [source.span(node) for node in source.nodes if _is_kept(node, source)]
        self._spans: list[tuple[int, int]] = []
        for start, end in sorted(spans):  # those inside others are left away
            if not self._spans or start >= self._spans[-1][1]:
                self._spans.append((start, end))

    def allows(self, edit: Edit) -> bool:
        """Whether an edit leaves all of them alone, and brings in no way around the tests."""
        at = bisect.bisect_left(self._spans, (edit.start, edit.start))
        for start, end in self._spans[max(at - 1, 0) : at + 1]:
            if edit.start < end and edit.end > start and (edit.end > edit.start or start < edit.start):
                return self._spans_kept(edit)
        found = ESCAPES.findall(edit.replacement)
        return not found or set(found) <= set(ESCAPES.findall(self.text[edit.start : edit.end]))

    def _spans_kept(self, edit: Edit) -> bool:
        """Whether an edit that reaches over protected places moves them as they are."""
        old = self.text[edit.start : edit.end]
        return all(
            edit.start <= start and end <= edit.end and edit.replacement.count(part) >= old.count(part)
            for start, end in self._spans
            if edit.start < end and edit.end > start
            for part in [self.text[start:end]]
        )


def definitions(tree: ast.AST) -> list[str]:
    """The names of all functions and classes, sorted, as often as they are defined."""
    return sorted(node.name for node in ast.walk(tree) if isinstance(node, DEFINES))


def _is_kept(node: ast.AST, source: Source) -> bool:
    match node:
        case ast.Assert():
            return True
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test"):
            return source.function(node) is None
        case ast.ClassDef(name=name, bases=bases):
            return name.startswith("Test") or any(source.of(base).endswith("TestCase") for base in bases)
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.Expr(value=ast.Constant(value=str())):
            parent = source.parents[node]
            return isinstance(parent, FUNCTIONS | ast.ClassDef | ast.Module) and parent.body[0] is node
    return False
