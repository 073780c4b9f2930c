"""False alarms: what `check` says at its default precision about sound code of packages that training never saw.

The threshold comes from other packages (see `charmer.errors.calibration`); what is counted here set nothing. Some
of these alarms may be true: nobody has proved the code sound.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.progress import Progress
from charmer.errors import calibration
from charmer.errors.calibrate import sound
from charmer.errors.calibration import UNIT
from charmer.errors.check import check
from charmer.evaluation.support import subject
from charmer.evaluation.support.statistics import bootstrap_ratio
from charmer.evaluation.support.table import Row, table

NEEDS = ("test_shards", "calibration")
OPTIONAL = ("calibration",)
EXAMPLES = 10


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "per 500 lines", and "seconds per 500 lines".

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split; `calibration`, of the model, without which the one that ships
            counts.
        settings: lines of code that are read.
        threads: of the CPU.

    The detail holds the first alarms.

    Raises:
        Failure: the split holds no text.
    """
    network, tokenizer = subject.load(model, threads)
    known = calibration.read(data["calibration"].parent if "calibration" in data else model)
    counts, sizes, seconds, alarms = [], [], [], []
    documents = sound(data["test_shards"], settings["lines"])
    with Progress("false alarms", sum(text.count("\n") for *_, text in documents), "line") as progress:
        for _, path, text in documents:
            started = time.perf_counter()
            found = check(network, tokenizer, text, path, calibration=known)
            seconds.append(time.perf_counter() - started)
            alarms += [{**one.record(), "written": text.split("\n")[one.line - 1].strip()} for one in found]
            counts.append(len(found))
            sizes.append((text.count("\n") + 1) / UNIT)
            progress.advance(text.count("\n"))
    whole, count = sum(sizes), len(documents)
    parts = [
        ("per 500 lines", np.array(counts, np.float64), "alarms"),
        ("seconds per 500 lines", np.array(seconds), "s"),
    ]
    rows = [
        Row(name, float(values.sum()) / whole, bootstrap_ratio(values, np.array(sizes)), count, unit)
        for name, values, unit in parts
    ]
    first = rows[0]
    rows[0] = Row(first.slice, first.value, first.interval, count, first.unit, {"examples": alarms[:EXAMPLES]})
    return table("false_alarms", rows)
