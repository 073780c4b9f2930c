"""Where results lie, and digests that name them: the few lines that plans, rules and scripts share."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

RESULTS = Path("results")


def own_names(settings: dict[str, Any]) -> list[str]:
    """The names of the sources of a variant that are a person's own code."""
    return [source["name"] for source in settings.get("sources", []) if source.get("own")]


def digest(value: Any) -> str:
    """Eight hexadecimal digits over a canonical JSON form."""
    canonical = json.dumps(ordered(value), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def ordered(value: Any) -> Any:
    """The same value with the keys of every mapping sorted: Snakemake compares the text of a mapping."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [ordered(entry) for entry in value]
    return value
