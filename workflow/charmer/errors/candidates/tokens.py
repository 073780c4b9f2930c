"""Edits of one token: another operator, name, attribute or constant, a `not` or `self.` more or less.

Each generator takes a `Source` and yields (start, end, replacement).
"""

from __future__ import annotations

import ast
import itertools
import keyword
from collections.abc import Callable, Iterator

from charmer.errors.candidates.source import FUNCTIONS, Source

Change = tuple[int, int, str]
Generator = Callable[[Source], Iterator[Change]]

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
RELATED = {  # comparisons of other kinds that are taken for one another
    "is": ("is not", "=="),
    "is not": ("is", "!="),
    "in": ("not in", "=="),
    "not in": ("in", "!="),
    "==": ("is", "in"),
    "!=": ("is not", "not in"),
}
ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")
BITS = ("&", "|", "^", "<<", ">>")
AS_LOGIC = {"&": ("and",), "|": ("or",)}

FAMILIES = (  # names and methods that are taken for one another
    {"min", "max", "sum", "len", "sorted"},
    {"any", "all"},
    {"int", "float", "str", "round", "bool", "abs"},
    {"list", "tuple", "set", "dict", "frozenset"},
    {"range", "enumerate", "len", "zip"},
    {"sorted", "reversed", "list", "iter"},
    {"isinstance", "issubclass", "hasattr"},
    {"str", "repr", "ascii", "ord", "chr"},
    {"append", "extend", "insert", "add", "appendleft"},
    {"pop", "popleft", "remove", "discard", "clear"},
    {"keys", "values", "items"},
    {"lower", "upper", "title", "capitalize", "casefold", "swapcase"},
    {"strip", "lstrip", "rstrip"},
    {"removeprefix", "removesuffix", "lstrip", "rstrip"},
    {"split", "rsplit", "splitlines", "partition", "rpartition"},
    {"partition", "rpartition"},
    {"find", "rfind", "index", "rindex"},
    {"startswith", "endswith"},
    {"isdigit", "isalpha", "isalnum", "isnumeric", "isdecimal", "isidentifier"},
    {"isupper", "islower", "isspace", "isalpha"},
    {"union", "intersection", "difference", "symmetric_difference", "update"},
    {"issubset", "issuperset", "isdisjoint"},
    {"get", "pop", "setdefault"},
    {"copy", "deepcopy"},
    {"match", "search", "fullmatch", "findall", "finditer"},
    {"read", "readline", "readlines"},
    {"load", "loads"},
    {"dump", "dumps"},
    {"floor", "ceil", "trunc", "round"},
    {"ljust", "rjust", "center", "zfill"},
    {"encode", "decode"},
    {"bisect_left", "bisect_right"},
    {"heappush", "heappop", "heappushpop", "heapreplace"},
    {"seconds", "total_seconds", "days", "microseconds"},
    {"weekday", "isoweekday"},
    {"quote", "unquote", "quote_plus", "unquote_plus"},
    {"netloc", "hostname", "path"},
    {"KeyError", "IndexError", "LookupError", "ValueError", "TypeError", "AttributeError", "Exception"},
    {"OSError", "FileNotFoundError", "PermissionError", "Exception"},
    {"StopIteration", "IndexError", "RuntimeError"},
    {"ZeroDivisionError", "ArithmeticError", "OverflowError", "ValueError"},
)
EMPTY = ("None", "0", '""', "[]", "{}", "False", "True")
MAX_STRINGS = 8
MAX_STRING = 40  # characters
MAX_ATTRIBUTES = 24


def comparison(source: Source) -> Iterator[Change]:
    """Another comparison."""
    for node in source.nodes:
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            for left, right in itertools.pairwise(operands):
                where = source.operator(left, right)
                if where is not None:
                    now = " ".join(source.text[where[0] : where[1]].split())
                    for other in (*(COMPARISONS if now in COMPARISONS else ()), *RELATED.get(now, ())):
                        yield *where, other


