"""A text that does not parse: what the parser says, where the fault really is, and the smallest edits that mend it.

Notable here:
- A parser names the place where it could not go on, which may be far from the fault. So edits are listed near every
  line that is under suspicion (the parser's, those before it, those whose brackets and strings are open), each is
  parsed, and the model chooses among those that pass: the text that is likeliest, given how often people slip so.
- A repair changes at most `MOST_TOKENS` pieces and may not hide a line that is code by itself in a comment.
- The work is bounded in characters that are parsed, not in seconds, so that the same text gives the same answer.
"""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from charmer.errors import block
from charmer.errors.edits import Edit, apply, smallest
from charmer.errors.finding import Finding, place
from charmer.errors.mends import mends
from charmer.errors.rank import always, score_edits
from charmer.errors.shapes import CLOSING, PAIRS, Shape, code, shapes
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST_TOKENS = 5  # pieces of a text that a repair may change
WORK = 12_000_000  # characters that are parsed while repairs are tried
NEAR = 7  # lines under suspicion
SCORED = 400  # repairs that the model compares
LOST, MOVED, ADDED = 0.0, 1.0, 3.0  # nats that a slip costs: something was left out, moved or pasted, put in
GONE = 0.8  # nats for each character that a repair removes
TOUCHED = 1.5  # nats for each further piece of a repair
PYTHON_2 = re.compile(
    r"^[ \t]*(?:print[ \t]+[\"'\w]|except[^:\n]*,[ \t]*\w+:|raise[ \t]+\w+,|exec[ \t]+\w)", re.MULTILINE
)
SURE = 3  # such statements that make it Python 2


@dataclass(frozen=True)
class Complaint:
    """What the parser says, and where; line and column count from 1, in characters."""

    line: int
    column: int
    message: str


def complaint(text: str) -> Complaint | None:
    """The parser's complaint of a text; None where it parses."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(text)
    except SyntaxError as error:
        lines = text.count("\n") + 1
        line = min(max(error.lineno or 1, 1), lines)
        return Complaint(line, max(error.offset or 1, 1), str(error.msg))
    except ValueError as error:  # a NUL, or a number of too many digits
        return Complaint(1, 1, str(error))
    except (RecursionError, MemoryError):
        return Complaint(1, 1, "too deeply nested for the parser")
    return None


def refusal(text: str) -> Complaint | None:
    """What Python's compiler says of a text that parses and still is no program: a `return` outside of functions, an
    argument that is there twice; None where it compiles."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "<text>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return Complaint(max(error.lineno or 1, 1), max(error.offset or 1, 1), str(error.msg))
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return Complaint(1, 1, str(error) or "too deeply nested for the compiler")
    return None


def repairs(
    model: Transformer, tokenizer: Tokenizer, text: str, go_on: Callable[[], None] = always
) -> list[tuple[Edit, float]]:
    """The small edits with which `text` parses, the best first, each with its score in nats; empty if none was found.

    Args:
        text: does not parse; its lines end in "\\n".
        go_on: as in `rank.Reading`, and called before each try.
    """
    said = complaint(text)
    found = [] if said is None else passing(text, said, go_on)
    changes = score_edits(model, tokenizer, text, found, go_on=go_on)
    scored = [(edit, change - slip(text, edit)) for edit, change in zip(found, changes, strict=True)]
    return sorted(scored, key=lambda entry: (-entry[1], entry[0]))


def passing(text: str, said: Complaint, go_on: Callable[[], None] = always) -> list[Edit]:
    """The repairs that make a text parse, at most `SCORED`, those of the fewest changed pieces."""
    lines = suspects(text, said)
    part, whole = block.smallest(text, lines), block.Block(text, 0, len(text), False)
    found = _inside(part, lines, go_on)
    if not found and part != whole:  # the fault reaches out of what looked like its block
        found = _inside(whole, lines, go_on)
    found.sort(key=lambda edit: (touched(text, edit), edit))
    return found[:SCORED]


