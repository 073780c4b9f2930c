"""A text that does not parse: what the parser says, where the fault really is, and the smallest edits that mend it.

Notable here:
- A parser names the place where it could not go on, which may be far from the fault. So edits are listed near every
  line that is under suspicion (the parser's, those before it, those whose brackets and strings are open), each is
  parsed, and the model chooses among those that pass: the text that is likeliest, given how often people slip so.
- A repair changes at most `MOST_TOKENS` pieces and may not hide a line that is code by itself in a comment.
- The work is bounded in characters that are parsed, not in seconds, so that the same text gives the same answer.
- What parses and is still no program, such as a `return` outside of functions, is no repair.
"""

from __future__ import annotations

import ast
import itertools
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from charmer.errors import block
from charmer.errors.edits import Edit, apply, smallest
from charmer.errors.mends import indentation, mends
from charmer.errors.mends.near import Near
from charmer.errors.rank import always, score_edits
from charmer.errors.shapes import CLOSING, PAIRS, code, shapes
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST_TOKENS = 5  # pieces of a text that a repair may change
WORK = 12_000_000  # characters that are parsed while repairs of a part are tried
WIDER = 4  # times less than that where a first part had none
LARGE = 200_000  # characters of a text of which no second part is tried where the first has no repair
NEAR = 7  # lines under suspicion
SCORED = 400  # repairs that the model compares
FAULTS = 10  # of one text, that are mended one after the other
COMPILED = 10  # of them, the best, that are held against the compiler until one passes
LOST, MOVED, ADDED = 0.0, 1.0, 3.0  # nats that a slip costs: something was left out, moved or pasted, put in
GONE = 0.8  # nats for each character that a repair removes
TOUCHED = 1.5  # nats for each further piece of a repair
USED = 3.0  # nats, where a name is removed that stands elsewhere
MEANT = -4.0  # where what is written means one thing to who knows another language
NAMED = 3.0  # nats for a repair that the parser itself names


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
    return _ranked(model, tokenizer, text, found, "" if said is None else said.message, go_on)


