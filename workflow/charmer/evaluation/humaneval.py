"""HumanEval (Chen et al. 2021, arXiv:2107.03374): function synthesis on the problems that other models are measured on.

The file of problems does not ship with Charmer; whoever has it names it. Training files that share text with it are
taken out whether it is there or not (`curate.benchmarks`), by a list of hashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.evaluation import synthesis
from charmer.evaluation.support.table import gap

NEEDS = ()

UNNAMED = (
    "its file of problems was not named; name it, packed or not: "
    "--config 'evaluate={humaneval: {problems: HumanEval.jsonl.gz}}'"
)


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """The slices "pass@1" and "pass@10", as `synthesis` gives them; a gap where no file is named.

    Args:
        model, data, threads: as for `synthesis`.
        settings: as for `synthesis`; problems may be empty.

    Raises:
        Failure: as `synthesis`.
    """
    if not settings["problems"]:
        return gap(UNNAMED)
    return synthesis.measure("humaneval", model, settings, threads)
