"""Reading a table of broken code: the cases that a metric sets, drawn the same way for every model."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import Failure
from charmer.errors.breaking import COLUMNS, NAMES, Row
from charmer.errors.edits import Edit


@dataclass(frozen=True)
class Case:
    """One fault, and what stood there.

    Attributes:
        original, broken: the sound text and the one with the fault.
        kind, family, withheld: the operator that made it.
        line, column: where the fault is in `broken`, from 1; columns in characters.
        error, error_line: what the interpreter says of `broken`, and where; None where it parses.
        fix: the edit of `broken` that gives `original`.
        package, path: where the text is from.
    """

    original: str
    broken: str
    kind: str
    family: str
    withheld: bool
    line: int
    column: int
    error: str | None
    error_line: int | None
    fix: Edit
    package: str
    path: str

    @classmethod
    def of(cls, row: Row) -> Case:
        """The case in a row of the table."""
        lines = row["broken"].split("\n")
        start = sum(len(line) + 1 for line in lines[: row["line"] - 1]) + row["column"] - 1
        end = sum(len(line) + 1 for line in lines[: row["end_line"] - 1]) + row["end_column"] - 1
        kept = ("original", "broken", "kind", "family", "withheld", "line", "column", "error", "error_line")
        fix = Edit(start, end, row["fix"], row["kind"])
        return cls(**{name: row[name] for name in kept}, fix=fix, package=row["package"], path=row["path"])


def draw(table: Path, family: str, count: int, withheld: bool | None = None, needed: bool = True) -> list[Case]:
    """`count` cases of one family in a fixed random order, fewer where there are fewer.

    Every file gives one before any gives its second, so that no single file decides a figure.

    Args:
        withheld: only cases of the withheld operators (True), or none of them (False).
        needed: whether there has to be such a case.

    Raises:
        Failure: the table is absent or damaged, or has no such case and needs one.
    """
    keys = ["family", "withheld", "kind", "line", "column", *NAMES]
    wanted = [
        (number, row)
        for number, row in enumerate(_rows(table, keys))
        if row["family"] == family and withheld in (None, row["withheld"])
    ]
    if needed and not wanted:
        raise Failure(f"{table}: holds no such broken code ({family}); add sources or raise break.held_out_pairs")
    wanted.sort(key=lambda entry: _order(entry[1]))
    given: Counter[tuple[str, ...]] = Counter()
    rounds: list[tuple[int, int, int]] = []
    for number, row in wanted:
        document = tuple(row[name] for name in NAMES)
        rounds.append((given[document], len(rounds), number))
        given[document] += 1
    chosen = {number: place for place, (_, _, number) in enumerate(sorted(rounds)[:count])}
    cases = {chosen[n]: Case.of(row) for n, row in enumerate(_rows(table, COLUMNS.names)) if n in chosen}
    return [cases[place] for place in sorted(cases)]


def _order(row: Row) -> bytes:
    return hashlib.sha256("\0".join(str(value) for value in row.values()).encode()).digest()


def _rows(table: Path, columns: list[str]) -> Any:
    """The rows of a table, a few at a time in memory."""
    try:
        with pq.ParquetFile(table, page_checksum_verification=True) as parquet:
            missing = set(columns) - set(parquet.schema_arrow.names)
            if missing:
                raise Failure(f"{table}: lacks the columns {', '.join(sorted(missing))}; run `break` again")
            for batch in parquet.iter_batches(64, columns=columns):
                yield from batch.to_pylist()
    except FileNotFoundError:
        raise Failure(f"{table}: there is no such table; run `break` first") from None
    except (pa.ArrowException, OSError) as error:
        raise Failure(f"{table}: is damaged ({error}); delete it and run the same command again") from error