def _inside(part: block.Block, lines: list[int], go_on: Callable[[], None]) -> list[Edit]:
    """The repairs within a part of a text that make it parse."""
    text = part.text
    kinds: dict[str, list[Edit]] = {}
    known: set[tuple[int, int, str]] = set()
    for edit in mends(text, lines, part.start, part.end):
        go_on()
        if (edit.start, edit.end, edit.replacement) not in known:
            known.add((edit.start, edit.end, edit.replacement))
            kinds.setdefault(edit.kind, []).append(edit)
    turns = (edit for turn in itertools.zip_longest(*kinds.values()) for edit in turn if edit is not None)
    tries = max(WORK // max(part.end - part.start, 200), 50)
    found = []
    for edit in itertools.islice(turns, tries):
        go_on()
        if touched(text, edit) <= MOST_TOKENS and part.mended(edit):
            found.append(edit)
    return found


def suspects(text: str, said: Complaint) -> list[int]:
    """Lines where the fault may be, the likeliest first."""
    rows = text.split("\n")
    found = [said.line, *(int(number) for number in re.findall(r"on line (\d+)", said.message))]
    before = [line for line in range(said.line - 1, 0, -1) if rows[line - 1].strip()][:2]
    behind = [line for line in range(said.line + 1, len(rows) + 1) if rows[line - 1].strip()][:1]
    found += before[:1]
    if "indent" in said.message:
        found += _oddly_indented(rows, said.line)
    found += _unclosed(text, said.line)
    found += [*behind, *before[1:]]
    return [line for line in dict.fromkeys(found) if 1 <= line <= len(rows)][:NEAR]


def _oddly_indented(rows: list[str], line: int) -> list[int]:
    """Lines before `line` with whose indentation the others do not go, the nearest first."""
    widths = [len(row) - len(row.lstrip(" \t")) for row in rows]
    known = Counter(width for row, width in zip(rows, widths, strict=True) if row.strip())
    found = [line]
    # The nearest line that is further out and opens no block: if its indentation was lost, all since then are too deep.
    out = (at for at in range(line - 1, 0, -1) if rows[at - 1].strip() and widths[at - 1] < widths[line - 1])
    nearest = next(out, None)
    if nearest is not None and not rows[nearest - 1].lstrip().startswith(("def ", "class ", "async ", "@")):
        found.append(nearest)
    for at in range(line - 1, max(line - 40, 0), -1):
        row, width = rows[at - 1], widths[at - 1]
        after = next((other for other in range(at, len(rows)) if rows[other].strip()), None)
        if not row.strip() or row.lstrip()[0] == "#":
            continue
        begins = row.rstrip().endswith(":")  # the line behind it sets what its block is indented by
        if begins and after is not None and (widths[after] - width) not in (4, 8):
            found.append(after + 1)
        elif width % 2 or "\t" in row[:width] or known[width] <= 2:
            found.append(at)
    return found[1:4]


def _unclosed(text: str, line: int) -> list[int]:
    """The lines in which brackets and strings begin that are open where the parser stopped, the innermost first."""
    end = 0
    for _ in range(line):
        end = text.find("\n", end) + 1 or len(text)
    waiting: list[tuple[str, int]] = []
    number = 1
    for shape in shapes(text, 0, end):
        if shape.string in PAIRS:
            waiting.append((shape.string, number))
        elif shape.string in CLOSING and waiting and waiting[-1][0] == CLOSING[shape.string]:
            waiting.pop()
        elif shape.kind == "open":
            waiting.append((shape.string, number))
        number += shape.string.count("\n")
    return [place for _, place in reversed(waiting)][:3]


def touched(text: str, edit: Edit) -> int:
    """How many pieces of code an edit removes or adds, whichever is more; at least 1."""
    old = Counter(shape.string for shape in code(text, edit.start, edit.end))
    new = Counter(shape.string for shape in code(edit.replacement))
    return max((old - new).total(), (new - old).total(), 1)


def slip(text: str, edit: Edit) -> float:
    """How much less likely the slip is that an edit undoes than one that only left something out, in nats.

    A model prefers short texts to long ones, since every token costs; who types forgets more than he invents. Both
    together make it dear to delete what stands there: as dear as it is unlikely to be written by accident.
    """
    least = smallest(text, edit)
    gone, new = text[least.start : least.end], least.replacement
    if edit.kind == "indentation" and "\n" not in text[edit.start : edit.end]:
        return MOVED + 0.2 * abs(len(gone) - len(new))
    if edit.kind in ("pasted", "python 2"):
        return MOVED
    doubled = gone.strip() and gone.strip() == _beside(text, least)
    cost = 0.0 if doubled else GONE * len(gone.strip())
    return cost + (ADDED if gone else LOST) + TOUCHED * (touched(text, edit) - 1)


def _beside(text: str, edit: Edit) -> str:
    """What stands just before an edit, as long as what it removes."""
    before = text[: edit.start].rstrip()
    return before[-len(text[edit.start : edit.end].strip()) :]


def find(
    model: Transformer, tokenizer: Tokenizer, text: str, path: str, go_on: Callable[[], None] = always
) -> Finding | None:
    """The fault of a text that does not parse, with its best repair where there is one, or of one that does and that
    Python refuses all the same; None where Python takes it.

    Args:
        go_on: as in `repairs`.
    """
    said = complaint(text)
    if said is None:
        said = refusal(text)
        if said is None:
            return None
        message = f"Python refuses this: {said.message}."
        return Finding(path, said.line, said.column, said.line, said.column + 1, "syntax", 0.0, message, None)
    found = repairs(model, tokenizer, text, go_on)
    old = "this file is written in Python 2; " if len(PYTHON_2.findall(text)) >= SURE else ""
    stop = f"Python's parser stops at line {said.line}, column {said.column}: {said.message}"
    if not found:
        return Finding(path, said.line, said.column, said.line, said.column + 1, "syntax", 0.0, f"{old}{stop}.", None)
    edit, score = found[0]
    sure = score - found[1][1] if len(found) > 1 else abs(score)
    line, column = place(text, edit.start)
    end_line, end_column = place(text, edit.end)
    message = old + sentence(text, edit)
    where = f"here Python's parser says: {said.message}" if said.line == line else stop
    return Finding(
        path, line, column, end_line, end_column, "syntax", round(sure, 3), f"{message}; {where}.", edit.replacement
    )


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
        return f"{first.count(chr(9))} tabs" if not first.strip("\t") else "tabs and blanks"
    return str(len(first))
