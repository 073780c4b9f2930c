"""A finished run, found again from its folder alone: settings, summary, and the files that its provenance names.

Folders are not worked out from settings, since how they are named may have changed since: the run's provenance says
which files it was made of, with their digests. What is no longer there is a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.common.failure import Failure
from charmer.report.inputs import Rows

ROLES = {  # file -> the folder under results/ that such files lie in, and what they are for people
    "counts.json": ("corpus", "corpus, counts"),
    "packages.parquet": ("corpus", "corpus, packages"),
    "statistics.json": ("vocab", "vocabulary"),
    "train.json": ("windows", "training windows"),
    "model.safetensors": ("models", "weights"),
}


@dataclass
class Run:
    """What one run left on disk."""

    name: str
    settings: dict[str, Any]
    summary: dict[str, Any]
    provenance: dict[str, Any]
    results: Path
    gaps: list[str]

    @classmethod
    def read(cls, results: Path, name: str) -> Run:
        """Read a run.

        Raises:
            Failure: it has no settings or no summary.
        """
        folder, gaps = results / "runs" / name, []
        try:
            provenance = files.read_json(folder / "provenance.json")
        except Failure as failure:
            provenance, gaps = {}, [str(failure)]
        settings, summary = files.read_json(folder / "settings.json"), files.read_json(folder / "summary.json")
        return cls(name, settings, summary, provenance, results, gaps)

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of what the run was made of, by role."""
        found = {}
        for path, digest in self.provenance.get("sha256", {}).items():
            folder, _, name = path.partition("/")
            if name in ROLES:
                found[ROLES[name][1]] = digest
            elif name == "table.parquet":
                found[f"metric {folder.rpartition('-')[0]}"] = digest
        return found

    def path(self, name: str) -> Path | None:
        """Where a file of the run lies: the folder is the one that its provenance names."""
        for path in self.provenance.get("sha256", {}):
            if path.endswith(f"/{name}"):
                return self.results / ROLES[name][0] / path
        return None

    def metrics(self) -> dict[str, Rows]:
        """The tables of its metrics."""
        tables = {}
        for path in self.provenance.get("sha256", {}):
            folder, _, name = path.partition("/")
            if name == "table.parquet":
                rows = self._rows(self.results / "metrics" / path, ["slice", "value", "low", "high", "unit", "detail"])
                tables[folder.rpartition("-")[0]] = rows
        return tables

    def table(self, name: str, columns: list[str]) -> Rows:
        """A table of the run; empty, with a gap, where it cannot be read."""
        path = self.path(name)
        return self._rows(path, columns) if path else []

    def curve(self, name: str, column: str) -> list[tuple[float, float | None]]:
        """One column of the training's tables over the tokens seen."""
        weights = self.path("model.safetensors")
        rows = self._rows(weights.parent / name, ["tokens", column]) if weights else []
        return [(row["tokens"], row[column]) for row in rows]

    def document(self, name: str) -> dict[str, Any]:
        path = self.path(name)
        try:
            return files.read_json(path) if path else {}
        except Failure as failure:
            self.gaps.append(str(failure))
            return {}

    def _rows(self, path: Path, columns: list[str]) -> Rows:
        try:
            return files.read_table(path, columns).to_pylist()
        except Failure as failure:
            self.gaps.append(str(failure))
            return []
