"""Evidence about what was forgotten: `return`, `await`, parentheses, `self`, a decorator, the f of an f-string."""

from __future__ import annotations

import ast
import re

from charmer.errors.edits import Edit
from charmer.errors.evidence.facts import METHODS, Facts

Found = dict[str, float]
SPEAKS = re.compile(r"(?m)^\s*(:returns?\b|:rtype|Returns?\s*:?\s*$|Returns\s*\n\s*-+)")
ASKS = ("get", "is", "has", "to", "from", "as", "build", "make", "create", "parse", "load", "find")
GROWS = ("append", "extend", "add", "update", "write", "remove", "insert")
SILENT = ("__init__", "setUp", "tearDown", "__setattr__", "__delattr__")
SPEAKING = ("__repr__", "__str__", "__len__", "__eq__", "__hash__", "__call__")


def lost(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for a word or sign that was forgotten."""
    if new == "return ":
        return _return(facts, edit)
    if new == "()":
        return _call(facts, edit)
    found: Found = {f"sign {new}": 1.0}
    statement = facts.assignment(edit.start)
    if statement is not None:
        found |= {f"sign {key}": value for key, value in _sum(facts, statement).items()}
    return found


def _return(facts: Facts, edit: Edit) -> Found:
    statement = facts.statements.get(edit.start)
    found: Found = {"return": 1.0}
    if not isinstance(statement, ast.Expr):
        return found
    function = facts.places[statement].function
    if function is None:
        return found
    value = statement.value
    found["value without effect"] = float(not isinstance(value, ast.Call | ast.Await | ast.Yield | ast.YieldFrom))
    given = [node for node in facts.returns.get(function, ()) if node.value is not None]
    real = [node for node in given if not (isinstance(node.value, ast.Constant) and node.value.value is None)]
    last = function.body[-1] is statement
    found["last of its function"] = float(last)
    found["others return a value"] = float(bool(real))
    found["last, and others return a value"] = float(last and bool(real))
    promised = function.returns is not None and facts.source.of(function.returns) not in ("None", '"None"', "NoReturn")
    found["promised by its annotation"] = float(promised and not real)
    found["promised, others return a value"] = float(promised and bool(real))
    found["annotated with None"] = float(function.returns is not None and not promised)
    documentation = ast.get_docstring(function, clean=False) or ""
    found["promised by its docstring"] = float(bool(SPEAKS.search(documentation)))
    found["named for what it gives"] = float(last and function.name.lstrip("_").partition("_")[0] in ASKS)
    found["makes an object"] = float(function.name in SILENT)
    found["only statement"] = float(len(function.body) - bool(documentation) == 1)
    found["tells its result"] = float(function.name in SPEAKING)
    if isinstance(value, ast.Call):
        callee = facts.source.of(value.func)
        others = [one for one in facts.calls.get(callee, ()) if one is not value]
        used = sum(not isinstance(facts.source.parents.get(one), ast.Expr) for one in others)
        found["result used elsewhere"] = float(used > 0)
        found["result dropped elsewhere"] = float(len(others) > used)
        found["super"] = float(callee.startswith("super()") and callee.endswith("." + function.name))
        if isinstance(value.func, ast.Name):
            found["makes a class's object"] = float(value.func.id[:1].isupper())
        elif isinstance(value.func, ast.Attribute):
            found["list grows"] = float(value.func.attr in GROWS)
    if function in facts.generators:
        found["in a generator"] = 1.0
    return found


def _call(facts: Facts, edit: Edit) -> Found:
    node = next(iter(facts.ends.get(edit.start, ())), None)
    found: Found = {"call": 1.0}
    if node is None:
        return found
    parent, attr = facts.source.parents.get(node), node.attr
    others = facts.named[attr] - 1
    found["call: called elsewhere"] = float(facts.called[attr] > 0)
    found["call: always called elsewhere"] = float(facts.called[attr] > 0 and others == 0)
    found["call: never called elsewhere"] = float(facts.called[attr] == 0)
    passed = isinstance(parent, ast.keyword) or (isinstance(parent, ast.Call) and node in parent.args)
    known = attr in METHODS
    found["call: method of a built-in type"] = float(known and not passed)
    found["call: given away"] = float(passed)
    found["call: in an attribute"] = float(isinstance(parent, ast.Attribute))
    owner = facts.places[node].owner
    if owner is not None and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        method = facts.classes[owner].methods.get(attr)
        plain = method is not None and not method.decorator_list
        found["call: own method"] = float(plain and not passed)
        found["call: own property or value"] = float(
            not plain and (method is not None or attr in facts.classes[owner].stored)
        )
    defined = facts.functions.get(attr, ())
    found["call: method of this module"] = float(any(not one.decorator_list for one in defined) and not passed)
    found["call: type and item"] = float(attr[:1].isupper() or isinstance(parent, ast.Subscript))
    found[f"call: in {type(parent).__name__}"] = 1.0
    found["call: looped over"] = float(isinstance(parent, ast.For | ast.comprehension))
    return found


def _await(facts: Facts, edit: Edit) -> Found:
    found: Found = {"await": 1.0}
    for node in facts.begins.get(edit.start, ()):
        if not isinstance(node, ast.Call):
            continue
        callee = facts.source.of(node.func)
        others = [one for one in facts.calls.get(callee, ()) if one is not node]
        awaited = sum(isinstance(facts.source.parents.get(one), ast.Await) for one in others)
        found["await: awaited elsewhere"] = float(awaited > 0)
        found["await: not awaited elsewhere"] = float(len(others) > awaited)
        attr = callee.rpartition(".")[2]
        defined = {type(one) for one in facts.functions.get(attr, ())}
        found["await: a coroutine of this module"] = float(ast.AsyncFunctionDef in defined)
        found["await: a function of this module"] = float(ast.FunctionDef in defined)
        found["await: result dropped"] = float(isinstance(facts.source.parents.get(node), ast.Expr))
        same = sum(
            isinstance(facts.source.parents.get(one), ast.Await)
            for key, calls in facts.calls.items()
            if key.rpartition(".")[2] == attr
            for one in calls
        )
        found["await: method awaited elsewhere"] = float(same > 0)
        break
    return found


def _sum(facts: Facts, statement: ast.Assign) -> Found:
    """Whether a value that is assigned should be added to."""
    target = statement.targets[0]
    if not isinstance(target, ast.Name | ast.Attribute):
        return {}
    found: Found = {}
    place, text = facts.places[statement], facts.source.of(target)
    at = facts.source.span(statement)[0]
    before = [
        one for one in facts.bindings[place.function, text] if one is not statement and facts.source.span(one)[0] < at
    ]
    found["bound before"] = float(bool(before))
    found["not bound before"] = float(not before and isinstance(target, ast.Name))
    found["in a loop"] = float(place.loop)
    started = bool(before) and facts.source.of(before[-1].value) in ("0", "0.0", '""', "''", "[]", "1")
    found["starts from nothing"] = float(started)
    found["starts from nothing, in a loop"] = float(started and place.loop)
    low, high = facts.source.span(statement.value)
    found["mentions itself"] = float(any(low <= one < high for one in facts.mentions.get(text, ())))
    return found


def operator(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for another arithmetic operator: which one for which, and of an assignment what was there before."""
    old = facts.source.text[edit.start : edit.end]
    found: Found = {f"{old} to {new}": 1.0}
    if old == "=" and new.endswith("="):
        statement = facts.assignment(edit.start)
        if statement is not None:
            found |= {f"sum {key}": value for key, value in _sum(facts, statement).items()}
    return found


def self(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for `self` in the parameters, or before a name."""
    if not new.endswith("."):
        function = facts.headed(edit.start)
        return {"parameter": 1.0, "parameter, and self is used": float(function in facts.selfish)}
    found: Found = {"before a name": 1.0}
    node = next((one for one in facts.begins.get(edit.start, ()) if isinstance(one, ast.Name)), None)
    owner = facts.places[node].owner if node is not None else None
    if node is None or owner is None:
        return found
    unbound = not facts.known(node, node.id)
    known = facts.classes[owner]
    has = node.id in known.methods or node.id in known.stored
    found["unbound"] = float(unbound)
    found["an own attribute"] = float(has)
    found["unbound, an own attribute"] = float(unbound and has)
    found["unbound, called"] = float(unbound and isinstance(facts.source.parents.get(node), ast.Call))
    found["log others"] = float(facts.attributes["self", node.id] > 0)
    return found


def decorator(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for a decorator that was forgotten."""
    kind = new.strip().partition("(")[0].lstrip("@")
    function = facts.headed(edit.start)
    if function is None:
        return {}
    owner = facts.places[function].owner
    first = next((one.arg for one in (*function.args.posonlyargs, *function.args.args)), "")
    found: Found = {kind if kind in ("property", "staticmethod", "classmethod") else "other decorator": 1.0}
    group = f"@{kind}: " if kind in ("property", "staticmethod", "classmethod") else "@: "
    found[group + f"takes {first if first in ('self', 'cls') else 'others' if first else 'nothing'}"] = 1.0
    found[group + "named elsewhere"] = float(facts.named[function.name] > 0)
    found[group + "called elsewhere"] = float(facts.called[function.name] > 0)
    found[group + "named, never called"] = float(facts.named[function.name] > 0 and not facts.called[function.name])
    alike = [one for one in facts.functions.get(function.name, ()) if facts.places[one].owner is owner]
    found[group + "defined twice"] = float(len(alike) > 1)
    text = new.strip()
    everyone = (one for same in facts.functions.values() for one in same if one is not function)
    brothers = [one for one in everyone if facts.places[one].owner is owner]
    wearing = sum(any(facts.source.of(own) == text[1:] for own in one.decorator_list) for one in brothers)
    found[group + "share of neighbours"] = wearing / max(len(brothers), 1)
    found[group + "all neighbours"] = float(wearing == len(brothers) > 1)
    found[group + "has one already"] = float(bool(function.decorator_list))
    found[group + "setter"] = float(text.endswith(".setter"))
    found[group + "setter of this"] = float(text == f"@{function.name}.setter" and len(alike) > 1)
    found[group + "used"] = float(function in facts.selfish)
    found[group + "takes itself alone"] = float(len(function.args.args) == 1)
    return found


def word(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for another keyword, or for an `await` that was forgotten."""
    if new == "await ":
        return _await(facts, edit)
    old = facts.source.text[edit.start : edit.end]
    found: Found = {f"{old} to {new}": 1.0}
    if new == "el":
        node = facts.statements.get(edit.start)
        previous = facts.previous.get(node) if node is not None else None
        if isinstance(node, ast.If) and isinstance(previous, ast.If):
            last = previous
            while len(last.orelse) == 1 and isinstance(last.orelse[0], ast.If):
                last = last.orelse[0]
            subjects = [_subjects(facts, one.test) for one in (last, node)]
            found["else behind"] = float(bool(node.orelse))
            found["asks the same thing"] = float(bool(subjects[0] & subjects[1]))
            found["asks the same thing, else behind"] = float(bool(subjects[0] & subjects[1]) and bool(node.orelse))
            found["chain before"] = float(last is not previous)
            found["else before"] = float(bool(last.orelse))
            found["blank line before"] = float(node.lineno - (previous.end_lineno or 0) > 1)
            found["left before"] = float(isinstance(last.body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break))
            found["same shape"] = float(type(last.body[-1]) is type(node.body[-1]))
    return found


def _subjects(facts: Facts, test: ast.expr) -> set[str]:
    return {
        facts.source.of(one.left if isinstance(one, ast.Compare) else one.args[0])
        for one in ast.walk(test)
        if isinstance(one, ast.Compare) or (isinstance(one, ast.Call) and one.args)
    }


def text(facts: Facts, edit: Edit, new: str) -> Found:
    """Evidence for the f of an f-string."""
    node = next((one for one in facts.begins.get(edit.start, ()) if isinstance(one, ast.Constant)), None)
    if node is None:
        return {}
    parent = facts.source.parents.get(node)
    names = re.findall(r"\{([A-Za-z_]\w*)[.\[!:}(]", str(node.value))
    bound = [facts.known(node, one) for one in names]
    formatted = isinstance(parent, ast.Attribute) or (isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod))
    return {
        "format: all names are bound": float(bool(names) and all(bound)),
        "format: some name is not": float(not all(bound) or not names),
        "format: formatted": float(formatted),
        "format: assigned": float(isinstance(parent, ast.Assign)),
    }
