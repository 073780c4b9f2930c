"""What an exception means at the place of a person's own code, with the values that its message shows.

Notable here: nothing is run and nothing is guessed about values; a sentence says only what the message does. A
traceback may come from another machine, so a path is looked for by its end as well.
"""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
import warnings
from dataclasses import replace
from pathlib import Path

from charmer.errors.meanings import HINTS, MEANINGS
from charmer.errors.trace import Frame, Trace

PACKAGES = {"site-packages", "dist-packages"}
DEEPEST = 32  # parts of a path of another machine that are looked for
LONGEST = 500  # characters of a message
NEAR = 5  # lines of the module that are looked at before and behind a statement
_LIBRARY = re.compile(r"(?:^|/)(?:lib(?:64)?/python3\.\d+t?|python3\d+/lib)/(\w+)", re.IGNORECASE)

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def own(trace: Trace) -> Frame | None:
    """The innermost frame of a person's own code, its path as it is called here: of a file that is there, and neither
    installed nor Python's own; where there is none, the innermost whose file is there; None where no file is."""
    paths = {path: here for path in {frame.path for frame in trace.frames} if (here := local(path)) is not None}
    theirs = {path for path in paths if installed(path)}
    there = [frame for frame in trace.frames if frame.path in paths]
    mine = [frame for frame in there if frame.path not in theirs]
    return next((replace(frame, path=paths[frame.path]) for frame in reversed(mine or there)), None)


def local(path: str) -> str | None:
    """The file that a traceback means: the path itself or, of a person's own code on another machine, the longest end
    of it that is a file below the present folder; None where there is none."""
    if _is_file(path):
        return path
    parts = [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]
    if ".." in parts or installed(path):
        return None
    ends = ("/".join(parts[first:]) for first in range(max(0, len(parts) - DEEPEST), len(parts)))
    return next(filter(_is_file, ends), None)


def installed(path: str) -> bool:
    """Whether a file belongs to a package, or to the library of this Python or of another machine's."""
    plain = path.replace("\\", "/")
    if not PACKAGES.isdisjoint(plain.split("/")):
        return True
    if Path(path).absolute().is_relative_to(sysconfig.get_path("stdlib")):
        return True
    module = _LIBRARY.search(plain)
    return module is not None and module[1] in sys.stdlib_module_names


def meaning(trace: Trace) -> str:
    """What the exception says, in a sentence without its full stop; its own words where nothing better is known."""
    message = trace.message if len(trace.message) <= LONGEST else trace.message[: LONGEST - 1] + "…"
    said = message.rstrip(".") or f"`{trace.type}` was raised, without a message"
    for kind, pattern, form in MEANINGS:
        if kind == trace.type and (found := re.search(pattern, message)) is not None:
            said = form.format(*found.groups())
            break
    for pattern, form in HINTS:
        if (found := re.search(pattern, message)) is not None and found[0] not in said:
            said += "; " + form.format(*found.groups())
    return said


def lines_around(text: str, line: int, function: str = "") -> set[int]:
    """The lines that have to do with what a frame names, from 1.

    That is the innermost function around the line. Where the frame is a module's or a class's, or no function stands
    around it, it is the module's statement there and `NEAR` lines before and behind it, without the functions. In a
    text that does not parse it is all lines.

    Args:
        function: as the frame calls it; "" where it does not say.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(range(1, text.count("\n") + 2))
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, _FUNCTIONS)]
    around = [span for span in map(_span, functions) if span[0] <= line <= span[1]]
    of_class = any(isinstance(node, ast.ClassDef) and node.name == function for node in nodes)
    if around and function != "<module>" and not of_class:
        first, last = max(around)  # the innermost begins last
        return set(range(first, last + 1))
    spans = [_span(statement) for statement in tree.body]
    first, last = next((span for span in spans if span[0] <= line <= span[1]), (line, line))
    near = set(range(max(1, first - NEAR), last + NEAR + 1))
    return near.difference(*(_others(node, line) for node in functions)) | {line}


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long, or a folder that nobody may enter
        return False


def _span(node: ast.stmt) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)]), node.end_lineno or node.lineno


def _others(node: _FUNCTIONS, line: int) -> range:
    """The lines of a function that have nothing to do with one of the module, but for a default or a decorator."""
    first, last = _span(node)
    return range(node.body[0].lineno if first <= line <= last else first, last + 1)
