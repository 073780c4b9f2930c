"""Where, when and with what a run was made: the one artefact that may differ between two equal runs."""

from __future__ import annotations

import csv
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.report.inputs import Inputs

PACKAGES = ("torch", "numpy", "pyarrow", "tokenizers", "tiktoken", "safetensors", "snakemake", "altair")
STAGES = {"counts": "curate", "statistics": "vocab", "weights": "train"}


def record(inputs: Inputs) -> dict[str, Any]:
    """Host, date, versions, digests of the inputs, and the seconds and memory of each stage that left its benchmark."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "sha256": {
            f"{path.parent.name}/{path.name}": files.sha256_of(path)
            for name, path in sorted(inputs.paths.items())
            if path.is_file()
        },
        "stages": [stage for name, path in inputs.paths.items() if (stage := _stage(name, path))],
    }


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # macOS has no such file
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _stage(name: str, path: Path) -> dict[str, Any] | None:
    """Seconds and peak memory of the job that wrote `path`, from the benchmark that Snakemake keeps beside it."""
    stage = STAGES.get(name) or (name.removeprefix("metric_") if name.startswith("metric_") else None)
    if stage is None:
        return None
    try:
        with (path.parent / "benchmark.tsv").open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        return {"stage": stage, "seconds": float(row["s"]), "memory_mb": float(row["max_rss"])}
    except (OSError, StopIteration, KeyError, ValueError, UnicodeDecodeError):
        return None
