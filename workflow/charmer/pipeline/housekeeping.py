"""What under `results/` no present configuration or grid refers to: listed with its size, removed on request."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from charmer.common.failure import Failure
from charmer.pipeline import alive, grid
from charmer.pipeline.grid import Grid
from charmer.pipeline.naming import RESULTS
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import merged, read, resolve

STAGES = (
    "sources",
    "corpus",
    "broken",
    "vocab",
    "tokens",
    "windows",
    "models",
    "checkpoints",
    "metrics",
    "runs",
    "exports",
)
COMPARISONS = RESULTS / "compare"


@dataclass(frozen=True)
class Leftover:
    """A folder that nothing refers to, and its size in bytes."""

    folder: Path
    size: int


def present_plans(config: Path) -> list[Plan]:
    """The plans of `config.yaml` and of every preset beside it that says all of a run: one that fits a model to a
    person's own code is told on the command line whose.

    Args:
        config: the folder that holds `config.yaml` and `presets/`.
    """
    base = read(config / "config.yaml")
    presets = [read(path) for path in sorted((config / "presets").glob("*.yaml"))]
    whole = [preset for preset in presets if not preset.get("train", {}).get("init_from")]
    return [Plan.of(resolve(merged(base, preset))) for preset in [{}, *whole]]


def present_grids(config: Path) -> list[Grid]:
    """The grids of `config`/grids.

    Raises:
        Failure: one of them is wrong, so that nobody can say what it refers to.
    """
    return [grid.load(file, config) for file in grid.files(config).values()]


def leftovers(plans: Iterable[Plan], grids: Iterable[Grid] = ()) -> list[Leftover]:
    """Folders under `results/` that belong to none of `plans` or `grids`, largest first.

    A comparison belongs to its two runs: it is left over when one of them is.
    """
    grids = list(grids)
    wanted = set().union(*(plan.folders() for plan in [*plans, *(plan for grid in grids for plan in grid.plans)]))
    wanted |= {grid.folder for grid in grids}
    runs = {folder.name for folder in wanted if folder.parent.name == "runs"}
    wanted |= {COMPARISONS / f"{one}-{other}" for one in runs for other in runs} if COMPARISONS.is_dir() else set()
    found = [
        Leftover(folder, size_of(folder))
        for stage in (*STAGES, "grids", COMPARISONS.name)
        if (RESULTS / stage).is_dir()
        for folder in (RESULTS / stage).iterdir()
        if folder.is_dir() and folder not in wanted
    ]
    return sorted(found, key=lambda leftover: (-leftover.size, leftover.folder))


def size_of(folder: Path) -> int:
    """Bytes of the files below `folder`, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def describe(found: list[Leftover]) -> str:
    """A table for the terminal: size and folder, and the sum."""
    if not found:
        return "results/ holds nothing that the present configurations do not refer to"
    rows = [f"{leftover.size / 1e6:10.1f} MB  {leftover.folder}" for leftover in found]
    total = sum(leftover.size for leftover in found)
    return "\n".join([*rows, f"{total / 1e6:10.1f} MB  in {len(found)} folders"])


def remove(found: list[Leftover]) -> None:
    """Delete the folders.

    Raises:
        Failure: another process is at work here, and what it makes may be among them.
    """
    family = [os.getpid(), *(parent.pid for parent in psutil.Process().parents())]
    for holder in alive.others(but=family):
        raise Failure(f"results/: another Snakemake is at work here: {holder}; wait for it, or stop it")
    for leftover in found:
        shutil.rmtree(leftover.folder)
