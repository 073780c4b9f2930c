"""What the head of a function may have lost, `self` or a decorator, each as the edit that puts it back."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from charmer.errors.candidates.source import FUNCTIONS, Source

DECORATORS = ("property", "staticmethod", "classmethod")
MOST_DECORATORS = 6  # of the module's own that are offered for one function
KEEP_SELF = ("property", "cached_property", "abstractmethod", "setter", "getter", "deleter", "override", "final")
STATIC = ("__new__", "__init_subclass__", "__class_getitem__", "_generate_next_value_")  # whatever they call the first
MANAGERS = ("contextmanager", "asynccontextmanager")  # decorators of generators, where the module has their name
Change = tuple[int, int, str]


def lost_self(source: Source) -> Iterator[Change]:
    """`self` in the parameters of a method."""
    for function in source.nodes:
        if isinstance(function, FUNCTIONS) and _lost_self(source, function):
            place = _head(source, function) + 1
            first = place + len(source.text[place:]) - len(source.text[place:].lstrip())
            blanks = source.text[place:first]
            if "\n" in blanks and source.text[first] not in ")#":  # a line for each parameter
                yield first, first, f"self,{blanks}"
            else:
                yield place, place, "self, " if _takes(function) else "self"


def _head(source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Where the bracket of a function's parameters opens, which may stand behind those of its types."""
    start = max([source.span(one)[1] for one in getattr(function, "type_params", [])], default=source.span(function)[0])
    return source.text.find("(", start)


def _takes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has any parameter."""
    takes = function.args
    return bool(takes.posonlyargs or takes.args or takes.vararg or takes.kwonlyargs or takes.kwarg)


def _lost_self(source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method, with no decorator from which it might get another first argument, does not take itself."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    owner = source.parents.get(function)
    return (
        isinstance(owner, ast.ClassDef)
        and not any(source.of(base).endswith("Interface") for base in owner.bases)  # zope's have no self
        and all(source.of(one).rpartition(".")[2] in KEEP_SELF for one in function.decorator_list)
        and not function.args.vararg
        and function.name not in STATIC
        and (not arguments or arguments[0].arg not in ("self", "cls", "mcs", "mcls", "_"))
    )


def decorator(source: Source) -> Iterator[Change]:
    """A decorator before a method that has none like it: a usual one, or one of the module's own."""
    own: dict[str, None] = {}
    imported = _managers(source)
    for node in source.nodes:
        if isinstance(node, FUNCTIONS):
            own |= dict.fromkeys(source.of(one) for one in node.decorator_list if one.lineno == one.end_lineno)
    for node in source.nodes:
        if not isinstance(node, FUNCTIONS) or source.function(node) is not None or len(node.decorator_list) > 1:
            continue
        method = isinstance(source.parents.get(node), ast.ClassDef)
        has = {source.of(one) for one in node.decorator_list}
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        blanks = source.lines[first - 1][: len(source.lines[first - 1]) - len(source.lines[first - 1].lstrip())]
        setter = [f"{node.name}.setter"] if method else []
        usual = [one for one in own if not one.endswith(".setter")][:MOST_DECORATORS]
        generator = any(isinstance(one, ast.Yield) and source.function(one) is node for one in ast.walk(node))
        kind = MANAGERS[isinstance(node, ast.AsyncFunctionDef)]
        managed = any(one.rpartition(".")[2] in MANAGERS for one in has)
        managers = [one for one in imported if one.rpartition(".")[2] == kind] if generator and not managed else []
        for other in dict.fromkeys([*(DECORATORS if method else ()), *setter, *managers, *usual]):
            if not has & {other, *DECORATORS}:
                yield source.line_start(first), source.line_start(first), f"{blanks}@{other}\n"


def _managers(source: Source) -> list[str]:
    """The decorators of context managers, as a module's imports name them."""
    found: list[str] = []
    for node in source.nodes:
        if isinstance(node, ast.Import):
            found += [
                f"{one.asname or one.name}.{kind}"
                for one in node.names
                if one.name == "contextlib"
                for kind in MANAGERS
            ]
        elif isinstance(node, ast.ImportFrom) and node.module == "contextlib":
            found += [one.name for one in node.names if one.name in MANAGERS and one.asname is None]
    return found
