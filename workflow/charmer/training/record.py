"""The tables of a run while they grow: a row a step, a row an evaluation.

Notable here:
- The tables live in the checkpoint, beside the weights that they describe. So after any interruption each step stands
  in them exactly once.
- The same rows go to TensorBoard at once, for whoever watches (`tensorboard --logdir results/checkpoints`). What the
  events show of steps after the checkpoint that a run goes on from is purged.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from tensorboardX import SummaryWriter
from torch import Tensor

from charmer.common.files import write_table

METRICS = pa.schema(
    {
        "step": pa.int64(),
        "loss": pa.float64(),
        "learning_rate": pa.float64(),
        "gradient_norm": pa.float64(),
        "tokens": pa.int64(),
        "tokens_per_second": pa.float64(),
        "mfu": pa.float64(),
        "context": pa.int64(),
        "seconds": pa.float64(),
        "waited": pa.float64(),
        "progress": pa.float64(),
        "skipped": pa.int64(),
    }
)
HELD_OUT = pa.schema(
    {
        "step": pa.int64(),
        "tokens": pa.int64(),
        "seconds": pa.float64(),
        "bits_per_byte": pa.float64(),
        "samples": pa.list_(pa.string()),
    }
)


class Record:
    """Metrics (units: nats a token, seconds, shares) and evaluations of a run."""

    def __init__(self) -> None:
        self.metrics: dict[str, list[float]] = {name: [] for name in METRICS.names}
        self.evaluations: list[dict[str, Any]] = []
        self.events: SummaryWriter | None = None

    def watch(self, folder: Path) -> None:
        """Send rows to TensorBoard's files in `folder` from now on."""
        if not self.metrics["step"]:
            for old in folder.glob("events.*"):
                old.unlink()
        self.events = SummaryWriter(str(folder), purge_step=len(self.metrics["step"]) + 1, flush_secs=10)

    def add_step(self, **row: float) -> None:
        """Add a row to the metrics."""
        for name, column in self.metrics.items():
            column.append(row[name])
            if self.events is not None and name not in ("step", "progress"):
                self.events.add_scalar(f"train/{name}", row[name], int(row["step"]))

    def add_evaluation(self, **row: Any) -> None:
        """Add a row to the evaluations."""
        self.evaluations.append(row)
        if self.events is not None:
            self.events.add_scalar("held_out/bits_per_byte", row["bits_per_byte"], row["step"])
            for number, sample in enumerate(row["samples"]):
                self.events.add_text(f"held_out/sample_{number}", sample, row["step"])

    @property
    def best(self) -> float:
        """The fewest bits per byte of any evaluation."""
        return min((row["bits_per_byte"] for row in self.evaluations), default=math.inf)

    def tensors(self) -> dict[str, Tensor]:
        """The metrics, a tensor a column."""
        return {name: torch.tensor(column, dtype=torch.float64) for name, column in self.metrics.items()}

    def load(self, tensors: dict[str, Tensor], evaluations: list[dict[str, Any]]) -> None:
        """Take over what `tensors` gave, and the evaluations."""
        self.metrics = {name: tensors[name].tolist() for name in METRICS.names}
        self.evaluations = evaluations

    def write(self, folder: Path) -> None:
        """Write both tables."""
        columns = {field.name: pa.array(self.metrics[field.name]).cast(field.type) for field in METRICS}
        write_table(folder / "metrics.parquet", pa.table(columns))
        write_table(folder / "held_out.parquet", pa.Table.from_pylist(self.evaluations, schema=HELD_OUT))

    def close(self) -> None:
        """Flush what TensorBoard gets."""
        if self.events is not None:
            self.events.close()
