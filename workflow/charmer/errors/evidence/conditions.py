"""Evidence about conditions: what a branch does with a thing tells what its condition must have said of it.

`if x is None: x = {}` and `if x is not None: x.close()` are the usual ways round; so are a guard that raises or
returns, and code behind it that uses what was guarded against.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from charmer.errors.edits import Edit
from charmer.errors.evidence.facts import CONDITIONS, Facts

Found = dict[str, float]
FLIPS = {"is": "is not", "is not": "is", "==": "!=", "!=": "==", "in": "not in", "not in": "in"}
EXITS = ast.Return | ast.Raise | ast.Continue | ast.Break


def flipped(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for another comparison, or for a `not` more or less: which way round the branches want it."""
    old = " ".join(facts.source.text[edit.start : edit.end].split())
    new = " ".join(new.split())
    found: Found = {}
    if edit.kind == "negation":
        if new == "-" or old == "-" or old.startswith("-"):
            return {f"sign {'lost' if new else 'added'}": 1.0}
        found["not more" if new else "not less"] = 1.0
    else:
        found[f"{old} to {new}"] = 1.0
        if FLIPS.get(old) != new:
            return found
    node = _around(facts, edit)
    holder = _holder(facts, node) if node is not None else None
    if node is None or holder is None:
        return found
    condition, turned = holder
    subject, claim = _subject(facts, node)
    if subject is None:
        return found
    claim = -claim if turned else claim
    evidence = _wanted(facts, condition, subject)
    found["written agrees"] = float(evidence * claim > 0)
    found["written disagrees"] = float(evidence * claim < 0)
    found["disagreement"] = -max(min(evidence * claim, 3.0), -3.0)
    kind = "guard" if isinstance(condition, ast.If) and _leaves(condition.body) else type(condition).__name__
    found[f"{kind} that claims {claim:+d}"] = 1.0
    if isinstance(condition, ast.If) and condition.body and isinstance(condition.body[0], ast.Raise):
        found[f"raises where {claim:+d}"] = 1.0
    return found


def _around(facts: Facts, edit: Edit) -> ast.expr | None:
    """The comparison, or the operand of the `not` that comes or goes."""
    nodes: Iterable[ast.expr] = facts.comparisons
    if edit.kind == "negation":
        begun = (node for place in {edit.start, edit.end} for node in facts.begins.get(place, ()))
        nodes = [node for node in begun if isinstance(node, CONDITIONS)]
    spans = [(*facts.source.span(node), node) for node in nodes]
    for end in (edit.end, edit.start):
        around = [(stop - start, start, node) for start, stop, node in spans if start <= edit.start and end <= stop]
        if around:
            return min(around, key=lambda entry: entry[:2])[2]
    return None


def _holder(facts: Facts, node: ast.expr) -> tuple[ast.If | ast.IfExp | ast.While | ast.Assert, bool] | None:
    """The statement whose condition holds a node, and whether a `not` stands between them."""
    turned, child = False, node
    parents = facts.source.parents
    while (parent := parents.get(child)) is not None:
        match parent:
            case ast.UnaryOp(op=ast.Not()):
                turned = not turned
            case ast.BoolOp():
                pass
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) | ast.Assert(test=test):
                return (parent, turned) if test is child else None
            case _:
                return None
        child = parent
    return None


def _subject(facts: Facts, node: ast.expr) -> tuple[str | None, int]:
    """What a condition is about, and what it claims of it: 1 that it is there, -1 that it is not."""
    sign = 1
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node, sign = node.operand, -sign
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            nothing = isinstance(right, ast.Constant) and right.value in (None, 0, "", False)
            if isinstance(op, ast.Is | ast.Eq) and nothing:
                return facts.source.of(left), -sign
            if isinstance(op, ast.IsNot | ast.NotEq) and nothing:
                return facts.source.of(left), sign
            if isinstance(op, ast.In):
                return f"{facts.source.of(right)}[{facts.source.of(left)}]", sign
            if isinstance(op, ast.NotIn):
                return f"{facts.source.of(right)}[{facts.source.of(left)}]", -sign
            return facts.source.of(left), sign if isinstance(op, ast.Eq | ast.Is) else -sign
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return facts.source.of(node), sign
        case ast.Call(func=ast.Name(id="isinstance" | "hasattr" | "callable" | "len"), args=[first, *_]):
            return facts.source.of(first), sign
        case ast.Call():
            return facts.source.of(node), sign
    return None, sign


def _wanted(facts: Facts, holder: ast.If | ast.IfExp | ast.While | ast.Assert, subject: str) -> float:
    """Above 0 where the branches want the subject to be there, below where they want it absent."""
    if isinstance(holder, ast.IfExp):
        return _weight(facts, [holder.body], subject) - _weight(facts, [holder.orelse], subject)
    if isinstance(holder, ast.Assert):
        return 1.0
    found = _weight(facts, holder.body, subject) - _weight(facts, holder.orelse, subject)
    if isinstance(holder, ast.If) and _leaves(holder.body) and not holder.orelse:
        parent = facts.source.parents.get(holder)
        for body in (getattr(parent, "body", None), getattr(parent, "orelse", None)):
            if isinstance(body, list) and holder in body:
                found -= 0.7 * _weight(facts, body[body.index(holder) + 1 :][:6], subject)
    return found


def _weight(facts: Facts, nodes: Iterable[ast.AST], subject: str) -> float:
    """How much some code makes use of a thing (above 0), or gives it a value first (below 0)."""
    found, base = 0.0, subject.partition("[")[0]
    key = subject[len(base) + 1 : -1]
    for top in nodes:
        for node in ast.walk(top):
            match node:
                case ast.Assign(targets=targets) if any(facts.source.of(one) == subject for one in targets):
                    return found - 1.5 if found <= 0 else found
                case ast.Call(func=ast.Attribute(value=value, attr="append" | "add"), args=[first, *_]) if (
                    key and facts.source.of(value) == base and facts.source.of(first) == key
                ):
                    return found - 1.5 if found <= 0 else found
                case ast.Attribute(value=value) | ast.Subscript(value=value, ctx=ast.Load()):
                    if facts.source.of(node) == subject or facts.source.of(value) == subject:
                        found += 1.0
                case ast.For(iter=value) | ast.comprehension(iter=value) | ast.Call(func=value):
                    found += float(facts.source.of(value) == subject)
                case ast.Name() | ast.Attribute():
                    found += 0.4 * (facts.source.of(node) == subject)
        if isinstance(top, ast.expr) and facts.source.of(top) == subject:
            found += 1.0
    return min(found, 3.0)


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], EXITS)
