"""Evidence about names, attributes and constants: which of two words belongs to a place."""

from __future__ import annotations

import ast
import math

from charmer.errors.edits import Edit
from charmer.errors.evidence.facts import METHODS, Facts, likeness
from charmer.errors.evidence.slots import doubled, slot

Found = dict[str, float]


def name(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for another variable: is the written one bound, is the other one unused, which of them fits."""
    node = facts.at(edit.start, edit.end, ast.Name)
    if not isinstance(node, ast.Name):
        return {}
    old = node.id
    written, meant = facts.use(node, old), facts.use(node, new)
    at, loop = edit.start, facts.places[node].loop
    found = fits(facts, node, old, new) | doubled(facts, node, old, new)
    found["unbound"] = float(not facts.known(node, old))
    local = facts.places[node].function is not None
    if local and meant.stores:
        found["unused parameter"] = float(not meant.loads and meant.parameter and not new.startswith("_"))
        found["unused variable"] = float(not meant.loads and not meant.parameter and not new.startswith("_"))
        early = not meant.parameter and min(meant.stores) > at
        found["meant is not bound yet"] = float(early and not loop)
        found["meant is bound later in a loop"] = float(early and loop)
        just = max((store for store in meant.stores if store < at), default=0)
        found["meant is fresh"] = float(just > 0 and not any(just < load < at for load in meant.loads))
        found["meant dies"] = float(just > 0 and not any(load > just for load in meant.loads))
        found["log uses of meant"] = math.log1p(len(meant.loads))
    if local and written.stores:
        early = not written.parameter and min(written.stores) > at
        found["written is not bound yet"] = float(early and not loop)
        found["written would be unused"] = float(len(written.loads) == 1)
        just = max((store for store in written.stores if store < at), default=0)
        found["written is fresh"] = float(just > 0 and not any(just < load < at for load in written.loads))
        found["log uses of written"] = math.log1p(len(written.loads) - 1)
        near = [_back(use.loads + use.stores, at) for use in (written, meant)]
        found["nearer"] = max(min(math.log(near[0] / near[1]), 3.0), -3.0)
    statement = facts.places[node].statement
    if isinstance(statement, ast.Assign | ast.For) and local:
        names = facts.targets(statement)
        found["written is what is assigned"] = float(old in names)
        found["meant is what is assigned"] = float(new in names)
    return found


def _back(places: list[int], at: int) -> int:
    """Characters back to the last mention, or 5,000."""
    return min((at - place for place in places if place < at), default=5000) + 10


def fits(facts: Facts, node: ast.expr, old: str, new: str) -> Found:
    """How well the written and the other word agree with the name of what they are given to."""
    target = slot(facts, node)
    if not target:
        return {}
    written, meant = likeness(old, target), likeness(new, target)
    return {
        "written is named like its slot": float(written == 1),
        "meant is named like its slot": float(meant == 1),
        "likeness to its slot": meant - written,
    }


def attribute(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for another attribute: does the object have the written one, is it called as it should be."""
    old = facts.source.text[edit.start : edit.end]
    node = next((one for one in facts.ends.get(edit.end, ()) if one.attr == old), None)
    if node is None:
        return {}
    source = facts.source
    base = source.of(node.value)
    parent = source.parents.get(node)
    call = parent if isinstance(parent, ast.Call) and parent.func is node else None
    found = fits(facts, node, old, new) | doubled(facts, node, f"{base}.{old}", f"{base}.{new}")
    others = facts.attributes[base, old] - 1
    found["only here"] = float(others == 0)
    found["log others"] = math.log1p(others)
    found["log others of meant"] = math.log1p(facts.attributes[base, new])
    everywhere = facts.called[old] + facts.named[old] - 1
    found["nowhere else"] = float(everywhere == 0)
    called, named = (facts.called, facts.named) if call else (facts.named, facts.called)  # as here, and otherwise
    found["written is used otherwise"] = float(called[old] == 1 and named[old] > 0)
    found["meant is used so"] = float(called[new] > 0 and named[new] == 0)
    found["meant is used otherwise"] = float(called[new] == 0 and named[new] > 0)
    owner = facts.places[node].owner
    if base in ("self", "cls") and owner is not None:
        known = facts.classes[owner]
        has = [word in known.methods or word in known.stored for word in (old, new)]
        found["self lacks it"] = float(known.closed and not has[0])
        found["self may lack it"] = float(not known.closed and not has[0])
        found["self has meant"] = float(has[1] and not has[0])
        if isinstance(node.ctx, ast.Store):
            place = facts.places[node].function
            found["stored twice"] = float(facts.stores[place, old] > 1 and not facts.stores[place, new])
        if call is not None:
            for word, key in ((old, "written"), (new, "meant")):
                method = known.methods.get(word)
                if (
                    method is not None
                    and not method.decorator_list
                    and not any(isinstance(one, ast.Starred) for one in call.args)
                ):
                    found[f"arguments fit {key}"] = 1.0 if _takes(method, call) else -1.0
        for word, key in ((old, "written"), (new, "meant")):
            method = known.methods.get(word)
            if method is not None and not method.decorator_list:
                found[f"{key} is a method"] = 1.0 if call else -1.0
    elif call is None:
        found["method not called"] = float(old in METHODS and new not in METHODS)
    return found


def _takes(method: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call) -> bool:
    """Whether a method takes as many positional arguments and such keywords as a call gives."""
    given = method.args
    positional = len(given.posonlyargs) + len(given.args) - 1
    names = {one.arg for one in (*given.args[1:], *given.kwonlyargs)}
    keywords = {one.arg for one in call.keywords}
    if None in keywords:
        return True
    if len(call.args) > positional and given.vararg is None:
        return False
    if not keywords <= names and given.kwarg is None:
        return False
    missing = positional - len(given.defaults) - len(call.args)
    return missing <= len(keywords & {one.arg for one in given.args[1:]})


def constant(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for another constant: its role and both values where they are small, its uses where it is a key."""
    node = facts.at(edit.start, edit.end, ast.Constant)
    if not isinstance(node, ast.Constant):
        return {}
    source = facts.source
    old = source.of(node)
    parent = source.parents.get(node)
    found = doubled(facts, node, old, new)
    if isinstance(node.value, str):
        plain = new.strip("\"'")
        found |= {f"key {key}": value for key, value in fits(facts, node, node.value, plain).items()}
        found["key only here"] = float(facts.strings[node.value] == 1)
        found["log keys of meant"] = math.log1p(facts.strings[plain])
        found["log keys of written"] = math.log1p(facts.strings[node.value] - 1)
        chain = _chain(facts, node)
        found["key asked twice"] = float(chain.count(node.value) > 1)
        found["key asked twice as meant"] = float(plain in chain)
        return found
    role = _role(node, parent, source.parents.get(parent) if parent is not None else None)
    kind = "bool" if isinstance(node.value, bool) or node.value is None else "number"
    found[f"{role} {kind}"] = 1.0
    if (len(old) < 3 and len(new) < 3) or kind == "bool":
        found[f"{old} to {new}"] = 1.0
        found[f"{role} {old} to {new}"] = 1.0
    return found


def _chain(facts: Facts, node: ast.Constant) -> list[str]:
    """The texts that the same thing is compared with in the same function (`kind == "a"`, `kind == "b"`, …), or the
    keys of the same table."""
    parent = facts.source.parents.get(node)
    if isinstance(parent, ast.Dict) and node in parent.keys:
        return [key.value for key in parent.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    if isinstance(parent, ast.Compare) and len(parent.comparators) == 1 and parent.comparators[0] is node:
        left = facts.source.of(parent.left)
        function = facts.places[node].function
        return [
            one.comparators[0].value
            for one in facts.comparisons
            if facts.places[one].function is function
            and len(one.comparators) == 1
            and isinstance(one.comparators[0], ast.Constant)
            and isinstance(one.comparators[0].value, str)
            and type(one.ops[0]) is type(parent.ops[0])
            and facts.source.of(one.left) == left
        ]
    return []


def _role(node: ast.AST, parent: ast.AST | None, above: ast.AST | None) -> str:
    match parent:
        case ast.UnaryOp():
            return "minus " + _role(parent, above, None) if above is not None else "minus"
        case ast.Subscript():
            return "index"
        case ast.Slice(lower=lower):
            return "lower" if lower is node else "upper"
        case ast.Call(func=ast.Name(id="range"), args=args):
            return f"range {args.index(node) if node in args else 9}"
        case ast.Compare(ops=[op, *_], comparators=[right, *_]) if right is node:
            return f"{type(op).__name__}"
        case ast.BinOp(op=op, right=right) if right is node:
            return type(op).__name__
        case ast.AugAssign():
            return "step"
        case ast.keyword() | ast.Call():
            return "argument"
        case ast.Return():
            return "return"
        case ast.Assign() | ast.AnnAssign():
            return "assignment"
    return "other"
