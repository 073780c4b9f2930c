"""Edits of a statement: deleted, moved, returned, guarded, or another one put before it.

Each generator takes a `Source` and yields (start, end, replacement). Statements are whole lines here; those that share
a line with others are left alone.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from charmer.errors.candidates.source import FUNCTIONS, Source
from charmer.errors.candidates.tokens import Change, Generator

RETURNED = ("", " None", " False", " True", " 0", ' ""', " []", " {}")
KEPT = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal
MAX_GUARDED = 4  # names, of those that stand in a statement


def blocks(source: Source) -> Iterator[list[ast.stmt]]:
    """Every list of statements that have lines of their own."""
    for node in source.nodes:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list) or not block or not isinstance(block[0], ast.stmt):
                continue
            if all(_own_lines(source, statement) for statement in block):
                yield block


def _own_lines(source: Source, statement: ast.stmt) -> bool:
    start, end = whole_lines(source, statement)
    first, last = source.span(statement)
    tail = source.text[last:end].strip()
    return not source.text[start:first].strip() and (not tail or tail.startswith("#"))


def whole_lines(source: Source, statement: ast.stmt) -> tuple[int, int]:
    """From the beginning of a statement's first line, that of its decorators, to behind its last line's end."""
    decorators = getattr(statement, "decorator_list", None) or [statement]
    first = min(decorators[0].lineno, statement.lineno)
    return source.line_start(first), min(
        source.line_start((statement.end_lineno or statement.lineno) + 1), len(source.text)
    )


def indent(source: Source, statement: ast.stmt) -> str:
    """The blanks before a statement."""
    start = source.line_start(statement.lineno)
    return source.text[start : source.span(statement)[0]]


def deletion(source: Source) -> Iterator[Change]:
    """A statement less. Definitions and imports stay."""
    for block in blocks(source):
        for statement in block:
            if isinstance(statement, KEPT) or _is_documentation(statement):
                continue
            if len(block) > 1:
                yield *whole_lines(source, statement), ""
            if isinstance(statement, ast.If) and not statement.orelse:
                yield from _unwrapped(source, statement)


def _is_documentation(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _unwrapped(source: Source, statement: ast.If) -> Iterator[Change]:
    """What a condition guards, without the condition."""
    start, end = whole_lines(source, statement)
    inner = source.line_start(statement.body[0].lineno)
    extra = len(indent(source, statement.body[0])) - len(indent(source, statement))
    if extra > 0 and statement.body[0].lineno > statement.lineno:
        lines = source.text[inner:end].split("\n")
        if all(not line[:extra].strip() for line in lines):
            yield start, end, "\n".join(line[extra:] for line in lines)


def returned(source: Source) -> Iterator[Change]:
    """`return` before an expression, in place of an assignment, and at a function's end; another value returned."""
    for block in blocks(source):
        for statement in block:
            if source.function(statement) is None:
                continue
            start = source.span(statement)[0]
            if isinstance(statement, ast.Expr) and not _is_documentation(statement):
                yield start, start, "return "
                if isinstance(statement.value, ast.Call) and isinstance(statement.value.func, ast.Attribute):
                    yield start, start, f"{source.of(statement.value.func.value)} = "
            elif isinstance(statement, ast.Assign) and statement is block[-1]:
                yield start, source.span(statement.value)[0], "return "
            elif isinstance(statement, ast.Return):
                for name in source.local_names(statement):
                    yield *source.span(statement), f"return {name}"
                for value in RETURNED:
                    yield *source.span(statement), f"return{value}"
                if statement.value is not None:
                    yield start, source.span(statement.value)[0], ""
    for node in source.nodes:
        if isinstance(node, FUNCTIONS) and _own_lines(source, node.body[-1]):
            last = node.body[-1]
            if not isinstance(last, ast.Return | ast.Raise):
                end = whole_lines(source, last)[1]
                newline = "" if source.text[end - 1 : end] == "\n" else "\n"
                for name in (*source.local_names(last), "True", "False", "[]", "0", '""'):
                    yield end, end, f"{newline}{indent(source, node.body[0])}return {name}\n"


def guard(source: Source) -> Iterator[Change]:
    """A condition with a way out before a statement, or around it."""
    for block in blocks(source):
        for statement in block:
            function = source.function(statement)
            if function is None or _is_documentation(statement) or isinstance(statement, KEPT):
                continue
            start, end = whole_lines(source, statement)
            blanks = indent(source, statement)
            step = "    " if "\t" not in blanks else "\t"
            looped = _in_loop(source, statement)
            for name in _used(source, statement):
                for test in (f"not {name}", f"{name} is None"):
                    for value in RETURNED:
                        yield start, start, f"{blanks}if {test}:\n{blanks}{step}return{value}\n"
                    yield start, start, f"{blanks}if {test}:\n{blanks}{step}return {name}\n"
                    if looped:
                        yield start, start, f"{blanks}if {test}:\n{blanks}{step}continue\n"
                        yield start, start, f"{blanks}if {test}:\n{blanks}{step}break\n"
                inside = "".join(
                    step + line if line.strip() else line for line in source.text[start:end].splitlines(True)
                )
                yield start, end, f"{blanks}if {name}:\n{inside}"
                yield start, end, f"{blanks}if {name} is not None:\n{inside}"