def operator(source: Source) -> Iterator[Change]:
    """Another arithmetic operator, or operator on bits; also behind which `=` stands, or before it."""
    for node in source.nodes:
        if isinstance(node, ast.BinOp):
            where = source.operator(node.left, node.right)
            if where is None or (isinstance(node.left, ast.Constant | ast.JoinedStr) and isinstance(node.op, ast.Mod)):
                continue
            now = source.text[where[0] : where[1]]
            for other in (*(ARITHMETIC if now in ARITHMETIC else BITS), *AS_LOGIC.get(now, ())):
                yield *where, other
        elif isinstance(node, ast.AugAssign):
            where = source.operator(node.target, node.value)
            if where is not None:
                now = source.text[where[0] : where[1]].removesuffix("=")
                for other in ARITHMETIC if now in ARITHMETIC else BITS:
                    yield *where, f"{other}="
                yield *where, "="
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple):
            where = source.operator(node.targets[0], node.value)
            if where is not None:
                for other in ("+=", "-=", "*=", "//=", "|=", "&="):
                    yield *where, other


def boolean(source: Source) -> Iterator[Change]:
    """`and` for `or`, and the other way round."""
    for node in source.nodes:
        if isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                where = source.operator(left, right)
                if where is not None:
                    yield *where, "or" if isinstance(node.op, ast.And) else "and"


def negation(source: Source) -> Iterator[Change]:
    """A `not` or a minus sign more or less."""
    for node in source.nodes:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            yield source.span(node)[0], source.span(node.operand)[0], ""
            if isinstance(node.op, ast.Invert):
                yield source.span(node)[0], source.span(node.operand)[0], "not "
        for value in _conditions(node):
            if (isinstance(value, ast.Compare) and len(value.ops) == 1) or isinstance(value, ast.UnaryOp):
                continue  # another comparison says the same
            start, end = source.span(value)
            if isinstance(value, ast.BoolOp | ast.IfExp | ast.NamedExpr | ast.Lambda):
                yield start, end, f"not ({source.text[start:end]})"
            else:
                yield start, start, "not "
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value:
            yield source.span(node)[0], source.span(node)[0], "-"
        elif isinstance(node, ast.Return | ast.keyword | ast.Lambda | ast.Subscript):
            inner = {ast.Return: "value", ast.keyword: "value", ast.Lambda: "body", ast.Subscript: "slice"}[type(node)]
            value = getattr(node, inner)
            if isinstance(value, ast.Name | ast.Call | ast.Attribute | ast.Subscript):
                yield source.span(value)[0], source.span(value)[0], "-"


