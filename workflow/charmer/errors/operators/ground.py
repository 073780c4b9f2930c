"""A sound text as the breaking operators read it: the places inside functions, and every token with its layout.

Notable here: sites are those of function bodies only. What a module does at its top (tables, defaults) has no
neighbours from which anybody could tell that it is wrong. Annotations, decorators and f-strings are left out: the first
two change nothing that is run there, and the last have no true places before Python 3.12.
"""

from __future__ import annotations

import ast
import bisect
import io
import tokenize
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from charmer.errors.candidates.source import FUNCTIONS, LAYOUT, Source, Token

SKIPPED = {"annotation", "returns", "decorator_list", "type_params"}
PARTS = ast.stmt | ast.expr | ast.comprehension | ast.keyword | ast.withitem | ast.ExceptHandler | ast.match_case

Function = ast.FunctionDef | ast.AsyncFunctionDef
Change = tuple[int, int, str]  # start, end, replacement
Family = Literal["syntax", "semantic"]


class Site(NamedTuple):
    """A node inside a function."""

    node: ast.AST
    parent: ast.AST
    function: Function

    @property
    def bound(self) -> bool:
        """Whether the node is written to or deleted, not read."""
        return not isinstance(getattr(self.node, "ctx", ast.Load()), ast.Load)


class Ground(Source):
    """A text that parses, lines ended by "\\n"; everything about it is worked out when it is first asked for."""

    @cached_property
    def sites(self) -> list[Site]:
        """Every node of every function's body, in the order of the text."""
        found: list[Site] = []
        waiting: list[tuple[ast.AST, ast.AST, Function | None]] = [(self.tree, self.tree, None)]
        while waiting:
            node, parent, function = waiting.pop()
            if function is not None:
                found.append(Site(node, parent, function))
            if isinstance(node, ast.JoinedStr):
                continue
            inner = node if isinstance(node, FUNCTIONS) else function
            for name, value in reversed(list(ast.iter_fields(node))):
                if name not in SKIPPED:
                    entries = value if isinstance(value, list) else [value]
                    waiting += [(child, node, inner) for child in reversed(entries) if isinstance(child, PARTS)]
        return found

    def every(self, *types: type[ast.AST]) -> Iterator[Site]:
        """The sites whose node is of one of these types, in the order of the text."""
        return (site for site in self.sites if isinstance(site.node, types))

    def exchanged(self, one: ast.AST, other: ast.AST) -> Change:
        """Two nodes, the first before the other, in each other's place, parentheses around them included."""
        (start, stop), (on, end) = self.outer(one), self.outer(other)
        return start, end, self.text[on:end] + self.text[stop:on] + self.text[start:stop]

    @cached_property
    def layout(self) -> list[Token]:
        """Every token with those of layout and comments, by characters."""
        found = []
        for token in tokenize.generate_tokens(io.StringIO(self.text, newline="\n").readline):
            start, end = (self.line_start(line) + column for line, column in (token.start, token.end))
            found.append(Token(start, end, token.string, token.type))
        return found

    @cached_property
    def logical(self) -> list[tuple[int, int]]:
        """The first and the last physical line of each logical line, numbers from 1."""
        found, first = [], 0
        for token in self.layout:
            if token.type == tokenize.NEWLINE:
                found.append((first, self.line_of(token.start)))
                first = 0
            elif not first and token.type not in LAYOUT:
                first = self.line_of(token.start)
        return found

    def line_of(self, place: int) -> int:
        """The number, from 1, of the physical line in which a character stands."""
        return bisect.bisect_right(self._starts, place)

    def blanks(self, line: int) -> str:
        """What a physical line (from 1) is indented by."""
        text = self.lines[line - 1]
        return text[: len(text) - len(text.lstrip(" \t"))]


@dataclass(frozen=True)
class Operator:
    """One way in which a text is broken.

    Attributes:
        name: as it stands in the column `kind`.
        family: what breaks: the syntax, or only what the code does.
        about: what a person did, in a few words.
        changes: every change of a sound text by this operator. Those of syntax may happen to parse, those of meaning
            not to: `charmer.errors.operators.breaks` decides.
        weight: how often it is drawn beside the others of its family.
        withheld: kept out of training and of the search for fixes, to measure what a model does about the unexpected.
    """

    name: str
    family: Family
    about: str
    changes: Callable[[Ground], Iterator[Change]]
    weight: float = 1.0
    withheld: bool = False


def complaint(text: str) -> SyntaxError | None:
    """What the running interpreter's parser says of a text; None where it parses.

    Raises:
        ValueError, RecursionError, MemoryError: the text is beyond the parser.
    """
    with warnings.catch_warnings(action="ignore"):
        try:
            ast.parse(text)
        except SyntaxError as error:
            return error
    return None
