"""What a report reads, each piece of it possibly missing.

A metric that failed, a table cut short, or a file of an older version must cost its own section and nothing else:
whatever cannot be read becomes a named gap that the page shows in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation.support.table import gap_of

METRIC = "metric_"
Rows = list[dict[str, Any]]


@dataclass
class Inputs:
    """The files of a run by name, and why some of them gave nothing.

    Attributes:
        paths: counts, card, packages, statistics, windows, weights and what lies beside them, and `metric_<name>` for
            each metric.
        gaps: the reason by name, for what was asked for and could not be read.
    """

    paths: Mapping[str, Path]
    gaps: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> Path | None:
        """The model's folder."""
        weights = self.paths.get("weights")
        return weights.parent if weights else None

    def metrics(self) -> list[str]:
        """The names of the metrics that have a table."""
        return [name.removeprefix(METRIC) for name in self.paths if name.startswith(METRIC)]

    def document(self, name: str, keys: Sequence[str], path: Path | None = None) -> dict[str, Any]:
        """A JSON file's mapping; empty, with a gap, where there is none that has `keys`."""
        path = path or self.paths.get(name)
        if path is None:
            self.gaps[name] = "was not made"
            return {}
        try:
            found = files.read_json(path)
        except Failure as failure:
            self.gaps[name] = str(failure)
            return {}
        if not isinstance(found, dict) or not set(keys) <= set(found):
            self.gaps[name] = f"{path}: is not what this version writes, it lacks some of {', '.join(keys)}"
            return {}
        return found

    def table(self, name: str, columns: Sequence[str], path: Path | None = None) -> Rows:
        """A Parquet file's rows; empty, with a gap, where there is none that has `columns`."""
        path = path or self.paths.get(name)
        if path is None:
            self.gaps[name] = "was not made"
            return []
        try:
            return files.read_table(path, columns).to_pylist()
        except Failure as failure:
            self.gaps[name] = str(failure)
            return []

    def metric(self, name: str) -> Rows:
        """A metric's rows, their `detail` read from its JSON; empty, with a gap, where there is none."""
        path = self.paths.get(METRIC + name)
        if path is None:
            self.gaps[name] = "was not measured"
            return []
        try:
            found = files.read_table(path, ["slice", "value", "low", "high", "cases", "unit", "detail"])
            if reason := gap_of(found):
                self.gaps[name] = reason
            return [{**row, "detail": json.loads(row["detail"] or "{}")} for row in found.to_pylist()]
        except (Failure, ValueError) as failure:
            self.gaps[name] = str(failure)
            return []


def pick(rows: Rows, name: str) -> dict[str, Any] | None:
    """The row of one slice."""
    return next((row for row in rows if row["slice"] == name), None)


def members(rows: Rows, dimension: str) -> Rows:
    """The rows of the slices `dimension=member`, with `member` added."""
    start = dimension + "="
    return [{**row, "member": row["slice"].removeprefix(start)} for row in rows if row["slice"].startswith(start)]
