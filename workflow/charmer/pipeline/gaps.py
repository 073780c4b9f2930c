"""Why a run is not complete: the first of its stages that left nothing, and the last word of that stage's log.

It is read from what lies on disk, so it can be told at any time after the call in which a job failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charmer.pipeline.grid import Grid
from charmer.pipeline.naming import RESULTS
from charmer.pipeline.paths import SPLITS
from charmer.pipeline.plan import Plan

EVALUATION = ("metrics", "runs")  # stages that may fail while the model they judge stands


@dataclass(frozen=True)
class Gap:
    """A stage of a run that left nothing.

    Attributes:
        stage: the stage's folder under `results/`.
        reason: one line.
    """

    stage: str
    reason: str

    @property
    def has_model(self) -> bool:
        """Whether the run's model is there all the same."""
        return self.stage in EVALUATION


def gap(plan: Plan) -> Gap | None:
    """The first stage of `plan`, in data order, whose output is missing; None where all of them are there."""
    for stage, rule, output, log in _outputs(plan):
        if not output.exists():
            return Gap(stage, f"{rule}: {_reason(log)}")
    return None


def write_page(grid: Grid) -> list[str]:
    """The page and table of a grid that is not complete, with a gap for every run that failed.

    Returns what to say of it: nothing where no run has a model, since there is nothing to show.
    """
    missing = {cell.plan.run.name: found for cell in grid.cells if (found := gap(cell.plan)) is not None}
    if not missing or (len(missing) == len(grid.cells) and not any(found.has_model for found in missing.values())):
        return []
    from charmer.report import grid as page  # slow to import, and needed when a job of a grid failed alone
    from charmer.report import index

    told = {run: (found.reason, found.has_model) for run, found in missing.items()}
    page.write(grid.folder, RESULTS, grid.settings, told)
    index.write(RESULTS)
    return [(grid.folder / "summary.txt").read_text(encoding="utf-8")]


def _outputs(plan: Plan) -> Iterator[tuple[str, str, Path, Path]]:
    """Each stage's folder under `results/`, its rule, a file that it writes, and its log; in data order."""
    for source in plan.sources:
        for folder in sorted(source.folder.glob("[0-9]*")) or [source.folder]:  # of its parts, or its own
            yield "sources", "scrape", folder / "refused.parquet", folder / "scrape.log"
    yield "corpus", "curate", plan.corpus.folder / "counts.json", plan.corpus.folder / "curate.log"
    yield "vocab", "vocab", plan.vocab.folder / "tokenizer.json", plan.vocab.folder / "vocab.log"
    tokens = RESULTS / "tokens" / plan.vocab.name
    for split in SPLITS:
        yield "tokens", "encode", tokens / f"{split}.npy", tokens / f"{split}.log"
    for split in ("train", "val"):
        yield "windows", "pack", plan.windows.folder / f"{split}.npy", plan.windows.folder / f"{split}.log"
    yield "models", "train", plan.model.folder / "model.safetensors", plan.model.folder / "train.log"
    for metric in plan.metrics:
        yield "metrics", "evaluate", metric.folder / "table.parquet", metric.folder / "evaluate.log"
    yield "runs", "report", plan.run.folder / "summary.json", plan.run.folder / "report.log"


def _reason(log: Path) -> str:
    """The last line of a log that names an error; logs of jobs that went well name none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "has not run"
    for line in reversed(lines):
        _, found, reason = line.partition(" error: ")
        if found:
            return reason
    return f"ended without a word (killed from outside, or out of memory?); its log: {log}"
