"""The single slips that may stand in code that runs, each as the edit that undoes it: what `check` asks a model about.

Notable here: these are far fewer than what a search with tests tries (`charmer.errors.candidates`), since every one of
them may raise a false alarm. Looked into are functions, and at the top of a module what runs: a table there has no
neighbours from which anybody could tell that an entry is wrong.
"""

from __future__ import annotations

import ast
import bisect
import builtins
import itertools
import re
from collections.abc import Iterator

from charmer.errors import heads
from charmer.errors.candidates import expressions, tokens
from charmer.errors.candidates.source import FUNCTIONS, SCOPES, Source
from charmer.errors.edits import Edit

HEADS = ("self", "decorator")  # kinds that may change the head of a function
NEAREST = 12  # names, attributes and texts that are offered for one
CONFUSED = (  # as `tokens.FAMILIES`: what runs either way
    ("debug", "info", "warning", "error"),
    ("getattr", "hasattr"),
    ("index", "count"),
    ("add", "update"),
)
BUILTINS = frozenset(dir(builtins))
METHODS = frozenset(name for kind in (str, dict, list) for name in dir(kind) if name[0] != "_")
COMPUTATIONS = ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp | ast.IfExp | ast.Subscript | ast.Call
COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
COMPUTED = COMPUTATIONS | COMPREHENSIONS  # what a script assigns, and a table is none of
DESCRIBES = FUNCTIONS | ast.ClassDef | ast.Import | ast.ImportFrom
Change = tuple[int, int, str]


def slips(source: Source) -> list[Edit]:
    """The edits, without repetitions, in the order of the text."""
    inside = sorted(_inside(source))
    lows = [low for low, _ in inside]
    found: dict[Change, Edit] = {}
    for kind, generator in GENERATORS.items():
        for start, end, replacement in generator(source):
            at = bisect.bisect_right(lows, start) - 1
            within = kind in HEADS or (at >= 0 and end <= inside[at][1])
            if within and source.text[start:end] != replacement:
                found.setdefault((start, end, replacement), Edit(start, end, replacement, kind))
    return [found[change] for change in sorted(found)]


def _inside(source: Source) -> list[tuple[int, int]]:
    """The bodies of the outermost functions, and the statements that run at the top."""
    found = [source.span(node) for node in source.tree.body if _runs(node)]
    for node in source.nodes:
        if isinstance(node, FUNCTIONS):
            documented = ast.get_docstring(node, clean=False) is not None and len(node.body) > 1
            low, high = source.span(node.body[documented])[0], source.span(node)[1]
            if not any(first <= low and high <= last for first, last in found):
                found.append((low, high))
    return found


