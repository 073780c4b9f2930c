"""How much each piece of evidence counts for `charmer.errors.suspicious`: a table of plain numbers, `weights.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from charmer.common.files import read_json

SHIPPED = Path(__file__).parent / "weights.json"
FREE = "edit"  # the evidence that every edit shows
UNREAD = "unread"  # and that of one which the model did not read to its end


@cache
def shipped() -> dict[str, float]:
    """The weights that ship, by the evidence's name."""
    return {name: float(weight) for name, weight in read_json(SHIPPED).items()}


def score(weights: Mapping[str, float], evidence: Mapping[str, float]) -> float:
    """The log-odds of one edit: evidence that is not in the table counts nothing."""
    total = weights[FREE]
    for name, value in evidence.items():  # a loop: `sum` of a generator takes twice as long, and this is asked often
        if name in weights:
            total += weights[name] * value
    return total


def judges(weights: Mapping[str, float], evidence: Mapping[str, float]) -> bool:
    """Whether weights say anything of an edit: those fitted without unread edits say nothing of such."""
    return UNREAD not in evidence or UNREAD in weights


@cache
def digest() -> str:
    """SHA-256 of the weights that ship, in hexadecimal."""
    return hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
