"""Broken syntax across lines: indentation, lines joined or split, and what comes along when code is pasted."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from itertools import pairwise

from charmer.errors.operators.ground import Change, Ground, Operator

PASTED = ("+", "- ", "> ", ">>> ", "```", "```python\n", "<<<<<<< HEAD\n", "=======\n", "In [1]: ")
UNFINISHED = ("=", "(", ".", ",", "in", "return", "if", "and", "or")  # what a line may be left behind
FIT = 240  # characters that a pasted session's block has at most


def lost_indent(source: Ground) -> Iterator[Change]:
    """A line that stands further out than it should."""
    for first, _ in source.logical:
        blanks, start = source.blanks(first), source.line_start(first)
        if blanks:
            yield start, start + len(blanks), ""
            for step in (1, 2, 4):
                if len(blanks) > step:
                    yield start, start + step, ""


def extra_indent(source: Ground) -> Iterator[Change]:
    """A line that stands further in than it should."""
    for first, _ in source.logical:
        start = source.line_start(first)
        for step in (" ", "  ", "    ", "\t"):
            yield start, start, step


def mixed_tabs(source: Ground) -> Iterator[Change]:
    """A tab where the lines around have blanks."""
    for first, _ in source.logical:
        blanks, start = source.blanks(first), source.line_start(first)
        if blanks and not blanks.strip(" "):
            yield start, start + len(blanks), "\t" * max(1, len(blanks) // 8)
            if len(blanks) >= 4:
                yield start + len(blanks) - 4, start + len(blanks), "\t"


def lost_body(source: Ground) -> Iterator[Change]:
    """The only line of a block, not yet written."""
    for (first, last), (on, end) in pairwise(source.logical):
        deeper = len(source.blanks(on)) > len(source.blanks(first))
        following = source.blanks(end + 1) if end < len(source.lines) else ""
        if deeper and source.lines[last - 1].rstrip().endswith(":") and len(following) < len(source.blanks(on)):
            yield source.line_start(on), source.line_start(end + 1), ""


def joined_lines(source: Ground) -> Iterator[Change]:
    """Two lines where the end of the first is gone."""
    for (_, last), (first, _) in pairwise(source.logical):
        if first == last + 1:
            start = source.line_start(last) + len(source.lines[last - 1].rstrip())
            end = source.line_start(first) + len(source.blanks(first))
            yield start, end, " "
            yield start, end, ""


def split_line(source: Ground) -> Iterator[Change]:
    """A line that breaks where Python does not let it."""
    depth = 0
    for token, after in pairwise(source.tokens):
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        line = source.line_of(token.start)
        if depth == 0 and source.line_of(after.start) == line and token.type != tokenize.COMMENT:
            blanks = source.blanks(line)
            if after.start > token.end or token.string in (".", "="):
                yield token.end, after.start, f"\n{blanks}"
                yield token.end, after.start, f"\n{blanks}    "


def lost_backslash(source: Ground) -> Iterator[Change]:
    """The sign that joins two lines, gone; or a blank behind it."""
    for before, after in pairwise(source.tokens):
        place = source.text.find("\\\n", before.end, after.start)
        if place >= 0:
            yield place, place + 1, ""
            yield place + 1, place + 1, " "


def pasted_prompt(source: Ground) -> Iterator[Change]:
    """Lines copied with what an interpreter, a comparison or a page put before them."""
    for first, last in source.logical:
        start = source.line_start(first)
        for before in PASTED:
            yield start, start, before
        yield start, start, f"{first} "
        text = source.text[start : source.line_start(last) + len(source.lines[last - 1])]
        if not source.blanks(first) and len(text) <= FIT:
            session = ">>> " + text.replace("\n", "\n... ")
            yield start, start + len(text), session


def text_in_code(source: Ground) -> Iterator[Change]:
    """A comment without its sign."""
    for token in source.layout:
        if token.type == tokenize.COMMENT and len(token.string) > 2 and token.string[1] == " ":
            yield token.start, token.start + 2, ""


def lost_parts(source: Ground) -> Iterator[Change]:
    """A line that ends in its middle, as if somebody was called away."""
    for token, after in pairwise(source.tokens):
        line = source.line_of(token.start)
        end = source.line_start(line) + len(source.lines[line - 1].rstrip())
        if token.string in UNFINISHED and source.line_of(after.start) == line and after.start < end <= after.start + 24:
            yield token.end, end, ""


OPERATORS = (
    Operator("lost-indent", "syntax", "a line too far out", lost_indent, 3),
    Operator("extra-indent", "syntax", "a line too far in", extra_indent, 3),
    Operator("mixed-tabs", "syntax", "tabs among blanks", mixed_tabs),
    Operator("lost-body", "syntax", "a block without its body", lost_body),
    Operator("joined-lines", "syntax", "two lines in one", joined_lines, 2),
    Operator("split-line", "syntax", "a line broken in two", split_line, 2),
    Operator("lost-backslash", "syntax", "a line's continuation lost", lost_backslash),
    Operator("pasted-prompt", "syntax", "prompts and marks pasted along with code", pasted_prompt, 2),
    Operator("text-in-code", "syntax", "a comment without its sign", text_in_code),
    Operator("lost-parts", "syntax", "a line left in its middle", lost_parts),
)
