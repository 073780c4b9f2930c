"""What an expression is for: the keyword, parameter, target or key that it is given to, and what stands beside it."""

from __future__ import annotations

import ast

from charmer.errors.evidence.facts import Facts


def slot(facts: Facts, node: ast.AST) -> str:
    """The name that a value is given to; "" where it has none."""
    parent = facts.source.parents.get(node)
    match parent:
        case ast.keyword(arg=str(name)):
            return name
        case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value) if value is node:
            return name
        case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name), value=value) if value is node:
            return name
        case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str(name)))], value=value) if value is node:
            return name
        case ast.Dict(keys=keys, values=values) if node in values:
            key = keys[values.index(node)]
            return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
        case ast.Call(args=args) if node in args:
            names = facts.parameters(parent)
            place = args.index(node)
            return names[place] if names is not None and place < len(names) else ""
        case ast.Attribute() | ast.Subscript(value=ast.expr()) if getattr(parent, "value", None) is node:
            return ""
        case ast.Call(func=ast.Name(id="str" | "int" | "float" | "list" | "tuple" | "bool")):
            return slot(facts, parent)
        case ast.BoolOp() | ast.IfExp():
            return slot(facts, parent)
    return ""


def siblings(node: ast.AST, parent: ast.AST | None) -> list[ast.expr]:
    """The expressions that stand beside a node and are hardly ever the same as it."""
    match parent:
        case ast.Call(args=args, keywords=keywords):
            found = [*args, *(one.value for one in keywords)]
        case ast.BinOp(left=left, right=right):
            found = [left, right]
        case ast.Compare(left=left, comparators=others):
            found = [left, *others]
        case ast.BoolOp(values=values):
            found = values
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            found = elements
        case ast.Assign(targets=targets, value=value):
            found = [*targets, value]
        case ast.Subscript(value=value, slice=index):
            found = [value, index]
        case ast.IfExp(body=body, orelse=orelse):
            found = [body, orelse]
        case ast.Dict(keys=keys) if node in keys:
            found = [key for key in keys if key is not None]
        case ast.Attribute():
            return []
        case _:
            return []
    return [one for one in found if one is not node]


def doubled(facts: Facts, node: ast.expr, old: str, new: str) -> dict[str, float]:
    """Whether the same stands twice where two things differ: as it is written, and as it would be."""
    parent = facts.source.parents.get(node)
    beside = siblings(node, parent)
    if isinstance(parent, ast.Compare) and not beside:
        return {}
    texts = [facts.source.of(one) for one in beside]
    return {"twice as written": float(old in texts), "twice as meant": float(new in texts)}
