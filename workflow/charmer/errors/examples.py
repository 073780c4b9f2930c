"""Files to fit the weights of `check` to, and what both witnesses say of their edits.

Files of 100 to 500 lines of a split are read, of each package as many: as they are, and with each of a few slips, made
as the rule `break` breaks files that are held out. The withheld operators take no part.

Notable here:
- A file is read as a whole once. With a slip in it only the lines around that are read again; what is farther off is
  taken to be what it was. So a slip costs a quarter of a file, and there is more to learn from.
- Of the thousands of edits of a file only some are kept. Those that the model read to their end and those that undo the
  slip are all there; of the others one in `THINNED`, which counts for as many.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
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
from charmer.errors.suspicious import Witnessed
from charmer.model import folder
from charmer.tokens.shards import batches

LINES = 100, 500
SLIPS = 4  # in a file, each by itself
NEAR = 12  # lines before and behind a slip that are read again
MOST = suspicious.MOST // 2  # edits judged to their end there: such a stretch is half of what `check` counts them for
APART = 5  # one package of so many is kept apart
THINNED = 10
TRIED = 4  # files that are read for each that is wanted: most are too short or too long
ROWS = 256  # documents held at a time

SCHEMA = pa.schema(
    [
        ("file", pa.int32()),
        ("package", pa.string()),
        ("lines", pa.int32()),
        ("slip", pa.int32()),  # the line of the slip; 0: the file as it is
        ("number", pa.int32()),  # of the slip in its file, from 1; 0: the file as it is
        ("line", pa.int32()),
        ("right", pa.bool_()),
        ("copies", pa.float32()),
        ("names", pa.list_(pa.string())),
        ("values", pa.list_(pa.float32())),
    ]
)


class File(NamedTuple):
    """A file to fit to, and edits that each put one slip into it."""

    text: str
    slips: tuple[Edit, ...]
    package: str


class Heard(NamedTuple):
    """What the witnesses say of one file's edits, in the order of `lines`.

    Attributes:
        package: where the file is from.
        length: of the file, in lines.
        slip: the line of the slip that is in it; 0: it is sound.
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
    randomly = random.Random(order)
    try:
        if max(map(len, text.split("\n"))) > LONGEST_LINE:
            return None
        source = Ground(text)
        found = [drawn(source, operators, randomly) for _ in range(SLIPS)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    slips = dict.fromkeys(slip for slip in found if slip is not None)
    return File(text, tuple(slips), package) if slips else None


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
            common = {"file": number, "package": file.package, "lines": file.text.count("\n") + 1}
            rows = _rows(suspicious.witnessed(network, tokenizer, file.text, known), file.text, number, None)
            for at, slip in enumerate(file.slips, 1):
                broken, fix = apply(file.text, slip), inverse(file.text, slip)
                line = line_of(broken, fix.start)
                around = range(line - NEAR, line + NEAR + 1)
                heard = suspicious.witnessed(network, tokenizer, broken, known, MOST, lines=around)
                here = _rows(heard, broken, number, file.text)
                rows += [{**row, "slip": line, "number": at} for row in here]
            tables.append(pa.Table.from_pylist([{**row, **common} for row in rows], SCHEMA))
            progress.advance(1)
    write_table(target, pa.concat_tables(tables))


def _rows(heard: Sequence[Witnessed], text: str, turn: int, original: str | None) -> list[dict[str, object]]:
    """The edits of one text that are kept.

    Args:
        turn: any number; it chooses which of those are left out that need not be there.
        original: what the text was before its slip; None: it has none.
    """
    found = []
    for at, (edit, one, _) in enumerate(heard):
        right = original is not None and apply(text, edit) == original
        whole = right or weights.UNREAD not in one
        if whole or at % THINNED == turn % THINNED:
            found.append(
                {"slip": 0, "number": 0, "line": line_of(text, edit.start), "right": right}
                | {"copies": 1.0 if whole else float(THINNED), "names": list(one), "values": list(one.values())}
            )
    return found


def read(path: Path) -> list[Heard]:
    """What `hear` wrote.

    Raises:
        Failure: the table is damaged.
    """
    try:
        table = pq.read_table(path, schema=SCHEMA)
    except (pa.ArrowException, OSError) as error:
        raise Failure(f"{path}: is damaged ({error}); delete it and run the same command again") from error
    files: dict[int, dict[int, list[_Kept]]] = {}
    for batch in table.to_batches(4096):
        for row in batch.to_pylist():
            evidence = dict(zip(row["names"], row["values"], strict=True))
            numbers = files.setdefault(row["file"], {})
            numbers.setdefault(row["number"], []).append(
                _Kept(row["package"], row["lines"], row["slip"], row["line"], row["right"], row["copies"], evidence)
            )
    return [heard for numbers in files.values() for heard in _heard(numbers)]


class _Kept(NamedTuple):
    """A row of the table."""

    package: str
    length: int
    slip: int
    line: int
    right: bool
    copies: float
    evidence: dict[str, float]


def _heard(numbers: Mapping[int, list[_Kept]]) -> Iterator[Heard]:
    """One file as it is, and with each of its slips: then what is far from the slip is as it was."""
    sound = numbers.get(0, [])
    for number, rows in numbers.items():
        slip = rows[0].slip
        far = [one for one in sound if abs(one.line - slip) > NEAR] if number else []
        kept = [*rows, *far]
        yield Heard(
            rows[0].package,
            rows[0].length,
            slip,
            [one.line for one in kept],
            [one.right for one in kept],
            [one.copies for one in kept],
            [one.evidence for one in kept],
        )
