"""Files to fit the weights of `check` to, and what both witnesses say of their edits.

Files of 100 to 500 lines of a split are read, of each package as many. One in four stays as it is; the others are
broken once, as the rule `break` breaks files that are held out. The withheld operators take no part.

Notable here: of the thousands of edits of a file only some are kept. Those that the model read to their end and those
that undo the slip are all there; of the others one in `THINNED`, which counts for as many.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import Failure
from charmer.common.files import write_table
from charmer.common.progress import Progress
from charmer.errors import suspicious, weights
from charmer.errors.breaking import LONGEST_LINE
from charmer.errors.edits import Edit, apply, inverse, line_of
from charmer.errors.fitting import Example
from charmer.errors.operators import OPERATORS, Ground, drawn
from charmer.model import folder
from charmer.tokens.shards import batches

LINES = 100, 500
SOUND = 4  # one file of so many is not broken
APART = 5  # one package of so many is kept apart
THINNED = 10
TRIED = 4  # files that are read for each that is wanted: most are too short or too long
ROWS = 256  # documents held at a time

SCHEMA = pa.schema(
    [
        ("file", pa.int32()),
        ("package", pa.string()),
        ("lines", pa.int32()),
        ("slip", pa.int32()),  # the line of the slip; 0: the file is sound
        ("line", pa.int32()),
        ("right", pa.bool_()),
        ("copies", pa.float32()),
        ("names", pa.list_(pa.string())),
        ("values", pa.list_(pa.float32())),
    ]
)


class File(NamedTuple):
    """A file to fit to; `fix` undoes its slip, and is None where it has none."""

    text: str
    fix: Edit | None
    package: str


class Heard(NamedTuple):
    """What the witnesses say of one file's edits, in the order of `lines`.

    Attributes:
        package: where the file is from.
        length: of the file, in lines.
        slip: the line of its slip; 0: it is sound.
        lines: of each edit.
        right: whether an edit undoes the slip.
        copies: how many edits each stands for.
        evidence: by name.
    """

    package: str
    length: int
    slip: int
    lines: Sequence[int]
    right: Sequence[bool]
    copies: Sequence[float]
    evidence: Sequence[Mapping[str, float]]

    def example(self) -> Example:
        """The edits with the answer: those that undo the slip, or else all on its line; none where it is not there."""
        right = [float(one) for one in self.right]
        if self.slip and not any(right):
            right = [float(line == self.slip) for line in self.lines]
        return Example(self.evidence, right, self.copies)


def apart(package: str) -> bool:
    """Whether a package sets no weight, by its name alone: such ones judge the weights, and calibrate `check`."""
    return hashlib.sha256(package.encode()).digest()[0] % APART == 0


def files(shards: Path, count: int, seed: int) -> list[File]:
    """At most `count` files, evenly over the packages, in a fixed random order.

    Raises:
        Failure: the folder is missing or damaged, or holds no file of that length.
    """
    found: dict[str, list[tuple[bytes, int]]] = {}
    number = 0
    for batch in batches(shards, ["package", "path"], 65_536):
        for row, names in enumerate(batch.to_pylist(), number):
            order = hashlib.sha256(f"{seed}\0{names['package']}\0{names['path']}".encode()).digest()
            found.setdefault(names["package"], []).append((order, row))
        number += batch.num_rows
    turns = sorted(
        (turn, order, package, row)
        for package, entries in found.items()
        for turn, (order, row) in enumerate(sorted(entries))
    )[: count * TRIED]
    texts = _texts(shards, np.array(sorted(row for *_, row in turns), np.int64))
    fitting = [(package, order, texts[row]) for _, order, package, row in turns if row in texts]
    if not fitting:
        raise Failure(f"{shards}: holds no file of {LINES[0]} to {LINES[1]} lines; add sources")
    made = (_file(text, package, order) for package, order, text in fitting[:count])
    return [one for one in made if one is not None]


def _texts(shards: Path, rows: np.ndarray) -> dict[int, str]:
    """The texts of those among some rows, counted over all shards, that have the right length."""
    found: dict[int, str] = {}
    number = 0
    for batch in batches(shards, ["text"], ROWS):
        here = rows[(rows >= number) & (rows < number + batch.num_rows)]
        for row, text in zip(here.tolist(), batch["text"].take(pa.array(here - number)).to_pylist(), strict=True):
            if LINES[0] <= text.count("\n") <= LINES[1] and "\r" not in text:
                found[row] = text
        number += batch.num_rows
    return found


def _file(text: str, package: str, order: bytes) -> File | None:
    """A file as it is fitted to; None where it can't be broken."""
    operators = [one for one in OPERATORS.values() if one.family == "semantic" and not one.withheld]
    try:
        if max(map(len, text.split("\n"))) > LONGEST_LINE:
            return None
        source = Ground(text)
        if order[0] % SOUND == 0:
            return File(text, None, package)
        slip = drawn(source, operators, random.Random(order))
        return File(apply(text, slip), inverse(text, slip), package) if slip is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def hear(model: Path, chosen: Sequence[File], known: Mapping[str, float], target: Path) -> None:
    """Ask both witnesses about each file, and write what they say as a table with a row an edit.

    Args:
        known: the weights by which it is chosen what the model reads to its end.

    Raises:
        Failure: the model is damaged.
    """
    network, tokenizer = folder.load(model)
    tables = [SCHEMA.empty_table()]
    with Progress("witnesses", len(chosen), "file") as progress:
        for number, file in enumerate(chosen):
            witnessed = suspicious.witnessed(network, tokenizer, file.text, known)
            original = apply(file.text, file.fix) if file.fix is not None else None
            rows = []
            for at, (edit, one, _) in enumerate(witnessed):
                right = original is not None and apply(file.text, edit) == original
                whole = right or weights.UNREAD not in one
                if whole or at % THINNED == number % THINNED:
                    rows.append(
                        {
                            "file": number,
                            "package": file.package,
                            "lines": file.text.count("\n") + 1,
                            "slip": line_of(file.text, file.fix.start) if file.fix is not None else 0,
                            "line": line_of(file.text, edit.start),
                            "right": right,
                            "copies": 1.0 if whole else float(THINNED),
                            "names": list(one),
                            "values": list(one.values()),
                        }
                    )
            tables.append(pa.Table.from_pylist(rows, SCHEMA))
            progress.advance(1)
    write_table(target, pa.concat_tables(tables))


def read(path: Path) -> list[Heard]:
    """What `hear` wrote.

    Raises:
        Failure: the table is damaged.
    """
    try:
        table = pq.read_table(path, schema=SCHEMA)
    except (pa.ArrowException, OSError) as error:
        raise Failure(f"{path}: is damaged ({error}); delete it and run the same command again") from error
    found: dict[int, list[dict[str, object]]] = {}
    for batch in table.to_batches(4096):
        for row in batch.to_pylist():
            found.setdefault(row["file"], []).append(row)
    return [_heard(rows) for rows in found.values()]


def _heard(rows: Sequence[Mapping[str, object]]) -> Heard:
    first = rows[0]
    evidence = [dict(zip(row["names"], row["values"], strict=True)) for row in rows]  # type: ignore[call-overload]
    columns = ([row[name] for row in rows] for name in ("line", "right", "copies"))
    return Heard(first["package"], first["lines"], first["slip"], *columns, evidence)  # type: ignore[arg-type, call-arg]
