"""A parsed module whose nodes and tokens know their place in characters, and which names are in reach where."""

from __future__ import annotations

import ast
import bisect
import io
import keyword
import tokenize
import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.Module
LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


class Token(NamedTuple):
    """A token's place in characters."""

    start: int
    end: int
    string: str
    type: int


class Source:
    """A text that parses.

    Args:
        text: lines end in "\\n".

    Raises:
        SyntaxError, ValueError, RecursionError: it does not parse.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        with warnings.catch_warnings(action="ignore"):
            self.tree = ast.parse(text)
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._ascii = text.isascii()
        self._spans: dict[ast.AST, tuple[int, int]] = {}
        self._functions: dict[ast.AST, ast.FunctionDef | ast.AsyncFunctionDef | None] = {}

    def place(self, line: int, column: int) -> int:
        """The character at a line (from 1) and a column in UTF-8 bytes, as syntax trees count them."""
        if not self._ascii:
            column = len(self.lines[line - 1].encode()[:column].decode("utf-8", "replace"))
        return self._starts[line - 1] + column

    def line_start(self, line: int) -> int:
        """The first character of a line (from 1)."""
        return self._starts[line - 1]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node stands; of an expression in parentheses, what is inside them."""
        if node not in self._spans:
            where: ast.expr = node  # type: ignore[assignment]  # only nodes with a place are asked for theirs
            self._spans[node] = (
                self.place(where.lineno, where.col_offset),
                self.place(where.end_lineno or where.lineno, where.end_col_offset or where.col_offset),
            )
        return self._spans[node]

    def of(self, node: ast.AST) -> str:
        """A node's text."""
        start, end = self.span(node)
        return self.text[start:end]

    def outer(self, node: ast.AST) -> tuple[int, int]:
        """Where a node stands with the parentheses that hold it alone."""
        start, end = self.span(node)
        low, high = bisect.bisect_left(self._token_starts, start), bisect.bisect_left(self._token_starts, end)
        if low >= high:  # inside of an f-string, whose parts have no tokens of their own before Python 3.12
            return start, end
        while low > 0 and high < len(self.tokens) and self.tokens[low - 1].string == "(":
            before = self.tokens[low - 2] if low > 1 else None
            called = before is not None and (
                before.string in (")", "]", "}")
                or (before.type in (tokenize.NAME, tokenize.STRING) and not keyword.iskeyword(before.string))
            )
            if called or self.tokens[high].string != ")":
                break
            low, high = low - 1, high + 1
        return min(start, self.tokens[low].start), max(end, self.tokens[high - 1].end)

    @cached_property
    def tokens(self) -> list[Token]:
        """Everything but layout and comments."""
        found = []
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in LAYOUT:
                start, end = (self._starts[line - 1] + column for line, column in (token.start, token.end))
                found.append(Token(start, end, token.string, token.type))
        return found

    @cached_property
    def _token_starts(self) -> list[int]:
        return [token.start for token in self.tokens]

    def between(self, start: int, end: int) -> list[Token]:
        """The tokens within [start, end)."""
        low, high = (bisect.bisect_left(self._token_starts, place) for place in (start, end))
        return self.tokens[low:high]

    def operator(self, left: ast.AST, right: ast.AST) -> tuple[int, int] | None:
        """Where the operator between two operands stands."""
        tokens = [token for token in self.between(self.span(left)[1], self.span(right)[0]) if token.string not in "()"]
        return (tokens[0].start, tokens[-1].end) if tokens else None

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes, each behind its parent."""
        return list(ast.walk(self.tree))

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of each node."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The parent of `node`, its parent, and so on to the module."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function in whose body a node stands."""
        if node not in self._functions:
            parent = self.parents.get(node)
            inside = parent is None or isinstance(parent, FUNCTIONS)
            self._functions[node] = parent if inside else self.function(parent)  # type: ignore[assignment,arg-type]
        return self._functions[node]

    @cached_property
    def _own_names(self) -> dict[ast.AST, list[str]]:
        """The names that each scope binds itself, in the order of the text."""
        found: dict[ast.AST, list[str]] = {node: [] for node in self.nodes if isinstance(node, SCOPES)}
        for node in self.nodes:
            for name in bound(node):
                scope = next((one for one in self.ancestors(node) if one in found), self.tree)
                if name not in found[scope]:
                    found[scope].append(name)
        return found

    def names(self, node: ast.AST) -> list[str]:
        """The names in reach at a node, those of the innermost scope first; built-in ones are not listed."""
        found: dict[str, None] = {}
        for depth, scope in enumerate([one for one in self.ancestors(node) if one in self._own_names]):
            if depth == 0 or not isinstance(scope, ast.ClassDef):  # a class's names are not seen inside its methods
                found |= dict.fromkeys(self._own_names[scope])
        return list(found)

    def local_names(self, node: ast.AST) -> list[str]:
        """The names that the function around a node, or the module where there is none, binds itself."""
        return self._own_names[self.function(node) or self.tree]

    @cached_property
    def attributes(self) -> dict[str, list[str]]:
        """The attributes that stand behind each text in the module ("self" -> ["name", "size"]); "" has all."""
        found: dict[str, dict[str, None]] = {"": {}}
        for node in self.nodes:
            if isinstance(node, ast.Attribute):
                base = self.of(node.value)
                found.setdefault(base, {})[node.attr] = None
                found[""][node.attr] = None
            elif isinstance(node, ast.ClassDef):
                methods = {one.name: None for one in node.body if isinstance(one, FUNCTIONS)}
                found.setdefault("self", {}).update(methods)
        return {base: list(names) for base, names in found.items()}


def bound(node: ast.AST) -> list[str]:
    """The names that a node itself binds in its scope."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ExceptHandler(name=str(name)):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(one.asname or one.name).partition(".")[0] for one in names if one.name != "*"]
    return []