def _used(source: Source, statement: ast.stmt) -> list[str]:
    """Variables of the function that the statement's own line reads."""
    heads: list[ast.AST] = [statement]
    if hasattr(statement, "body"):
        heads = [part for field in ("test", "iter", "subject") if (part := getattr(statement, field, None)) is not None]
    local = source.local_names(statement)
    found = [
        node.id
        for head in heads
        for node in ast.walk(head)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in local
    ]
    return list(dict.fromkeys(found))[:MAX_GUARDED]


def _in_loop(source: Source, statement: ast.stmt) -> bool:
    for one in source.ancestors(statement):
        if isinstance(one, ast.For | ast.While | ast.AsyncFor):
            return True
        if isinstance(one, FUNCTIONS):
            return False
    return False


def insertion(source: Source) -> Iterator[Change]:
    """A short statement behind another: a way out of a loop, a step, a value that starts again."""
    for block in blocks(source):
        last = block[-1]
        function = source.function(last)
        if function is None:
            continue
        blanks, end = indent(source, last), whole_lines(source, last)[1]
        newline = "" if source.text[end - 1 : end] == "\n" else "\n"
        local = source.local_names(last)
        if not isinstance(last, ast.Return | ast.Raise | ast.Break | ast.Continue):
            if _in_loop(source, last):
                for word in ("break", "continue"):
                    yield end, end, f"{newline}{blanks}{word}\n"
            if last is not function.body[-1]:
                for name in ("", *(f" {name}" for name in local)):
                    yield end, end, f"{newline}{blanks}return{name}\n"
            for name in _changing(function):
                for step in ("+= 1", "-= 1"):
                    yield end, end, f"{newline}{blanks}{name} {step}\n"
        for statement in block:
            if isinstance(statement, ast.Assign) and statement.targets and isinstance(statement.targets[0], ast.Name):
                continue
            start = whole_lines(source, statement)[0]
            for name in _used(source, statement)[:2]:
                for value in (f"list({name})", f"{name}.copy()", f"set({name})", f"{name}.strip()", f"dict({name})"):
                    yield start, start, f"{indent(source, statement)}{name} = {value}\n"


def _changing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The variables that count: those that are set to a number or raised by one somewhere."""
    found = []
    for node in ast.walk(function):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        number = isinstance(getattr(node, "value", None), ast.Constant) and isinstance(node.value.value, int)  # type: ignore[attr-defined]
        if isinstance(node, ast.Assign | ast.AugAssign) and isinstance(target, ast.Name) and number:
            found.append(target.id)
    return list(dict.fromkeys(found))


def movement(source: Source) -> Iterator[Change]:
    """A statement further in or out, or behind its neighbour."""
    for block in blocks(source):
        for first, second in itertools.pairwise(block):
            (start, middle), (on, end) = whole_lines(source, first), whole_lines(source, second)
            plain = not isinstance(first, KEPT) and not isinstance(second, KEPT) and not _is_documentation(first)
            if plain and source.text[end - 1 : end] == "\n":
                yield start, end, source.text[on:end] + source.text[middle:on] + source.text[start:middle]
            if plain and hasattr(first, "body"):
                inner = [*first.body, *getattr(first, "orelse", [])][-1]
                if _own_lines(source, inner):
                    yield on, end, _reindented(source.text[on:end], indent(source, second), indent(source, inner))
        last = block[-1]
        parent = source.parents[last]
        if isinstance(parent, ast.stmt) and len(block) > 1 and not isinstance(parent, KEPT):
            start, end = whole_lines(source, last)
            if end == whole_lines(source, parent)[1]:
                yield start, end, _reindented(source.text[start:end], indent(source, last), indent(source, parent))


def _reindented(text: str, old: str, new: str) -> str:
    return "".join(
        new + line[len(old) :] if line.startswith(old) and line.strip() else line for line in text.splitlines(True)
    )


def default(source: Source) -> Iterator[Change]:
    """A default that all calls would share becomes None, filled in at the beginning of the body."""
    for node in source.nodes:
        if not isinstance(node, FUNCTIONS):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args]
        paired = list(zip(arguments[len(arguments) - len(node.args.defaults) :], node.args.defaults, strict=True))
        paired += [
            (one, value) for one, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value
        ]
        first = node.body[1] if _is_documentation(node.body[0]) and len(node.body) > 1 else node.body[0]
        if not _own_lines(source, first):
            continue
        blanks, at = indent(source, first), whole_lines(source, first)[0]
        step = "\t" if "\t" in blanks else "    "
        for one, value in paired:
            if isinstance(value, ast.List | ast.Dict | ast.Set | ast.Call):
                start, end = source.span(value)
                filled = f"{blanks}if {one.arg} is None:\n{blanks}{step}{one.arg} = {source.text[start:end]}\n"
                yield start, at, "None" + source.text[end:at] + filled


GENERATORS: dict[str, Generator] = {
    "deletion": deletion,
    "return": returned,
    "guard": guard,
    "insertion": insertion,
    "movement": movement,
    "default": default,
}