def first_of_several(
    model: Transformer, tokenizer: Tokenizer, text: str, go_on: Callable[[], None] = always
) -> list[tuple[Edit, float]]:
    """As `repairs`, of the first fault of a text that has more of them: with each the parser comes further, and what
    stands up to the next statement at the fault's depth, or else at the margin, parses."""
    said = complaint(text)
    if said is None or len(text) > LARGE:
        return []
    for head, end in _heads(text, said.line):
        stopped = complaint(head)
        if stopped is not None and stopped.line <= said.line:
            found = [edit for edit in passing(head, stopped, go_on, WORK // WIDER) if edit.end < end]
            if found:
                return _ranked(model, tokenizer, head, found, stopped.message, go_on)
    return []


def _heads(text: str, line: int) -> Iterator[tuple[str, int]]:
    """Beginnings of a text that hold the statement of a line, and where what is the text's own in them ends."""
    rows = text.split("\n")
    depth = len(rows[line - 1]) - len(rows[line - 1].lstrip(" \t"))
    for last in dict.fromkeys(block.ending(rows, line, at) for at in (depth, 0)):
        if last < len(rows):
            head = "".join(f"{row}\n" for row in rows[:last])
            yield head, len(head)
    head = "".join(f"{row}\n" for row in rows[:line])
    yield f"{head}{rows[line - 1][:depth]}    pass\n", len(head)  # the head of a block that has faults of its own


def together(model: Transformer, tokenizer: Tokenizer, text: str, go_on: Callable[[], None] = always) -> Edit | None:
    """One edit with which a text of at most `FAULTS` faults parses, each mended as best it can be; None where none is
    found."""
    mended = text
    for _ in range(FAULTS):
        found = repairs(model, tokenizer, mended, go_on) or first_of_several(model, tokenizer, mended, go_on)
        if not found:
            return None
        mended = apply(mended, found[0][0])
        if complaint(mended) is None:
            return smallest(text, Edit(0, len(text), mended, "syntax"))
    return None


def moves(
    model: Transformer, tokenizer: Tokenizer, text: str, go_on: Callable[[], None] = always
) -> list[tuple[Edit, float]]:
    """As `repairs`, of a text that parses and that Python refuses since a line stands outside of what it belongs to."""
    said = refusal(text)
    if said is None or "outside" not in said.message:
        return []
    lines = [said.line]
    changes = indentation(Near(text, lines, 0, len(text)))
    near = (edit for edit in (Edit(*change, "indentation") for change in changes) if "\n" not in edit.replacement)
    tries = itertools.islice(near, max(WORK // max(len(text), 200), 50))
    found = [edit for edit in tries if refusal(apply(text, edit)) is None and complaint(apply(text, edit)) is None]
    return _ranked(model, tokenizer, text, found, said.message, go_on)


def _ranked(
    model: Transformer, tokenizer: Tokenizer, text: str, found: list[Edit], message: str, go_on: Callable[[], None]
) -> list[tuple[Edit, float]]:
    """Repairs with their scores, the best first: the first compiles, where one of the best does."""
    changes = score_edits(model, tokenizer, text, found, go_on=go_on)
    scored = [
        (edit, change - slip(text, edit) + _named(edit, message)) for edit, change in zip(found, changes, strict=True)
    ]
    scored.sort(key=lambda entry: (-entry[1], entry[0]))
    best = scored[:COMPILED]
    first = next((at for at, (edit, _) in enumerate(best) if refusal(apply(text, edit)) is None), 0)
    return scored[first:]


def passing(text: str, said: Complaint, go_on: Callable[[], None] = always, work: int = WORK) -> list[Edit]:
    """The repairs that make a text parse, at most `SCORED`, those of the fewest changed pieces.

    Args:
        work: characters that are parsed, about.
    """
    lines = suspects(text, said)
    # A line that should stand further in stands behind what the block seems to be.
    inside = [said.line] if "expected an indented block" in said.message else []
    part, whole = block.smallest(text, lines, inside), block.Block(text, 0, len(text), False)
    found = _inside(part, lines, go_on, work)
    if not found and part != whole and len(text) <= LARGE:  # the fault reaches out of what looked like its block
        found = _inside(whole, lines, go_on, work // WIDER)
    found.sort(key=lambda edit: (touched(text, edit), edit))
    dearest = sorted(found[:SCORED], key=lambda edit: (slip(text, edit), edit), reverse=True)
    # Of those that write the same text the likeliest slip stays. Hashes, since a long text 400 times over fills memory.
    different = {hash(apply(text, edit)): edit for edit in dearest}
    return sorted(different.values(), key=lambda edit: (touched(text, edit), edit))


def _inside(part: block.Block, lines: list[int], go_on: Callable[[], None], work: int) -> list[Edit]:
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
    tries = max(work // max(part.end - part.start, 200), 50)
    found = []
    for edit in itertools.islice(turns, tries):
        go_on()
        small = edit.kind == "foreign" or touched(text, edit) <= MOST_TOKENS  # quotes of a typesetter: a sign at a time
        if small and part.mended(edit):
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
    # The nearest line further out: if its indentation was lost, all since then seem to be too deep.
    found = [line, *itertools.islice((at for at in range(line - 1, 0, -1) if _further_out(rows, widths, at, line)), 1)]
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
    return list(dict.fromkeys(found))[1:4]


def _further_out(rows: list[str], widths: list[int], line: int, other: int) -> bool:
    """Whether a line that begins a statement is indented by less than another."""
    row = rows[line - 1].strip()
    return bool(row) and row[0] not in "#)]}" and widths[line - 1] < widths[other - 1]


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
    if edit.kind in ("pasted", "python 2", "inner"):
        return MOVED
    if edit.kind == "foreign":
        return MEANT
    lost = gone.strip()
    doubled = lost and lost == _beside(text, least)
    cost = TOUCHED * (touched(text, edit) - 1)
    if gone and not (new and lost in new):  # with a part that stays, something is put in around it
        cost += ADDED + (0.0 if doubled else GONE * len(lost))
    if lost.isidentifier() and not new and not doubled and len(re.findall(rf"\b{lost}\b", text)) > 1:
        cost += USED
    return cost + LOST


def _named(edit: Edit, message: str) -> float:
    """Nats that a repair gains by what the parser says."""
    if "forgot a comma" in message:
        return NAMED if edit.replacement.strip() == "," and edit.start == edit.end else 0.0
    return 4 * NAMED if "0o prefix" in message and edit.replacement.startswith("0o") else 0.0


def _beside(text: str, edit: Edit) -> str:
    """What stands just before an edit, as long as what it removes."""
    before = text[: edit.start].rstrip()
    return before[-len(text[edit.start : edit.end].strip()) :]
