"""Held-out function signatures, and what a model made of them. Nothing here is ever executed.

A signature is a module-level function's `def` with its docstring, taken from test files that training never saw. A
name in the continuation exists when the function binds it, when it is a builtin, or when the module from which the
signature was taken binds it: the judge asks the interpreter's own scope analysis (`symtable`).
"""

from __future__ import annotations

import ast
import builtins
import codeop
import hashlib
import re
import symtable
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charmer.common.failure import Failure
from charmer.evaluation.support import heldout
from charmer.tokens.shards import batches as read_shards

BROKEN = (SyntaxError, ValueError, RecursionError, MemoryError)  # all that the compiler answers bad text with
LONGEST = 600  # characters of a signature with its docstring; nine in ten are shorter
INCOMPLETE = ast.PyCF_ONLY_AST | codeop.PyCF_ALLOW_INCOMPLETE_INPUT  # type: ignore[attr-defined]
MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__package__", "__spec__", "__path__"})


@dataclass(frozen=True)
class Signature:
    """A function to be continued.

    Attributes:
        prompt: `def` line and docstring, without the newline behind: a vocabulary's tokens may hold a newline
            together with the blanks that follow, and the model must be free to write such a token.
        known: the names that its module binds.
    """

    package: str
    path: str
    name: str
    prompt: str
    known: frozenset[str]


def held_out(shards: Path, count: int, longest: int = LONGEST) -> list[Signature]:
    """The first `count` signatures, of at most `longest` characters, of a fixed random order, for whatever model.

    Each document gives one before any gives its second, so that no single file decides a figure.

    Raises:
        Failure: the split has no function of this kind.
    """
    columns = ["text", "source", "package", "path"]
    rows = [row for batch in read_shards(shards, columns) for row in batch.to_pylist()]
    rows.sort(key=lambda row: heldout.order(row["source"], row["package"], row["path"]))
    later: list[list[Signature]] = []
    chosen: list[Signature] = []
    for row in rows:
        of_document = [s for s in signatures(row["text"], row["package"], row["path"]) if len(s.prompt) <= longest]
        chosen += of_document[:1]
        later.append(of_document[1:])
        if len(chosen) == count:
            return chosen
    while len(chosen) < count and any(later):
        for of_document in later:
            chosen += of_document[:1]
            del of_document[:1]
    if not chosen:
        raise Failure(f"{shards}: holds no function whose signature could be continued; add sources to the corpus")
    return chosen[:count]


def signatures(text: str, package: str, path: str) -> list[Signature]:
    """The signatures of one module, in a fixed random order.

    Left out: methods and nested functions (they need what surrounds them), decorated ones, one-liners, bodies that
    are a docstring alone, and modules with `import *`, whose names nobody can know.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
            module = symtable.symtable(text, path, "exec")
    except BROKEN:
        return []
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return []
    known = frozenset(symbol.get_name() for symbol in module.get_symbols() if _binds(symbol))
    lines = re.split(r"\r\n|\r|\n", text)
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.decorator_list:
            continue
        documented = ast.get_docstring(node, clean=False) is not None
        if len(node.body) <= documented or (node.end_lineno or 0) - node.body[0].lineno < 1:
            continue
        last = node.body[0].end_lineno if documented else node.body[0].lineno - 1
        prompt = "\n".join(lines[node.lineno - 1 : last]).rstrip()
        if compiles(f"{prompt}\n{' ' * node.body[0].col_offset}pass\n"):
            found.append(Signature(package, path, node.name, prompt, known))
    return sorted(found, key=lambda signature: hashlib.sha256(signature.prompt.encode()).digest())


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def cuts(prompt: str, continuation: str) -> Iterator[int]:
    """Where the function may end: before each line of the continuation that begins at the margin."""
    for match in re.finditer(r"\n(?=\S)", continuation):
        yield len(prompt) + match.end()


def function_of(prompt: str, continuation: str, ended: bool) -> str:
    """The generated function: the shortest cut of prompt and continuation at a line at the margin that compiles.

    A line at the margin may also belong to the function (a string's text, a closing bracket), which is why the first
    is not always the end. Where no cut compiles, the first is the function. A continuation that ran into its limit
    (`ended` false) without leaving the function is judged by its complete lines.
    """
    text = prompt + continuation
    found = [text[:cut] for cut in cuts(prompt, continuation)]
    if not found:
        return text if ended else text[: text.rfind("\n") + 1]
    return next((function for function in found if compiles(function)), found[0])


def compiles(text: str) -> bool:
    """Whether Python compiles `text`. Compiling runs none of it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "<generated>", "exec", dont_inherit=True)
    except BROKEN:
        return False
    return True


def could_go_on(text: str) -> bool:
    """Whether `text`, complete lines, is valid, or could become so by what follows it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "<generated>", "exec", INCOMPLETE, dont_inherit=True)
    except BROKEN as error:
        return "incomplete input" in str(error)
    return True


def has_body(text: str) -> bool:
    """Whether `text`, which compiles, is one function that does something beyond carrying its docstring."""
    with warnings.catch_warnings(action="ignore"):
        tree = ast.parse(text)
    if len(tree.body) != 1 or not isinstance(function := tree.body[0], ast.FunctionDef):
        return False
    return len(function.body) > (ast.get_docstring(function, clean=False) is not None)


def unknown_names(text: str, known: frozenset[str]) -> list[str]:
    """The names that `text`, which compiles, reads although nothing binds them, sorted."""
    with warnings.catch_warnings(action="ignore"):
        top = symtable.symtable(text, "<generated>", "exec")
    exist = known | set(dir(builtins)) | MODULE_NAMES
    bound, read = set(), set()
    scopes = [top]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        for symbol in scope.get_symbols():
            if scope is top or symbol.is_declared_global():
                bound |= {symbol.get_name()} if _binds(symbol) else set()
            if symbol.is_referenced() and (scope is top or symbol.is_global()):
                read.add(symbol.get_name())
    return sorted(read - bound - exist)
