"""Evidence about what stands side by side: which order of arguments, operands, branches is the usual one."""

from __future__ import annotations

import ast

from charmer.errors.edits import Edit
from charmer.errors.evidence.facts import Facts, likeness

Found = dict[str, float]


def swap(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for two neighbours in each other's place."""
    pair = _pair(facts, edit)
    if pair is None:
        return {}
    parent, first, second = pair
    found: Found = {f"in {_what(parent)}": 1.0}
    names = [_leaf(one) for one in pair[1:]]
    kinds = [_kind(one) for one in pair[1:]]
    found["from {} {}".format(*kinds)] = 1.0
    if isinstance(parent, ast.Call):
        given = facts.parameters(parent)
        places = [parent.args.index(one) for one in (first, second)] if first in parent.args else [0, 1]
        if given is not None and max(places) < len(given) and all(names):
            fits = [likeness(name, given[at]) for name, at in zip(names, places, strict=True)]
            crossed = [likeness(name, given[at]) for name, at in zip(names, reversed(places), strict=True)]
            found["parameters as written"] = sum(fits)
            found["parameters as meant"] = sum(crossed)
            found["parameters exchanged"] = float(min(crossed) == 1)
        callee = facts.source.of(parent.func)
        found |= _elsewhere(facts, parent, callee, places, [facts.source.of(one) for one in (first, second)])
        if callee in ("isinstance", "issubclass", "getattr", "hasattr", "setattr"):
            found[f"{callee} from {kinds[0]} {kinds[1]}"] = 1.0
        found["first"] = float(places[0] == 0)
    elif isinstance(parent, ast.Compare) and all(names):
        found["plural left"] = float(names[0].endswith("s") and not names[1].endswith("s"))
        found["plural right"] = float(names[1].endswith("s") and not names[0].endswith("s"))
    elif isinstance(parent, ast.IfExp):
        tested = {facts.source.of(one) for one in ast.walk(parent.test) if isinstance(one, ast.Name | ast.Attribute)}
        positive = not _negative(parent.test)
        inside = [
            any(facts.source.of(one) in tested for one in ast.walk(branch) if isinstance(one, ast.Name | ast.Attribute))
            for branch in (parent.body, parent.orelse)
        ]
        if inside[0] != inside[1]:
            found["branch uses what is there"] = 1.0 if inside[0] == positive else -1.0
    elif isinstance(parent, ast.Tuple):
        statement = facts.places[parent].statement
        targets = getattr(statement, "targets", [])
        if targets and isinstance(targets[0], ast.Tuple) and parent is getattr(statement, "value", None):
            wanted = [_leaf(one) for one in targets[0].elts]
            places = [parent.elts.index(one) for one in (first, second)]
            if max(places) < len(wanted) and all(names):
                fits = [likeness(name, wanted[at]) for name, at in zip(names, places, strict=True)]
                crossed = [likeness(name, wanted[at]) for name, at in zip(names, reversed(places), strict=True)]
                found["targets as written"] = sum(fits)
                found["targets as meant"] = sum(crossed)
    elif isinstance(parent, ast.BinOp):
        found[f"{type(parent.op).__name__} from {kinds[0]} {kinds[1]}"] = 1.0
    return found


def _pair(facts: Facts, edit: Edit) -> tuple[ast.AST, ast.expr, ast.expr] | None:
    """The two that change places, and what holds them."""
    firsts = facts.begins.get(edit.start, ())
    for first in firsts:
        parent = facts.source.parents.get(first)
        for second in ast.iter_child_nodes(parent) if parent is not None else ():
            if second is first or not isinstance(second, ast.expr) or parent is None:
                continue
            if facts.source.outer(second)[1] == edit.end and facts.source.outer(first)[0] == edit.start:
                return parent, first, second
    return None


def _elsewhere(facts: Facts, call: ast.Call, callee: str, places: list[int], texts: list[str]) -> Found:
    """Where the same function is called with the same arguments otherwise in the module."""
    usual = otherwise = 0
    for other in facts.calls.get(callee, ()):
        if other is not call and len(other.args) > max(places):
            given = [facts.source.of(other.args[at]) for at in places]
            usual += (given[0] == texts[0]) + (given[1] == texts[1])
            otherwise += (given[0] == texts[1]) + (given[1] == texts[0])
    return {
        "order as written elsewhere": float(usual > otherwise),
        "order as meant elsewhere": float(otherwise > usual),
    }


def _leaf(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _leaf(function)
        case ast.Constant(value=str(text)):
            return text if text.isidentifier() else ""
        case ast.Subscript(slice=ast.Constant(value=str(text))):
            return text
    return ""


def _kind(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return "text"
        case ast.Constant(value=value):
            return "None" if value is None else type(value).__name__
        case ast.Name(id="self"):
            return "self"
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return "class" if name[:1].isupper() and not name.isupper() else "name"
    return type(node).__name__


def _what(node: ast.AST) -> str:
    return {"BinOp": "sum", "Call": "call", "Compare": "comparison"}.get(type(node).__name__, type(node).__name__)


def _negative(test: ast.expr) -> bool:
    match test:
        case ast.UnaryOp(op=ast.Not()):
            return True
        case ast.Compare(ops=[ast.Is() | ast.Eq() | ast.NotIn()], comparators=[right]):
            return isinstance(test.ops[0], ast.NotIn) or (isinstance(right, ast.Constant) and not right.value)
    return False
