"""A text that parses: the spots where another edit fits so much better that a slip is likely.

Notable here:
- Every single slip that could be undone (`slips`) is judged by two witnesses: what the module itself says
  (`charmer.errors.evidence`), and how much likelier a language model finds the text without it (`rank`). An edit's
  first token costs the model nothing: it decides which edits the module is asked about, and both together, which of
  them the model reads on.
- The score is a log-odds, linear in all of that. The weights are fitted (`python -m charmer.errors.fit`) and stand in
  `weights.json`, by names that a person can read.
- A spot is a place: of all edits there the best speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from charmer.errors import weights
from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit, line_of, smallest
from charmer.errors.evidence import Evidence
from charmer.errors.finding import Finding, place
from charmer.errors.rank import Judged, Reading, always
from charmer.errors.slips import slips
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST = 16  # edits that are judged to their end, for each half context of tokens
HOPELESS = -5.0  # nats that an edit's first token may lose against the written one; two edits in five lose more
TAIL = 12  # tokens behind an edit that are judged with it
ALTERNATIVES = 5  # edits of one spot that are kept
FARTHEST = 15.0  # nats: what lies beyond says no more


@dataclass(frozen=True)
class Spot:
    """A suspicious place.

    Attributes:
        edit: what would stand there.
        score: log-odds that this is a slip.
        line: of the place, from 1.
        others: the next best edits there with their scores.
    """

    edit: Edit
    score: float
    line: int
    others: tuple[tuple[Edit, float], ...] = ()


class Witnessed(NamedTuple):
    """An edit, what both witnesses say of it, by name, and the log-odds that come of it."""

    edit: Edit
    evidence: dict[str, float]
    score: float


def spots(
    model: Transformer, tokenizer: Tokenizer, text: str, most: int = MOST, go_on: Callable[[], None] = always
) -> list[Spot]:
    """The suspicious places of a text that parses, the likeliest slip first.

    Args:
        go_on: as in `Reading`.

    Raises:
        SyntaxError, ValueError, RecursionError: it does not parse.
    """
    places: dict[int, list[tuple[Edit, float]]] = {}
    for one in witnessed(model, tokenizer, text, weights.shipped(), most, go_on):
        if weights.judges(weights.shipped(), one.evidence):
            places.setdefault(smallest(text, one.edit).start, []).append((one.edit, one.score))
    found = []
    for entries in places.values():
        entries.sort(key=lambda entry: (-entry[1], entry[0]))
        (edit, score), *others = entries[:ALTERNATIVES]
        found.append(Spot(edit, score, line_of(text, edit.start), tuple(others)))
    return sorted(found, key=lambda spot: (-spot.score, spot.edit))


def witnessed(
    model: Transformer,
    tokenizer: Tokenizer,
    text: str,
    known: Mapping[str, float],
    most: int = MOST,
    go_on: Callable[[], None] = always,
    lines: range | None = None,
) -> list[Witnessed]:
    """The edits of a text that the model can judge.

    Args:
        known: the weights by which they are scored, and those chosen that the model reads to their end.
        go_on: as in `Reading`.
        lines: those that edits begin in; None: all. The model reads little more than these.

    Raises:
        SyntaxError, ValueError, RecursionError: the text does not parse.
    """
    source = Source(text)
    edits = [edit for edit in slips(source) if lines is None or line_of(text, edit.start) in lines]
    evidence = Evidence(source)
    module: dict[int, dict[str, float]] = {}
    found: dict[int, Witnessed] = {}

    def promise(number: int, judged: Judged) -> float | None:
        if judged.first < HOPELESS:
            return None
        module[number] = evidence.of(edits[number])
        return witness(number, judged)

    def witness(number: int, judged: Judged) -> float:
        both = module[number] | heard(edits[number].kind, judged)
        found[number] = Witnessed(edits[number], both, weights.score(known, both))
        return found[number].score

    for number, judged in enumerate(Reading(model, tokenizer, text, go_on).judge(edits, TAIL, most, promise=promise)):
        if number in module and judged is not None and judged.change is not None:
            witness(number, judged)
    return [found[number] for number in sorted(found)]


def heard(kind: str, judged: Judged) -> dict[str, float]:
    """What a language model says of an edit, by name: each part for all kinds, and once more for its own kind."""
    first = max(min(judged.first, FARTHEST), -FARTHEST)
    found = {
        "surprise": min(judged.surprise, FARTHEST),
        "best": max(judged.best, -FARTHEST),
        "doubt": judged.doubt,
    }
    if judged.change is None:
        found |= {weights.UNREAD: 1.0, "unread first": first}
    else:
        change = max(min(judged.change, FARTHEST), -FARTHEST)
        found |= {"change up": max(change, 0.0), "change down": min(change, 0.0), "first": first}
    found |= {f"{kind}: {name}": value for name, value in found.items()}
    found["meant is likeliest"] = float(judged.first - judged.surprise >= judged.best - 1e-3)
    found["written is likeliest"] = float(-judged.surprise >= judged.best - 1e-3)
    return found


def finding(text: str, path: str, spot: Spot) -> Finding:
    """A spot as what `check` says of it."""
    edit = spot.edit
    line, column = place(text, edit.start)
    end_line, end_column = place(text, edit.end)
    return Finding(
        path,
        line,
        column,
        end_line,
        end_column,
        edit.kind,
        round(spot.score, 3),
        sentence(text, edit),
        edit.replacement,
    )


def sentence(text: str, edit: Edit) -> str:
    """What looks wrong, in one sentence."""
    old, new = " ".join(text[edit.start : edit.end].split()), " ".join(edit.replacement.split())
    if edit.kind == "decorator":
        return f"The decorator `{new}` looks forgotten before this function."
    if edit.kind == "format":
        return "This text has names in braces, but is no f-string: the `f` before it looks forgotten."
    if edit.kind == "off-by-one":
        return f"This looks off by one: the model would expect {f'`{new}` here' if new else f'it without `{old}`'}."
    if edit.kind == "word" and new == "el":
        return "`elif` looks meant here, as the `if` before asks first."
    if edit.kind == "swap":
        return f"`{old}` looks swapped: the model would expect `{new}`."
    if edit.kind == "negation":
        better = f"`{new}`" if new else f"it without `{old}`"
        return f"This looks negated the wrong way: the model would expect {better}."
    if edit.kind == "self" or not old:
        return f"`{new}` looks forgotten here."
    if not new:
        return f"`{old}` looks out of place here."
    what = {"comparison": "comparison", "operator": "operator", "boolean": "operator", "name": "variable"}
    what |= {"attribute": "attribute", "constant": "constant", "slice": "slice", "word": "keyword"}
    return f"`{old}` looks like the wrong {what.get(edit.kind, 'word')}: the model would expect `{new}`."
