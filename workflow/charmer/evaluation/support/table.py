"""The one shape of every metric's table: what was measured, on which slice, the value and its interval.

Because all metrics share it, a report can show a metric that it has never heard of, and tables of many runs can be
laid under one another.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from charmer.evaluation.support.statistics import Interval

SCHEMA = pa.schema(
    [
        pa.field("metric", pa.string(), nullable=False),
        pa.field("slice", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("cases", pa.int64(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("detail", pa.large_string()),
    ]
)


GAP = b"gap"  # of a table's metadata: why there is nothing in it


@dataclass(frozen=True)
class Row:
    """One measured value.

    Attributes:
        slice: "overall", or `dimension=member` ("package=rich", "kind=keyword").
        value: what was measured, in `unit`.
        interval: its 95% interval, or None where there is none.
        cases: how many documents, functions or tokens stand behind it.
        detail: whatever a report needs beyond the number; stored as JSON.
    """

    slice: str
    value: float
    interval: Interval | None
    cases: int
    unit: str
    detail: dict[str, Any] | None = None


def table(metric: str, rows: Iterable[Row]) -> pa.Table:
    """The table of `metric`, in the order of `rows`.

    Raises:
        ValueError: a value is not finite; a metric with nothing to measure says so instead.
    """
    records = []
    for row in rows:
        if not math.isfinite(row.value):
            raise ValueError(f"{metric}: the value of {row.slice} is {row.value}")
        low, high = row.interval or (None, None)
        detail = None if row.detail is None else json.dumps(row.detail, ensure_ascii=False, sort_keys=True)
        records.append(
            {"metric": metric, "slice": row.slice, "value": float(row.value), "low": low, "high": high}
            | {"cases": int(row.cases), "unit": row.unit, "detail": detail}
        )
    return pa.Table.from_pylist(records, schema=SCHEMA)


def gap(reason: str) -> pa.Table:
    """A table without rows for a metric that can't be measured: the run goes on, and the report shows `reason` in its
    place. A metric gives one where model or machine don't allow it; what is wrong with its input is a Failure, which
    the job turns into a gap, and which `charmer evaluate` shows as the error that it is."""
    return SCHEMA.empty_table().replace_schema_metadata({GAP: reason.encode()})


def gap_of(table_: pa.Table) -> str | None:
    """Why a table is a gap; None where it holds measurements."""
    reason = (table_.schema.metadata or {}).get(GAP)
    return None if reason is None else reason.decode()