def _conditions(node: ast.AST) -> list[ast.expr]:
    """The expressions below a node whose truth counts."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
            return [test]
        case ast.BoolOp(values=values) | ast.comprehension(ifs=values):
            return values
        case ast.Return(value=ast.expr() as value):
            return [value]
    return []


def number(source: Source) -> Iterator[Change]:
    """Another number: one more, one less, 0, 1, -1, 2, or one that stands in the same function."""
    near: dict[ast.AST | None, list[str]] = {}
    found = [
        (node, source.function(node))
        for node in source.nodes
        if isinstance(node, ast.Constant) and type(node.value) in (int, float)
    ]
    for node, function in found:
        near.setdefault(function, []).append(source.of(node))
    for node, function in found:
        others = ["0", "1", "-1", "2", *near[function]]
        if isinstance(node.value, int) and abs(node.value) < 10**12:
            others = [str(node.value + 1), str(node.value - 1), *others]
            if abs(node.value) > 9:
                others += [str(node.value * 10), str(node.value // 10)]
        for other in dict.fromkeys(others):
            yield *source.span(node), other


def constant(source: Source) -> Iterator[Change]:
    """True for False, None for something empty and the other way round, another short string of the module."""
    strings = {node: node.value for node in source.nodes if isinstance(node, ast.Constant) and type(node.value) is str}
    documentation = {
        id(node.body[0].value)
        for node in source.nodes
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTIONS) and node.body and isinstance(node.body[0], ast.Expr)
    }
    inside = {id(part) for node in source.nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    hidden = documentation | inside
    short = {
        node: source.of(node) for node, value in strings.items() if len(value) <= MAX_STRING and id(node) not in hidden
    }
    for node in source.nodes:
        if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool)):
            for other in EMPTY:
                yield *source.span(node), other
        elif isinstance(node, ast.List | ast.Dict) and not (getattr(node, "elts", None) or getattr(node, "keys", None)):
            for other in ("None", "[]", "{}", "set()"):
                yield *source.span(node), other
        elif isinstance(node, ast.Constant) and type(node.value) is int and node.value in (0, 1):
            for other in ("None", "False", "True"):
                yield *source.span(node), other
    for node, text in short.items():
        line = node.lineno
        others = sorted(short, key=lambda other: (abs(other.lineno - line), other.col_offset))
        for text in dict.fromkeys(short[other] for other in others[: 3 * MAX_STRINGS]):
            yield *source.span(node), text
        for other in ('""', '" "', "None"):
            if len(strings[node]) <= 1:
                yield *source.span(node), other


def name(source: Source) -> Iterator[Change]:
    """Another name that is in reach, or another built-in one of the same family."""
    for node in source.nodes:
        if not isinstance(node, ast.Name):
            continue
        parent = source.parents.get(node)
        called = isinstance(parent, ast.Call) and parent.func is node
        local = source.local_names(node)
        others = list(local)
        if called or isinstance(parent, ast.ExceptHandler | ast.Raise) or node.id not in local:
            others = [*source.names(node), *relatives(node.id)]
        for other in others:
            if other != node.id:
                yield *source.span(node), other


def relatives(word: str) -> list[str]:
    """Names that are taken for a built-in name or method, in a fixed order."""
    return sorted({other for family in FAMILIES if word in family for other in family} - {word})


def attribute(source: Source) -> Iterator[Change]:
    """Another attribute or method: one that stands in the module, those of the same object first, or a relative."""
    for node in source.nodes:
        if isinstance(node, ast.Attribute):
            end = source.span(node)[1]
            near = [*source.attributes.get(source.of(node.value), ()), *relatives(node.attr), *source.attributes[""]]
            for other in list(dict.fromkeys(near))[:MAX_ATTRIBUTES]:
                yield end - len(node.attr), end, other


def word(source: Source) -> Iterator[Change]:
    """`yield` for `return`, `if` for `while`, and the other way round; an `await` more or less."""
    others = {
        "break": ("pass",),
        "continue": ("pass",),
        "pass": ("continue", "break", "raise", "return"),
        "return": ("yield",),
        "yield": ("return", "yield from"),
        "if": ("while",),
        "elif": ("if",),
        "while": ("if",),
    }
    for token in source.tokens:
        if keyword.iskeyword(token.string):
            for other in others.get(token.string, ()):
                if token.string not in ("if", "while") or _first(source, token.start):
                    yield token.start, token.end, other
    for node in source.nodes:
        if isinstance(node, ast.Await):
            yield source.span(node)[0], source.span(node.value)[0], ""
        elif isinstance(node, ast.Call) and isinstance(source.function(node), ast.AsyncFunctionDef):
            waited = isinstance(source.parents.get(node), ast.Await)
            yield source.span(node)[0], source.span(node)[0], "" if waited else "await "


def _first(source: Source, place: int) -> bool:
    """Whether nothing but blanks stands before a place on its line."""
    return not source.text[source.text.rfind("\n", 0, place) + 1 : place].strip()


def self(source: Source) -> Iterator[Change]:
    """`self.` where it was forgotten, or where a local name was meant."""
    known = set(source.attributes.get("self", ()))
    for node in source.nodes:
        if isinstance(node, ast.Name) and node.id in known and "self" in source.local_names(node):
            yield source.span(node)[0], source.span(node)[0], "self."
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            start, end = source.span(node)
            if node.attr in source.names(node):
                yield start, end, node.attr
        elif isinstance(node, FUNCTIONS) and isinstance(source.parents.get(node), ast.ClassDef):
            given = [*node.args.posonlyargs, *node.args.args]
            if not node.decorator_list and (not given or given[0].arg != "self"):
                name = next(
                    token for token in source.between(source.span(node)[0], len(source.text)) if token.string == "("
                )
                yield name.end, name.end, "self, " if given or source.text[name.end] != ")" else "self"


GENERATORS: dict[str, Generator] = {
    "comparison": comparison,
    "operator": operator,
    "boolean": boolean,
    "negation": negation,
    "number": number,
    "constant": constant,
    "name": name,
    "attribute": attribute,
    "word": word,
    "self": self,
}
