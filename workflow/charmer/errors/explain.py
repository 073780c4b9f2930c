"""What an exception means at the place of a person's own code, with the values that its message shows.

Notable here: nothing is run and nothing is guessed about values; a sentence says only what the message does.
"""

from __future__ import annotations

import ast
import re
import sysconfig
import warnings
from pathlib import Path

from charmer.errors.meanings import MEANINGS
from charmer.errors.trace import Frame, Trace

OTHERS = ("site-packages", "dist-packages", "<frozen", "<string>", "<stdin>", "lib/python")


def own(trace: Trace) -> Frame | None:
    """The innermost frame of a person's own code: of a file that is there, and neither installed nor Python's own;
    where there is none, the innermost whose file is there."""
    there = [frame for frame in trace.frames if Path(frame.path).is_file()]
    mine = [frame for frame in there if not installed(frame.path)]
    return mine[-1] if mine else there[-1] if there else None


def installed(path: str) -> bool:
    """Whether a file belongs to Python or to a package."""
    plain = path.replace("\\", "/")
    return any(mark in plain for mark in OTHERS) or plain.startswith(sysconfig.get_path("stdlib"))


def meaning(trace: Trace) -> str:
    """What the exception says, in a sentence without its full stop; its own words where nothing better is known."""
    for kind, pattern, form in MEANINGS:
        if kind == trace.type and (found := re.search(pattern, trace.message)) is not None:
            return form.format(*found.groups())
    return trace.message or f"a `{trace.type}` was raised"


def function_lines(text: str, line: int) -> tuple[int, int]:
    """First and last line of the innermost function around a line; of the whole text where there is none, or where it
    does not parse."""
    whole = (1, text.count("\n") + 1)
    try:
        with warnings.catch_warnings(action="ignore"):
            nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return whole
    spans = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return min(spans, key=lambda span: span[1] - span[0], default=whole)
