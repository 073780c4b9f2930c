"""What a module says about its own names: one walk through its tree serves every kind of evidence."""

from __future__ import annotations

import ast
import bisect
import builtins
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from charmer.errors.candidates.source import FUNCTIONS, Source, bound

BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__class__", "__path__", "__spec__"}
METHODS = frozenset(  # methods of the built-in types: named without being called they are nearly always a slip
    name for kind in (str, bytes, list, dict, set) for name in dir(kind) if not name.startswith("_")
)
CONDITIONS = ast.Compare | ast.UnaryOp | ast.BoolOp | ast.Name | ast.Attribute | ast.Call | ast.Subscript
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Place:
    """Where a node stands: the innermost function, class and statement around it, and whether a loop is."""

    function: Function | None
    outer: Function | None
    owner: ast.ClassDef | None
    statement: ast.stmt | None
    loop: bool


@dataclass
class Use:
    """One name in one function, its nested functions included; places in characters."""

    loads: list[int] = field(default_factory=list)
    stores: list[int] = field(default_factory=list)
    parameter: bool = False


@dataclass
class Class:
    """What a class gives to `self`."""

    methods: dict[str, Function] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    closed: bool = True  # every base stands in the same module


class Facts:
    """The tables of one module.

    Attributes:
        uses: by function (None: the module) and name.
        attributes: how often each (text before the dot, attribute) stands.
        called: how often each attribute is called, and `named`, how often it stands without a call.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: dict[ast.AST, Place] = {}
        self.uses: dict[tuple[Function | None, str], Use] = {}
        self.attributes: Counter[tuple[str, str]] = Counter()
        self.called: Counter[str] = Counter()
        self.named: Counter[str] = Counter()
        self.classes: dict[ast.ClassDef, Class] = {}
        self.functions: dict[str, list[Function]] = {}
        self.constructors: dict[str, ast.ClassDef] = {}
        self.spans: dict[tuple[int, int], list[ast.expr]] = {}
        self.ends: dict[int, list[ast.Attribute]] = {}
        self.strings: Counter[str] = Counter()
        self.comparisons: list[ast.Compare] = []
        self.begins: dict[int, list[ast.expr]] = {}
        self.calls: dict[str, list[ast.Call]] = {}
        self.assignments: list[ast.Assign] = []  # of one target
        self.statements: dict[int, ast.stmt] = {}
        self.returns: dict[Function, list[ast.Return]] = {}
        self.generators: set[Function] = set()
        self.stores: Counter[tuple[Function | None, str]] = Counter()
        self._names: dict[ast.AST, set[str]] = {}
        self._targets: dict[ast.AST, set[str]] = {}
        self.selfish: set[Function | None] = set()
        self._walk()
        self._close()

    def _walk(self) -> None:
        waiting: list[tuple[ast.AST, Place]] = [(self.source.tree, Place(None, None, None, None, False))]
        while waiting:
            node, place = waiting.pop()
            if isinstance(node, ast.stmt):
                place = Place(place.function, place.outer, place.owner, node, place.loop)
            self.places[node] = place
            self._note(node, place)
            if isinstance(node, FUNCTIONS):
                inner = Place(node, place.function, place.owner, place.statement, False)
            elif isinstance(node, ast.ClassDef):
                self.classes[node] = Class()
                self.constructors[node.name] = node
                inner = Place(place.function, place.outer, node, place.statement, False)
            elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
                inner = Place(place.function, place.outer, place.owner, place.statement, True)
            else:
                inner = place
            waiting += [(child, inner) for child in ast.iter_child_nodes(node)]

    def _note(self, node: ast.AST, place: Place) -> None:
        if isinstance(node, ast.expr):
            span = self.source.span(node)
            self.spans.setdefault(span, []).append(node)
            self.begins.setdefault(span[0], []).append(node)
        if isinstance(node, ast.Name):
            self._use(node, node.id, isinstance(node.ctx, ast.Load), place)
            if node.id == "self":
                self.selfish |= {place.function, place.outer}
        elif isinstance(node, ast.arg):
            self._use(node, node.arg, False, place)
            self.uses[place.function, node.arg].parameter = True
        elif isinstance(node, ast.Attribute):
            self.attributes[self.source.of(node.value), node.attr] += 1
            self.ends.setdefault(self.source.span(node)[1], []).append(node)
            if isinstance(node.ctx, ast.Store):
                self.stores[place.function, node.attr] += 1
            parent = self.source.parents.get(node)
            (self.called if isinstance(parent, ast.Call) and parent.func is node else self.named)[node.attr] += 1
            own = place.owner is not None and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if own and isinstance(node.ctx, ast.Store) and place.owner in self.classes:
                self.classes[place.owner].stored.add(node.attr)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                self.strings[node.value] += 1
        elif isinstance(node, ast.Compare):
            self.comparisons.append(node)
        elif isinstance(node, ast.Call):
            self.calls.setdefault(self.source.of(node.func), []).append(node)
        elif isinstance(node, ast.Yield | ast.YieldFrom) and place.function is not None:
            self.generators.add(place.function)
        elif isinstance(node, ast.stmt | ast.ExceptHandler):
            for name in bound(node):
                self._use(node, name, False, place)
        if isinstance(node, ast.stmt):
            self.statements[self.source.span(node)[0]] = node
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self.assignments.append(node)
        elif isinstance(node, ast.Return) and place.function is not None:
            self.returns.setdefault(place.function, []).append(node)
        if isinstance(node, FUNCTIONS):
            self.functions.setdefault(node.name, []).append(node)
            if place.owner is not None and place.function is None:
                self.classes[place.owner].methods.setdefault(node.name, node)
        if place.owner is not None and place.function is None and isinstance(node, ast.Name | ast.ClassDef):
            self.classes[place.owner].stored.update(bound(node))

    def _use(self, node: ast.AST, name: str, load: bool, place: Place) -> None:
        start = self.source.span(node)[0]
        for function in dict.fromkeys((place.function, place.outer, None)):
            use = self.uses.setdefault((function, name), Use())
            (use.loads if load else use.stores).append(start)

    def _close(self) -> None:
        """Inherit within the module; a class with a foreign base may have anything."""
        for node in sorted(self.classes, key=lambda one: one.lineno):
            known = self.classes[node]
            for base in node.bases:
                parent = self.constructors.get(base.id) if isinstance(base, ast.Name) else None
                if parent is not None and parent is not node:
                    other = self.classes[parent]
                    known.methods = other.methods | known.methods
                    known.stored |= other.stored
                    known.closed = known.closed and other.closed
                elif not (isinstance(base, ast.Name) and base.id == "object"):
                    known.closed = False
            known.closed = known.closed and "__getattr__" not in known.methods and not node.decorator_list

    def use(self, node: ast.AST, name: str) -> Use:
        """How the function around a node uses a name."""
        return self.uses.get((self.places[node].function, name)) or Use()

    def known(self, node: ast.AST, name: str) -> bool:
        """Whether a name is bound in reach of a node, as far as the module tells."""
        if node not in self._names:
            self._names[node] = set(self.source.names(node))
        return name in BUILTINS or self.starred or name in self._names[node] or name in self.everywhere

    def targets(self, statement: ast.Assign | ast.For) -> set[str]:
        """The names in what a statement assigns to."""
        if statement not in self._targets:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            self._targets[statement] = {
                one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)
            }
        return self._targets[statement]

    def assignment(self, place: int) -> ast.Assign | None:
        """The assignment in which a character stands."""
        at = bisect.bisect_left(self._assigned, place, key=lambda entry: entry[0]) - 1
        return self._assigned[at][2] if at >= 0 and place < self._assigned[at][1] else None

    @cached_property
    def _assigned(self) -> list[tuple[int, int, ast.Assign]]:
        return sorted(((*self.source.span(one), one) for one in self.assignments), key=lambda entry: entry[:2])

    @cached_property
    def bindings(self) -> dict[tuple[Function | None, str], list[ast.Assign]]:
        """The assignments of one target, by function and the target's text."""
        found: dict[tuple[Function | None, str], list[ast.Assign]] = {}
        for one in self.assignments:
            found.setdefault((self.places[one].function, self.source.of(one.targets[0])), []).append(one)
        return found

    @cached_property
    def mentions(self) -> dict[str, list[int]]:
        """Where each name, and each attribute with what stands before its dot, begins."""
        found: dict[str, list[int]] = {}
        for node in self.places:
            if isinstance(node, ast.Name | ast.Attribute):
                found.setdefault(self.source.of(node), []).append(self.source.span(node)[0])
        return found

    @cached_property
    def starred(self) -> bool:
        """Whether `from … import *` may bind anything."""
        return any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in self.source.tree.body)

    @cached_property
    def everywhere(self) -> set[str]:
        """The names that `global` and patterns bind."""
        found: set[str] = set()
        for node in self.places:
            if isinstance(node, ast.Global | ast.Nonlocal):
                found.update(node.names)
            elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                found.add(node.name)
            elif isinstance(node, ast.MatchMapping) and node.rest:
                found.add(node.rest)
        return found

    @cached_property
    def previous(self) -> dict[ast.AST, ast.stmt]:
        """The statement before each one in the same body."""
        found: dict[ast.AST, ast.stmt] = {}
        for node in self.places:
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list):
                    found |= dict(zip(body[1:], body, strict=False))
        return found

    def headed(self, place: int) -> Function | None:
        """The function in whose head a place stands, its decorators included."""
        at = bisect.bisect_right(self._sorted, place, key=lambda entry: entry[0]) - 1
        return self._sorted[at][1] if at >= 0 else None

    @cached_property
    def _sorted(self) -> list[tuple[int, Function]]:
        source = self.source
        starts = [
            (source.line_start(min([one.lineno, *(own.lineno for own in one.decorator_list)])), one)
            for group in self.functions.values()
            for one in group
        ]
        return sorted(starts, key=lambda entry: entry[0])

    def at(self, start: int, end: int, kind: type[ast.expr]) -> ast.expr | None:
        """The node of a type that takes just this place."""
        return next((node for node in self.spans.get((start, end), ()) if isinstance(node, kind)), None)

    def parameters(self, call: ast.Call) -> list[str] | None:
        """The names of the positional parameters of what is called, where the module defines it, and only once."""
        match call.func:
            case ast.Name(id=name) if name in self.constructors:
                method = self.classes[self.constructors[name]].methods.get("__init__")
                return _positional(method)[1:] if method is not None else None
            case ast.Name(id=name) if len(self.functions.get(name, ())) == 1:
                return _positional(self.functions[name][0])
            case ast.Attribute(attr=name) if len(self.functions.get(name, ())) == 1:
                function = self.functions[name][0]
                names = _positional(function)
                return names[1:] if names[:1] in (["self"], ["cls"]) else names
        return None


def _positional(function: Function) -> list[str]:
    return [one.arg for one in (*function.args.posonlyargs, *function.args.args)]


@lru_cache(maxsize=10_000)
def words(name: str) -> frozenset[str]:
    """The parts of a name, for comparison: `max_lineWidth` -> max, line, width.

    >>> sorted(words("max_lineWidths"))
    ['line', 'max', 'width']
    """
    parts, part = [], ""
    for sign, after in zip(name, [*name[1:], "_"], strict=False):
        if sign.isalnum():
            part += sign.lower()
        if part and (not sign.isalnum() or (after.isupper() and sign.islower()) or not after.isalnum()):
            parts.append(part)
            part = ""
    return frozenset(
        one[:-1] if len(one) > 3 and one.endswith("s") and not one.endswith("ss") else one for one in parts
    )


def likeness(one: str, other: str) -> float:
    """How much two names have in common, 0 to 1 (Jaccard's index of their parts)."""
    if one == other:
        return 1.0
    first, second = words(one), words(other)
    return len(first & second) / len(first | second) if first | second else 0.0
