"""Edits of an expression: bounds moved by one, operands and arguments swapped, lost or added, calls put around.

Each generator takes a `Source` and yields (start, end, replacement).
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from charmer.errors.candidates.source import FUNCTIONS, Source
from charmer.errors.candidates.tokens import Change, Generator

SIMPLE = ast.Name | ast.Attribute | ast.Call | ast.Subscript
TIGHT = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant | ast.List | ast.Dict | ast.Tuple | ast.Set
NOT_COMMUTING = ast.Sub | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow | ast.LShift | ast.RShift
CALLS = ("list", "sorted", "set", "tuple", "str", "int", "float", "abs", "len", "reversed", "dict", "bool")
METHODS = ("strip", "lower", "copy", "items", "values", "keys", "split")
MAX_NAMES = 12


def off_by_one(source: Source) -> Iterator[Change]:
    """`+ 1` or `- 1` at an index, a bound, an argument of range or an operand of a comparison."""
    for node in source.nodes:
        for bound in _bounds(node):
            if isinstance(bound, SIMPLE | ast.BinOp):
                end = source.outer(bound)[1]
                yield end, end, " + 1"
                yield end, end, " - 1"


def _bounds(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)):
            return [bound for bound in (lower, upper) if bound is not None]
        case ast.Subscript(slice=index):
            return [index]
        case ast.Call(func=ast.Name(id="range"), args=args):
            return args
        case ast.Compare(left=left, comparators=comparators, ops=ops):
            counted = any(isinstance(one, ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.Eq) for one in ops)
            return [left, *comparators] if counted else []
        case ast.Return(value=ast.BinOp() as value) | ast.Assign(value=ast.BinOp() as value):
            return [value]
        case ast.Return(value=ast.Call(func=ast.Name(id="len" | "sum" | "max" | "min")) as value):
            return [value]
    return []


def bounds(source: Source) -> Iterator[Change]:
    """Where a slice or a range begins and ends."""
    for node in source.nodes:
        if isinstance(node, ast.Slice) and (node.lower or node.upper):
            start, end = source.span(node)
            for part in (node.lower, node.upper):
                if part is not None:
                    yield *source.outer(part), ""
            if node.lower is None:
                yield start, start, "1"
                for name in _local(source, node):
                    yield start, start, name
            elif node.upper is None and source.text[end - 1] == ":":
                yield end, end, "-1"
                for name in _local(source, node):
                    yield end, end, name
            if node.lower is None and node.upper is not None and node.step is None:
                yield start, end, f"{source.text[slice(*source.outer(node.upper))]}:"
            elif node.upper is None and node.lower is not None and node.step is None:
                yield start, end, f":{source.text[slice(*source.outer(node.lower))]}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
            start, end = source.outer(node.args[0])[0], source.outer(node.args[-1])[1]
            texts = [source.text[slice(*source.outer(one))] for one in node.args]
            if len(texts) == 1:
                yield start, end, f"1, {texts[0]}"
                yield start, end, f"1, {texts[0]} + 1"
                yield start, end, f"{texts[0]} - 1, -1, -1"
            else:
                yield start, end, texts[1]
            if len(texts) == 2:
                yield end, end, ", -1"
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name | ast.Attribute):
            start, end = source.span(node.iter)
            for form in ("{}[1:]", "{}[:-1]", "reversed({})", "sorted({})", "enumerate({})", "list({})"):
                yield start, end, form.format(source.text[start:end])


def swap(source: Source) -> Iterator[Change]:
    """Two neighbours change places: arguments, operands, branches, indices, elements."""
    for node in source.nodes:
        for first, second in _neighbours(node):
            (start, between), (on, end) = source.outer(first), source.outer(second)
            if start < between <= on < end:
                text = source.text
                yield start, end, text[on:end] + text[between:on] + text[start:between]


def _neighbours(node: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    match node:
        case ast.Call(args=args) if len(args) > 1:
            return list(itertools.pairwise(args))
        case ast.BinOp(left=left, right=right, op=op) if isinstance(op, NOT_COMMUTING):
            return [] if isinstance(left, ast.Constant | ast.JoinedStr) and isinstance(op, ast.Mod) else [(left, right)]
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return [(left, right)]
        case ast.Compare(left=left, comparators=[right], ops=[ast.In() | ast.NotIn()]):
            return [(left, right)]
        case ast.BoolOp(values=values):
            return list(itertools.pairwise(values))
        case ast.IfExp(body=body, orelse=orelse):
            return [(body, orelse)]
        case ast.Subscript(value=ast.Subscript(slice=first), slice=second):
            return [(first, second)]
        case ast.Tuple(elts=elements, ctx=ast.Load()):
            return list(itertools.pairwise(elements))
        case ast.DictComp(key=key, value=value):
            return [(key, value)]
    return []


def operand(source: Source) -> Iterator[Change]:
    """One operand of two stays, or one clause of a condition goes."""
    for node in source.nodes:
        if isinstance(node, ast.BinOp):
            start, end = source.span(node)
            for part in (node.left, node.right):
                yield start, end, source.text[slice(*source.outer(part))]
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                (first, middle), (on, last) = source.outer(left), source.outer(right)
                yield first, on, ""
                yield middle, last, ""
        elif isinstance(node, ast.IfExp):
            for part in (node.body, node.orelse):
                yield *source.span(node), source.text[slice(*source.outer(part))]
        elif isinstance(node, ast.comprehension) and len(node.ifs) == 1:
            start, end = source.outer(node.ifs[0])
            keyword = source.text.rfind("if", 0, start)
            yield source.text.rfind(source.text[:keyword].rstrip()[-1:], 0, keyword) + 1, end, ""


def clause(source: Source) -> Iterator[Change]:
    """A condition asks one thing more, or one less: whether a name in it is there at all."""
    for node in source.nodes:
        test = getattr(node, "test", None)
        if not isinstance(node, ast.If | ast.While | ast.IfExp) or not isinstance(test, ast.expr):
            continue
        start, end = source.span(test)
        inner = source.text[start:end]
        grouped = f"({inner})" if isinstance(test, ast.BoolOp | ast.IfExp | ast.NamedExpr) else inner
        if not isinstance(test, ast.Constant):
            for one in _names(source, test):
                yield start, end, f"{one} and {grouped}"
                yield start, end, f"not {one} or {grouped}"
                yield start, end, f"{one} is not None and {grouped}"
                yield start, end, f"{one} is None or {grouped}"
                if inner == one:
                    yield start, end, f"{one} is not None"
                    yield start, end, f"{one} is None"
                    yield start, end, f"len({one}) > 1"


def _names(source: Source, node: ast.expr) -> list[str]:
    """The variables in an expression, then the others of its function."""
    here = [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]
    local = source.local_names(node) if source.function(node) else []
    return [one for one in dict.fromkeys([*here, *local]) if one in local][:MAX_NAMES]


def _local(source: Source, node: ast.AST) -> list[str]:
    """Variables of the function around a node."""
    return source.local_names(node)[:MAX_NAMES]


def argument(source: Source) -> Iterator[Change]:
    """An argument more or less."""
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        given: list[tuple[int, int]] = [source.outer(one) for one in node.args]
        given += [(source.span(one)[0], source.outer(one.value)[1]) for one in node.keywords]
        given.sort()
        for place, (start, end) in enumerate(given):
            if place + 1 < len(given):
                yield start, given[place + 1][0], ""
            else:
                yield given[place - 1][1] if place else start, end, ""
        close = source.span(node)[1] - 1
        comma = ", " if given else ""
        at = given[-1][1] if given else close
        if node.args and isinstance(node.func, ast.Name) and node.func.id in ("sorted", "max", "min"):
            for more in ("reverse=True", "default=None", "default=0", "key=len", "key=str.lower"):
                yield at, at, f", {more}"
        for more in ("0", "1", "None", '""', *_local(source, node)):
            yield at, at, f"{comma}{more}"


def call(source: Source) -> Iterator[Change]:
    """A call around an expression, a method behind it, or one less; parentheses that were forgotten."""
    for node in source.nodes:
        if not isinstance(node, TIGHT | ast.BinOp | ast.GeneratorExp | ast.ListComp):
            continue
        parent = source.parents.get(node)
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) or _stands_alone(node, parent):
            continue
        start, end = source.span(node)
        text = source.text[start:end]
        if isinstance(node, ast.Call):
            if len(node.args) == 1 and not node.keywords:
                yield start, end, source.text[slice(*source.span(node.args[0]))]
            if isinstance(node.func, ast.Attribute):
                yield start, end, source.of(node.func.value)
            if not node.args and not node.keywords:
                yield source.span(node.func)[1], end, ""
        elif isinstance(node, ast.Attribute):
            yield end, end, "()"
        if not isinstance(node, ast.Constant | ast.GeneratorExp):
            for function in CALLS:
                yield start, end, f"{function}({text})"
            if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
                for method in METHODS:
                    yield end, end, f".{method}()"
        if isinstance(node, ast.BinOp | ast.Call | ast.Name) and isinstance(parent, ast.Return | ast.Assign):
            yield start, end, f"max({text}, 0)"
            yield start, end, f"max(1, {text})"


def _stands_alone(node: ast.AST, parent: ast.AST | None) -> bool:
    """Whether a call around a node would be no sense: it is called, defined, named, or a part of a longer name."""
    return (
        parent is None
        or (isinstance(parent, ast.Call) and parent.func is node)
        or isinstance(parent, ast.Attribute | ast.alias | ast.ExceptHandler | ast.Raise | ast.ClassDef | ast.arg)
        or (isinstance(parent, FUNCTIONS) and node in parent.decorator_list)
        or (isinstance(parent, ast.Subscript) and parent.value is node)
    )


def access(source: Source) -> Iterator[Change]:
    """How an entry is read: with a default, without, its first or last, all but one."""
    for node in source.nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            start, end = source.span(node)
            value = source.of(node.value)
            if not isinstance(node.slice, ast.Slice):
                key = source.of(node.slice)
                for more in ("", ", 0", ', ""', ", []", ", False"):
                    yield start, end, f"{value}.get({key}{more})"
            yield start, end, value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            start, end = source.span(node)
            if node.args:
                yield start, end, f"{source.of(node.func.value)}[{source.of(node.args[0])}]"
            if len(node.args) == 1:
                behind = source.span(node.args[0])[1]
                for more in ("0", '""', "[]", "False", "{}"):
                    yield behind, behind, f", {more}"
        if isinstance(node, SIMPLE) and isinstance(source.parents.get(node), ast.Return | ast.Assign):
            end = source.span(node)[1]
            if not isinstance(getattr(node, "ctx", None), ast.Store):
                for index in ("[0]", "[-1]", "[1:]", "[:-1]", "[:]", "[::-1]", "[1]"):
                    yield end, end, index
                yield end, end, " or None"
                yield end, end, " or []"
                yield end, end, " or 0"


GENERATORS: dict[str, Generator] = {
    "off-by-one": off_by_one,
    "bounds": bounds,
    "swap": swap,
    "operand": operand,
    "clause": clause,
    "argument": argument,
    "call": call,
    "access": access,
}
