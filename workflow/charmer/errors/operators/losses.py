"""Code that parses and does the wrong thing: words and signs that were forgotten, parts in each other's place.

As in `meaning`, each function gives the changes of one operator.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from charmer.errors.operators.ground import Change, Function, Ground, Operator


def missing_self(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Attribute):
        match site.node:
            case ast.Attribute(value=ast.Name(id="self" | "cls") as value, attr=attr):
                start, end = source.span(site.node)
                if source.text[start:end] == f"{value.id}.{attr}" and not site.bound:
                    yield start, end - len(attr), ""
    for function in {site.function: None for site in source.sites}:
        if isinstance(source.parents.get(function), ast.ClassDef):
            parameters = [*function.args.posonlyargs, *function.args.args]
            if parameters and parameters[0].arg == "self":
                start, end = source.span(parameters[0])
                rest = source.between(end, source.span(function)[1])
                if len(parameters) > 1 and rest[0].string == ",":
                    end = source.span(parameters[1])[0]
                if len(parameters) > 1 or rest[0].string == ")":
                    yield start, end, ""


def lost_return(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Return):
        value = getattr(site.node, "value", None)
        if value is not None and not isinstance(value, ast.Constant):
            yield source.span(site.node)[0], source.outer(value)[0], ""


def lost_await(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Await):
        yield source.span(site.node)[0], source.span(site.node.value)[0], ""  # type: ignore[attr-defined]


def lost_call(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Call):
        match site.node:
            case ast.Call(func=ast.Attribute() as function, args=[], keywords=[]):
                yield source.span(function)[1], source.span(site.node)[1], ""


def lost_sum(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.AugAssign):
        if isinstance(site.node, ast.AugAssign) and isinstance(site.node.op, ast.Add | ast.Sub | ast.BitOr):
            where = source.operator(site.node.target, site.node.value)
            if where is not None:
                yield *where, "="


def wrong_slice(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Slice):
        match site.node:
            case ast.Slice(lower=ast.expr() as lower, upper=None, step=None):
                yield *source.span(site.node), f":{source.text[slice(*source.outer(lower))]}"
            case ast.Slice(lower=None, upper=ast.expr() as upper, step=None):
                yield *source.span(site.node), f"{source.text[slice(*source.outer(upper))]}:"
            case ast.Slice(lower=ast.expr() as lower, upper=ast.expr() as upper):
                yield *source.outer(lower), ""
                yield *source.outer(upper), ""


def wrong_exit(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Break, ast.Continue):
        yield *source.span(site.node), "continue" if isinstance(site.node, ast.Break) else "break"


def swapped_branches(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.IfExp):
        if isinstance(site.node, ast.IfExp):
            yield source.exchanged(site.node.body, site.node.orelse)


def swapped_targets(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Tuple):
        if isinstance(site.node, ast.Tuple) and isinstance(site.node.ctx, ast.Store):
            for one, other in pairwise(site.node.elts):
                yield source.exchanged(one, other)


def lost_star(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Call):
        if isinstance(site.node, ast.Call):
            for argument in site.node.args:
                if isinstance(argument, ast.Starred):
                    yield source.span(argument)[0], source.span(argument.value)[0], ""
            for keyword in site.node.keywords:
                if keyword.arg is None:
                    yield source.span(keyword)[0], source.span(keyword.value)[0], ""


def lost_format(source: Ground) -> Iterator[Change]:
    """An f-string without its f; what it is put together from must be there to be seen."""
    for site in source.every(ast.JoinedStr):
        start, end = source.span(site.node)
        if source.text[start] in "fF" and source.text[start + 1] in "'\"" and "{" in source.text[start:end]:
            yield start, start + 1, ""


def split_chain(source: Ground) -> Iterator[Change]:
    """`if` for `elif`: what was one decision becomes two."""
    for site in source.every(ast.If):
        if isinstance(site.parent, ast.If) and source.text.startswith("elif", source.span(site.node)[0]):
            start = source.span(site.node)[0]
            yield start, start + 4, "if"


def lost_decorator(source: Ground) -> Iterator[Change]:
    for node in source.nodes:
        if isinstance(node, Function):
            for decorator in node.decorator_list:
                line = decorator.lineno
                if line == decorator.end_lineno and source.lines[line - 1].strip() == f"@{source.of(decorator)}":
                    yield source.line_start(line), source.line_start(line + 1), ""


OPERATORS = (
    Operator("missing-self", "semantic", "`self` forgotten", missing_self, 2),
    Operator("lost-return", "semantic", "`return` forgotten", lost_return, 2),
    Operator("lost-await", "semantic", "`await` forgotten", lost_await),
    Operator("lost-call", "semantic", "a method named but not called", lost_call),
    Operator("lost-sum", "semantic", "`=` where a value should be added to", lost_sum),
    Operator("wrong-slice", "semantic", "the wrong end of a slice", wrong_slice),
    Operator("swapped-branches", "semantic", "both values of a conditional exchanged", swapped_branches),
    Operator("wrong-exit", "semantic", "`break` for `continue`, or the other way round", wrong_exit, 2, withheld=True),
    Operator("swapped-targets", "semantic", "two unpacked names exchanged", swapped_targets, 2, withheld=True),
    Operator("lost-star", "semantic", "`*` or `**` before an argument forgotten", lost_star, 2, withheld=True),
    Operator("lost-format", "semantic", "the f of an f-string forgotten", lost_format),
    Operator("split-chain", "semantic", "`if` for `elif`", split_chain),
    Operator("lost-decorator", "semantic", "a decorator forgotten", lost_decorator),
)
