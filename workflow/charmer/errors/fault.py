"""What is wrong with a text that Python does not take, and its best repair, in words."""

from __future__ import annotations

import re
from collections.abc import Callable

from charmer.errors import syntax
from charmer.errors.edits import Edit, apply
from charmer.errors.finding import Finding, place
from charmer.errors.rank import always
from charmer.errors.shapes import CLOSING, PAIRS, Shape, shapes
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

PYTHON_2 = re.compile(
    r"^[ \t]*(?:print[ \t]+[\"'\w]|except[^:\n]*,[ \t]*\w+:|raise[ \t]+\w+,|exec[ \t]+\w)", re.MULTILINE
)
SURE = 3  # such statements that make it Python 2


def find(
    model: Transformer, tokenizer: Tokenizer, text: str, path: str, go_on: Callable[[], None] = always
) -> Finding | None:
    """The fault of a text that does not parse, or that does and that Python refuses all the same, with its best repair
    where there is one; None where Python takes it.

    Args:
        text: lines end in "\\n".
        path: how the finding calls it.
        go_on: as in `rank.Reading`, and called before each try.
    """
    said = syntax.complaint(text)
    stopped = said is not None
    said = said or syntax.refusal(text)
    if said is None:
        return None
    told = said.message.rstrip(".")
    old = "this file is written in Python 2; " if len(PYTHON_2.findall(text)) >= SURE else ""
    where = f"Python's parser stops at line {said.line}, column {said.column}: {told}"
    where = where if stopped else f"Python refuses line {said.line}: {told}"
    found = (syntax.repairs if stopped else syntax.moves)(model, tokenizer, text, go_on)
    if stopped and not found:
        found = syntax.first_of_several(model, tokenizer, text, go_on)
    if not found:
        message = f"{old}{_stopped(where)}"
        return Finding(path, said.line, said.column, said.line, said.column + 1, "syntax", 0.0, message, None)
    edit, score = found[0]
    sure = score - found[1][1] if len(found) > 1 else abs(score)
    line, column = place(text, edit.start)
    end_line, end_column = place(text, edit.end)
    if said.line == line and stopped:
        where = f"here Python's parser says: {told}"
    message = f"{old}{sentence(text, edit)}; {_stopped(where)}"
    if (then := syntax.complaint(apply(text, edit))) is not None:
        message += f" With that it stops at line {then.line}: {_stopped(then.message)}"
    return Finding(path, line, column, end_line, end_column, "syntax", round(sure, 3), message, edit.replacement)


def _stopped(said: str) -> str:
    """A sentence with the mark that ends it."""
    return said if said.endswith((".", "?")) else f"{said}."


def sentence(text: str, edit: Edit) -> str:
    """What is wrong where an edit mends a text, in words and without the full stop."""
    old, new = text[edit.start : edit.end], edit.replacement
    said = " ".join(new.split())
    gone = " ".join(old.split())
    if edit.kind == "bracket" and new in CLOSING and (opened := _opened(text, edit)) is not None:
        line, column = place(text, opened.start)
        return f"`{opened.string}` of line {line}, column {column} is never closed; `{new}` is missing here"
    if edit.kind == "indentation":
        return f"this line is indented by {_width(old)}, where the code around it asks for {_width(new)}"
    if edit.kind == "body":
        return "this block has no body; the smallest is `pass`"
    if edit.kind == "python 2":
        return f"this is Python 2; today it is `{said}`"
    if "\n" in old and not gone and "\n" not in new:
        return "this line belongs to the one before it"
    if "\n" in new and not said and not gone:
        return "a new line must begin here"
    if new.lstrip().startswith("#") and not gone:
        return "this is text and no code; a comment begins with `#`"
    if not gone:
        return f"`{said}` is missing here"
    if not said:
        return f"`{gone}` does not belong here"
    return f"`{gone}` should be `{said}`"


def _opened(text: str, edit: Edit) -> Shape | None:
    """The bracket that an inserted one closes."""
    waiting: list[Shape] = []
    for shape in shapes(apply(text, edit), 0, edit.start):
        if shape.string in PAIRS:
            waiting.append(shape)
        elif shape.string in CLOSING and waiting and waiting[-1].string == CLOSING[shape.string]:
            waiting.pop()
    return waiting[-1] if waiting and waiting[-1].string == CLOSING[edit.replacement] else None


def _width(blanks: str) -> str:
    first = blanks.split("\n")[0]
    first = first[: len(first) - len(first.lstrip())]
    if "\t" in first:
        count = first.count("\t")
        return f"{count} tab{'' if count == 1 else 's'}" if not first.strip("\t") else "tabs and blanks"
    return str(len(first))