def _runs(statement: ast.stmt) -> bool:
    """Whether a statement at the top does something, as those of a script do, and does not only describe."""
    match statement:
        case ast.Expr(value=value):
            return not isinstance(value, ast.Constant)
        case ast.Assign(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            constant = all(isinstance(target, ast.Name) and target.id.isupper() for target in targets)
            return isinstance(value, COMPUTED) and not constant
        case ast.If(test=test) if any(isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(test)):
            return True
        case ast.If() | ast.Try() | ast.TryStar() | ast.With():
            return not any(isinstance(one, DESCRIBES) for one in ast.walk(statement))
    return isinstance(statement, ast.For | ast.While | ast.AugAssign | ast.Assert | ast.Match | ast.Raise)


def _loads(source: Source) -> Iterator[ast.Name]:
    for node in source.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node


def _relatives(word: str) -> list[str]:
    """Names that are taken for a built-in name or a well-known method."""
    near = [other for group in CONFUSED if word in group for other in group if other != word]
    return list(dict.fromkeys([*tokens.relatives(word), *near]))


def name(source: Source) -> Iterator[Change]:
    """Another variable of the same function, or of the module's top, or a built-in function that is taken for this."""
    top = list(dict.fromkeys(source.of(node) for node in source.nodes if _of_module(source, node)))
    for node in _loads(source):
        if source.function(node) is not None:
            local = source.local_names(node)
        else:
            local = [] if any(isinstance(one, ast.ClassDef) for one in source.ancestors(node)) else top
        others = _relatives(node.id)
        if node.id in local:
            place = local.index(node.id)
            near = sorted((abs(place - other), word) for other, word in enumerate(local) if other != place)
            others = [word for _, word in near[:NEAREST]]
        for other in others:
            yield *source.span(node), other


def _of_module(source: Source, node: ast.AST) -> bool:
    """Whether a node is a name that is assigned to as a variable of the module."""
    stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    return stored and not any(isinstance(one, SCOPES | ast.comprehension) for one in [*source.ancestors(node)][:-1])


def attribute(source: Source) -> Iterator[Change]:
    """Another attribute that stands behind the same object somewhere, or a method that is taken for this one."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute):
            end = source.span(node)[1]
            known = source.attributes.get(source.of(node.value), [])
            place = known.index(node.attr) if node.attr in known else 0
            near = sorted(known, key=lambda other: abs(known.index(other) - place))[: NEAREST + 1]
            for other in dict.fromkeys([*near, *_relatives(node.attr)]):
                yield end - len(node.attr), end, other


def constant(source: Source) -> Iterator[Change]:
    """One more or less, another truth value, another key of the same function."""
    keys: dict[ast.AST | None, dict[str, None]] = {}
    for node in source.nodes:
        if _is_key(source, node):
            keys.setdefault(source.function(node), {})[source.of(node)] = None
    for node in source.nodes:
        if not isinstance(node, ast.Constant):
            continue
        value, span = node.value, source.span(node)
        if isinstance(value, bool):
            yield *span, str(not value)
            yield *span, "None"
        elif value is None:
            yield *span, "True"
            yield *span, "False"
        elif isinstance(value, int) and abs(value) < 10**9:
            for other in (value - 1, value + 1, 0, 1):
                if other >= 0:
                    yield *span, str(other)
            if value and value % 10 == 0:
                yield *span, str(value // 10)
        elif node in keys.get(source.function(node), ()) or _is_key(source, node):
            for text in list(keys[source.function(node)])[:NEAREST]:
                yield *span, text


def _is_key(source: Source, node: ast.AST) -> bool:
    parent = source.parents.get(node)
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and 0 < len(node.value) <= 20
        and node.value != "__main__"
        and " " not in node.value
        and isinstance(parent, ast.Subscript | ast.Compare | ast.Dict | ast.Call | ast.keyword | ast.Return)
    )


def lost(source: Source) -> Iterator[Change]:
    """A word or sign that was forgotten: `return`, `await`, parentheses, `+` before `=`."""
    for node in source.nodes:
        parent = source.parents.get(node)
        if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Await | ast.Yield):
            body = getattr(parent, "body", [])
            orelse = getattr(parent, "orelse", [])
            last = node in (body[-1:] if isinstance(body, list) else []) + (orelse[-1:] if orelse else [])
            if last and not _of_class_or_module(source, node):
                yield source.span(node)[0], source.span(node)[0], "return "
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            inner = isinstance(parent, ast.Attribute) and node.attr not in METHODS
            if not (inner or (isinstance(parent, ast.Call) and parent.func is node)):
                yield source.span(node)[1], source.span(node)[1], "()"
        elif (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name | ast.Attribute)
        ):
            place = source.text.find("=", source.span(node.targets[0])[1])
            for sign in "+-|":
                yield place, place, sign
            if isinstance(node.value, ast.UnaryOp) and source.text[place + 1] in "+-":  # `=+`, turned round
                yield place, place + 2, f"{source.text[place + 1]}="
        called = isinstance(node, ast.Call) and not isinstance(parent, ast.Await)
        if called and isinstance(source.function(node), ast.AsyncFunctionDef):
            yield source.span(node)[0], source.span(node)[0], "await "


def _of_class_or_module(source: Source, node: ast.AST) -> bool:
    """Whether the innermost scope around a node is none of a function."""
    scope = next(one for one in source.ancestors(node) if isinstance(one, SCOPES))
    return isinstance(scope, ast.ClassDef | ast.Module)


def self(source: Source) -> Iterator[Change]:
    """`self.` before a name that is an attribute, `self` in the parameters of a method."""
    known = {word: set(source.attributes.get(word, ())) for word in ("self", "cls")}
    for node in _loads(source):
        if node.id in source.local_names(node):
            continue
        names = source.names(node)
        for word, attributes in known.items():
            if word in names and node.id != word and (node.id in attributes or node.id not in {*names, *BUILTINS}):
                yield source.span(node)[0], source.span(node)[0], f"{word}."
    yield from heads.lost_self(source)


def unpacked(source: Source) -> Iterator[Change]:
    """Slices the wrong way round, names unpacked in the wrong order."""
    for node in source.nodes:
        match node:
            case ast.Slice(lower=ast.expr() as bound, upper=None, step=None):
                yield *source.span(node), f":{source.text[slice(*source.outer(bound))]}"
            case ast.Slice(lower=None, upper=ast.expr() as bound, step=None):
                yield *source.span(node), f"{source.text[slice(*source.outer(bound))]}:"


def off_by_one(source: Source) -> Iterator[Change]:
    """`+ 1` or `- 1` more, as a search tries it, or less."""
    yield from expressions.off_by_one(source)
    for node in source.nodes:
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=ast.Constant(value=1)):
                yield source.outer(left)[1], source.span(node)[1], ""


def word(source: Source) -> Iterator[Change]:
    """Another keyword, and `elif` for an `if` that follows another."""
    yield from tokens.word(source)
    for node in source.nodes:
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            for before, after in itertools.pairwise(body if isinstance(body, list) else []):
                if isinstance(before, ast.If) and isinstance(after, ast.If):
                    start = source.span(after)[0]
                    yield start, start, "el"


def text(source: Source) -> Iterator[Change]:
    """The f of an f-string, where what stands in braces is a name in reach."""
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value:
            start = source.span(node)[0]
            parent = source.parents.get(node)
            shown = isinstance(parent, ast.expr | ast.stmt | ast.keyword) and not isinstance(parent, ast.Expr)
            if source.text[start] in "'\"" and shown:
                names = set(re.findall(r"\{([A-Za-z_]\w*)[.\[!:}(]", node.value))
                if names and names <= {*source.names(node), *BUILTINS}:
                    yield start, start, "f"


GENERATORS = {
    "comparison": tokens.comparison,
    "operator": tokens.operator,
    "boolean": tokens.boolean,
    "negation": tokens.negation,
    "off-by-one": off_by_one,
    "swap": expressions.swap,
    "word": word,
    "name": name,
    "attribute": attribute,
    "constant": constant,
    "lost": lost,
    "self": self,
    "slice": unpacked,
    "decorator": heads.decorator,
    "format": text,
}
