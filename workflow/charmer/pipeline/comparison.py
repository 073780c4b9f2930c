"""Which two runs `--config runs=A,B` means, and where their comparison lies.

A comparison reads what is on disk and runs no stage: asking what two runs were must not train one of them anew because
the code has moved on since.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import sha256_of
from charmer.pipeline.naming import RESULTS

READ = (
    "summary.json",
    "provenance.json",
    "settings.json",
)  # of a run; they hold digests of all else that it is made of


@dataclass(frozen=True)
class Comparison:
    """Two runs, by their folders' names."""

    one: str
    other: str

    @property
    def folder(self) -> Path:
        return RESULTS / "compare" / f"{self.one}-{self.other}"

    @property
    def settings(self) -> dict[str, Any]:
        """What the comparison depends on: the two runs, and digests of what tells their content."""
        digests = {
            f"{run}/{name}": sha256_of(path)
            for run in (self.one, self.other)
            for name in READ
            if (path := RESULTS / "runs" / run / name).is_file()
        }
        return {"runs": [self.one, self.other], "files": digests}


def named(runs: Any) -> Comparison:
    """The comparison of `A,B` (or a list of two): names of folders under results/runs, or beginnings of one each.

    Raises:
        Failure: these are not two runs.
    """
    names = [str(name).strip() for name in (runs if isinstance(runs, list | tuple) else str(runs).split(","))]
    if len(names) != 2:
        raise Failure(f"runs: {runs!r} is not two runs; write --config runs=A,B")
    one, other = map(_find, names)
    if one == other:
        raise Failure(f"runs: {names[0]!r} and {names[1]!r} are the same run, {one}; name two")
    return Comparison(one, other)


def complete_runs() -> list[str]:
    """The runs under results/ that have a summary."""
    return sorted(path.parent.name for path in (RESULTS / "runs").glob("*/summary.json"))


def _find(name: str) -> str:
    there = complete_runs()
    if name in there:
        return name
    begin = [run for run in there if name and run.startswith(name)]
    if len(begin) == 1:
        return begin[0]
    if begin:
        raise Failure(
            f"runs: {name!r} begins the names of {len(begin)} runs: {', '.join(begin[:6])}; write more of one"
        )
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}? " if near else ""
    listed = (
        f"There are: {', '.join(there[:12])}{', ...' if len(there) > 12 else ''}" if there else "There are none yet"
    )
    raise Failure(f"runs: results/runs holds no complete run {name!r}; {meant}{listed}")
