"""A text that parses: the spots where the model likes another edit so much better that a slip is likely.

Notable here:
- Every single slip that could be undone (`slips`) is judged by how much likelier the text is without it. The first
  token of each is judged for nothing, and only the best of them are read on (`rank`).
- A change alone misleads: rare words are always unlikely. So the score is a log-odds, linear in what tells slips from
  surprising but sound code: the change, the part of it that the first token has, how surprising the written token was,
  and the kind. The weights were fitted by logistic regression to 60 broken files of the default run's validation split.
- A spot is a place: of all edits there the best speaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit, line_of, smallest
from charmer.errors.finding import Finding, place
from charmer.errors.rank import Judged, Reading, always
from charmer.errors.slips import slips
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

MOST = 24  # edits that are judged to their end, for each half context of tokens
TAIL = 10  # tokens behind an edit that are judged with it
ALTERNATIVES = 5  # edits of one spot that are kept
FEATURES = ("change", "first", "surprise", "rare", "known")
WEIGHTS = np.array([0.18, 0.44, -0.43, -0.6, -1.33])
KINDS = {  # what each kind starts from
    "attribute": -6.0,
    "boolean": -3.7,
    "comparison": -3.6,
    "constant": -5.2,
    "lost": -3.0,
    "name": -4.8,
    "negation": -3.6,
    "off-by-one": -4.1,
    "operator": -4.1,
    "self": -2.9,
    "slice": -4.1,
    "swap": -3.8,
    "word": -4.1,
}


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


def spots(
    model: Transformer, tokenizer: Tokenizer, text: str, most: int = MOST, go_on: Callable[[], None] = always
) -> list[Spot]:
    """The suspicious places of a text that parses, the likeliest slip first.

    Args:
        go_on: as in `Reading`.

    Raises:
        SyntaxError, ValueError, RecursionError: it does not parse.
    """
    source = Source(text)
    edits = slips(source)
    judged = Reading(model, tokenizer, text, go_on).judge(edits, TAIL, most)
    kept = [(edit, one) for edit, one in zip(edits, judged, strict=True) if one is not None]
    if not kept:
        return []
    points = features(source, kept) @ WEIGHTS + np.array([KINDS[edit.kind] for edit, _ in kept])
    places: dict[int, list[tuple[Edit, float]]] = {}
    for (edit, _), score in zip(kept, points.tolist(), strict=True):
        places.setdefault(smallest(text, edit).start, []).append((edit, score))
    found = []
    for entries in places.values():
        entries.sort(key=lambda entry: (-entry[1], entry[0]))
        (edit, score), *others = entries[:ALTERNATIVES]
        found.append(Spot(edit, score, line_of(text, edit.start), tuple(others)))
    return sorted(found, key=lambda spot: (-spot.score, spot.edit))


def features(source: Source, judged: list[tuple[Edit, Judged]]) -> np.ndarray:
    """[edits, len(FEATURES)]: what the score is linear in.

    "rare" is 1 where the name that stands there stands nowhere else, "known" where the one that would stand there does.
    """
    names = Counter(token.string for token in source.tokens)
    rows = []
    for edit, one in judged:
        old, new = source.text[edit.start : edit.end], edit.replacement
        change, first = min(max(one.change, -20.0), 20.0), min(max(one.first, -20.0), 20.0)
        rows.append((change, first, min(one.surprise, 20.0), float(names[old] == 1), float(names[new] > 1)))
    return np.array(rows, np.float64).reshape(len(rows), len(FEATURES))


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
    if edit.kind == "off-by-one":
        return f"This looks off by one: the model would expect `{new}` here."
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
