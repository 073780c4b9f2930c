"""Code that parses and does the wrong thing: names, operators and values as people get them wrong.

Each function gives the changes of one operator. What is written differs from what stood there by one slip of the kind
that mutation testing and studies of small fixes describe (Jia and Harman 2011, "An analysis and survey of the
development of mutation testing"; Kamienski et al. 2021, "PySStuBs", arXiv:2101.06209).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from charmer.errors.operators.ground import Change, Ground, Operator, Site

ARITHMETIC = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "/",
    ast.Mod: "//",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.LShift: ">>",
    ast.RShift: "<<",
}
COMPARISONS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
}
CONFUSED = (  # methods and built-in functions that are taken for one another
    ("append", "extend"),
    ("add", "update"),
    ("get", "pop"),
    ("keys", "values", "items"),
    ("lstrip", "rstrip", "strip"),
    ("split", "rsplit", "partition"),
    ("startswith", "endswith"),
    ("find", "rfind"),
    ("index", "count"),
    ("upper", "lower"),
    ("encode", "decode"),
    ("read", "readline", "readlines"),
    ("match", "search", "fullmatch"),
    ("remove", "discard", "pop"),
    ("union", "intersection", "difference"),
    ("min", "max"),
    ("any", "all"),
    ("isinstance", "issubclass"),
    ("getattr", "hasattr"),
    ("sorted", "reversed"),
    ("str", "repr"),
    ("enumerate", "zip"),
    ("debug", "info", "warning", "error"),
)
INSTEAD = {
    name: [other for group in CONFUSED if name in group for other in group if other != name]
    for group in CONFUSED
    for name in group
}
MANY = 12  # others that are offered for one name or attribute: what stands nearest


def wrong_variable(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Name):
        local = source.local_names(site.node)
        if not site.bound and site.node.id in local:  # type: ignore[attr-defined]
            place = local.index(site.node.id)  # type: ignore[attr-defined]
            near = sorted((abs(place - other), name) for other, name in enumerate(local) if other != place)
            for _, name in near[:MANY]:
                yield *source.span(site.node), name


def wrong_attribute(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Attribute):
        if isinstance(site.node, ast.Attribute):
            end = source.span(site.node)[1]
            known = source.attributes.get(source.of(site.node.value), [])
            others = [name for name in known if name != site.node.attr]
            place = known.index(site.node.attr) if site.node.attr in known else 0
            for name in sorted(others, key=lambda other: (abs(known.index(other) - place), other))[:MANY]:
                yield end - len(site.node.attr), end, name


def wrong_function(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Call):
        function = getattr(site.node, "func", None)
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        for other in INSTEAD.get(name, ()):
            end = source.span(function)[1]  # type: ignore[arg-type]
            yield end - len(name), end, other


def swapped_arguments(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Call):
        if isinstance(site.node, ast.Call):
            for one, other in pairwise(site.node.args):
                if not isinstance(one, ast.Starred) and not isinstance(other, ast.Starred):
                    yield source.exchanged(one, other)


def wrong_operator(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.BinOp, ast.AugAssign):
        match site.node:
            case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
                continue  # text being formatted
            case ast.BinOp(left=left, right=right) | ast.AugAssign(target=left, value=right):
                where, other = source.operator(left, right), ARITHMETIC.get(type(site.node.op))
                if where is not None and other is not None:
                    yield *where, other + ("=" if isinstance(site.node, ast.AugAssign) else "")


def wrong_comparison(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Compare):
        if isinstance(site.node, ast.Compare):
            for left, right in pairwise([site.node.left, *site.node.comparators]):
                where = source.operator(left, right)
                if where is not None:
                    for other in COMPARISONS.get(" ".join(source.text[slice(*where)].split()), ()):
                        yield *where, other


def wrong_logic(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.BoolOp):
        if isinstance(site.node, ast.BoolOp):
            for left, right in pairwise(site.node.values):
                where = source.operator(left, right)
                if where is not None:
                    yield *where, "or" if isinstance(site.node.op, ast.And) else "and"


def negated_condition(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.If, ast.While, ast.IfExp, ast.UnaryOp):
        match site.node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield source.span(site.node)[0], source.outer(operand)[0], ""
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
                if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
                    yield source.span(test)[0], source.span(test)[0], "not "


def off_by_one(source: Ground) -> Iterator[Change]:
    for site in source.every(ast.Subscript, ast.Call, ast.BinOp, ast.Compare):
        match site.node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):  # the 1 is forgotten
                yield source.span(left)[1], source.span(site.node)[1], ""
            case ast.Call(func=ast.Name(id="range"), args=[*args]) if args:
                yield from _one_more_or_less(source, args[min(1, len(args) - 1)])
            case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper)):
                for bound in (lower, upper):
                    yield from _one_more_or_less(source, bound)
            case ast.Subscript(slice=index):
                yield from _one_more_or_less(source, index)
            case ast.Compare(ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE() | ast.Eq()], comparators=[right]):
                yield from _one_more_or_less(source, right)


def _one_more_or_less(source: Ground, node: ast.expr | None) -> Iterator[Change]:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            yield *source.span(node), str(value + 1)
            if value:
                yield *source.span(node), str(value - 1)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))) if value:
            yield *source.span(node), str(-value - 1)
            yield *source.span(node), str(-value + 1)
        case ast.Call(func=ast.Name(id="len")) | ast.Name():
            yield source.span(node)[1], source.span(node)[1], " - 1"
            yield source.span(node)[1], source.span(node)[1], " + 1"


def wrong_constant(source: Ground) -> Iterator[Change]:
    strings: dict[ast.AST, dict[str, None]] = {}
    for site in source.every(ast.Constant):
        if _is_key(site):
            strings.setdefault(site.function, {})[source.of(site.node)] = None
    for site in source.every(ast.Constant):
        value, span = getattr(site.node, "value", None), source.span(site.node)
        if isinstance(value, bool):
            yield *span, str(not value)
        elif value is None and isinstance(site.parent, ast.Return | ast.keyword | ast.Assign):
            yield *span, "False"
        elif isinstance(value, int) and value in (0, 1):
            yield *span, str(1 - value)
        elif isinstance(value, int) and not isinstance(site.parent, ast.UnaryOp):
            yield *span, "0"
            yield *span, f"{source.of(site.node)}0"
        elif _is_key(site):
            for other in strings[site.function]:
                if other != source.of(site.node):
                    yield *span, other


def _is_key(site: Site) -> bool:
    """Whether a constant is a short text that the code looks up or compares, not one that people read."""
    value = getattr(site.node, "value", None)
    used = isinstance(site.parent, ast.Subscript | ast.Compare | ast.Dict | ast.Call | ast.keyword | ast.Return)
    return isinstance(value, str) and 0 < len(value) <= 20 and used and " " not in value


OPERATORS = (
    Operator("wrong-variable", "semantic", "another variable of the function", wrong_variable, 3),
    Operator("wrong-attribute", "semantic", "another attribute of the same object", wrong_attribute, 2),
    Operator("wrong-function", "semantic", "a function or method that is taken for another", wrong_function),
    Operator("swapped-arguments", "semantic", "two arguments in each other's place", swapped_arguments, 2),
    Operator("wrong-operator", "semantic", "another arithmetic operator", wrong_operator, 2),
    Operator("wrong-comparison", "semantic", "another comparison", wrong_comparison, 2),
    Operator("wrong-logic", "semantic", "`and` for `or`, or the other way round", wrong_logic),
    Operator("negated-condition", "semantic", "a condition turned round", negated_condition, 2),
    Operator("off-by-one", "semantic", "an index, a bound or a range one too far or too short", off_by_one, 2),
    Operator("wrong-constant", "semantic", "another constant", wrong_constant, 2),
)
