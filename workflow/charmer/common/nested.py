"""Nested settings under dotted names: `{"train": {"seed": 1}}` and `{"train.seed": 1}` are the same knob.

Lists are values: they have no names below them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flattened(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name and value of every leaf, in the order of `nested`; an empty mapping is a leaf."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The nested mapping of dotted names and values."""
    result: dict[str, Any] = {}
    for name, value in flat.items():
        *sections, last = name.split(".")
        below = result
        for section in sections:
            below = below.setdefault(section, {})
        below[last] = value
    return result
