"""What a module itself says for and against an edit, before any language model is asked.

    evidence = Evidence(source)
    evidence.of(edit)  # {"name": 1.0, "name: unused parameter": 1.0, "name: meant 3": 0.69, …}

Every piece of evidence has a name that a person can read, and that begins with the kind of the edit. How much each
counts stands in `weights.json` (see `charmer.errors.weights`). Slips leave traces of this sort (Allamanis et al. 2018,
"Learning to represent programs with graphs"; Pradel and Sen 2018, "DeepBugs"): something unused, something twice, a
name that does not fit its place.
"""

from __future__ import annotations

from collections.abc import Callable

from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit
from charmer.errors.evidence import calls, conditions, statements, words
from charmer.errors.evidence.facts import Facts
from charmer.errors.evidence.repeats import Repeats

Judge = Callable[[Facts, Edit, str], dict[str, float]]


def _pair(facts: Facts, edit: Edit, new: str) -> dict[str, float]:
    return {f"{' '.join(facts.source.text[edit.start : edit.end].split())} to {' '.join(new.split())}": 1.0}


JUDGES: dict[str, Judge] = {
    "attribute": words.attribute,
    "boolean": _pair,
    "comparison": conditions.flipped,
    "constant": words.constant,
    "decorator": statements.decorator,
    "format": statements.text,
    "lost": statements.lost,
    "name": words.name,
    "negation": conditions.flipped,
    "off-by-one": lambda facts, edit, new: {},
    "operator": statements.operator,
    "self": statements.self,
    "slice": lambda facts, edit, new: {},
    "swap": calls.swap,
    "word": statements.word,
}


class Evidence:
    """The evidence in one module."""

    def __init__(self, source: Source) -> None:
        self.facts = Facts(source)
        self.repeats = Repeats(source)

    def of(self, edit: Edit) -> dict[str, float]:
        """What speaks for an edit, by name; what is not named is 0."""
        found = {edit.kind: 1.0}
        for name, value in JUDGES[edit.kind](self.facts, edit, edit.replacement).items():
            if value:
                found[f"{edit.kind}: {name}"] = value
        for name, value in self.repeats.of(edit).items():
            if value:
                found[name] = value
                found[f"{edit.kind}: {name}"] = value
        return found
