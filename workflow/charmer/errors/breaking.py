"""Tables of broken code: what people get wrong, made from sound code, with the interpreter's own words and the fix.

Notable here:
- `break` makes one table a split, from that split's documents alone, so no pair of training shows a file of the test.
- val and test hold whole files with one fault in each. train holds excerpts of a few statements, which parse by
  themselves: a window shows no more, and what a parser says of an excerpt is as real as of a file.
- The withheld operators break the test alone.
- A document's pairs depend on the seed and the document. Documents are read a few at a time, broken by processes side
  by side, and rows are written as they come: memory grows neither with the corpus nor with the counts.
- What a parser says differs between versions of Python; the table's metadata names the one that spoke.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common import files
from charmer.common.parallel import WorkerDied, ordered_map
from charmer.common.progress import Progress
from charmer.errors.edits import Edit, apply, inverse
from charmer.errors.excerpts import excerpt
from charmer.errors.operators import OPERATORS, Ground, complaint, drawn
from charmer.tokens.shards import batches

logger = logging.getLogger(__name__)

COLUMNS = pa.schema(
    [
        pa.field("original", pa.large_string(), nullable=False),
        pa.field("broken", pa.large_string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # the operator
        pa.field("family", pa.string(), nullable=False),  # syntax or semantic
        pa.field("withheld", pa.bool_(), nullable=False),
        # What `fix` takes the place of in `broken`, the end exclusive. All count from 1, columns in characters.
        pa.field("line", pa.int32(), nullable=False),
        pa.field("column", pa.int32(), nullable=False),
        pa.field("end_line", pa.int32(), nullable=False),
        pa.field("end_column", pa.int32(), nullable=False),
        pa.field("error", pa.string()),  # as the interpreter puts it ("SyntaxError: ..."); null where it says nothing
        pa.field("error_line", pa.int32()),  # where it says so
        pa.field("fix", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("package", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
    ]
)
NAMES = ("source", "package", "path")
FAMILIES: tuple[Literal["syntax", "semantic"], ...] = ("syntax", "semantic")
ROW_GROUP_BYTES = 8_000_000
PER_EXCERPT = 2  # pairs of each family that an excerpt gives: finding it costs more than breaking it
SHORTEST = 200  # characters of a document that an excerpt is taken from
LONGEST_LINE = 1000  # characters; curate's own limit, which a text of another origin may not keep

Row = dict[str, Any]


class Task(NamedTuple):
    """A document to be broken.

    Attributes:
        wanted: pairs of each family.
        excerpt: characters of an excerpt, at most; 0: the whole document is broken.
        withheld: whether the withheld operators take part.
    """

    text: str
    names: dict[str, str]
    wanted: int
    excerpt: int
    withheld: bool
    seed: int


def make(shards: Path, settings: dict[str, Any], split: str, table: Path, threads: int = 1) -> None:
    """Write a split's table of broken code, with the columns COLUMNS.

    Args:
        settings: the section `break`: `train_pairs` and `held_out_pairs`, half of them of each family; `excerpt_kb`, of
            train; `min_lines` and `max_lines` of a whole file; `seed`.
        split: train, val or test.

    Raises:
        Failure: the folder is missing, a shard is damaged, or the disk is full.
    """
    wanted = settings["train_pairs" if split == "train" else "held_out_pairs"]
    usable = sum(_usable(text, settings, split) for text, _ in _documents(shards))
    metadata = {"python": platform.python_version(), "split": split, "seed": str(settings["seed"])}
    schema = COLUMNS.with_metadata(metadata)
    pending: list[Row] = []
    found = size = 0
    with (
        files.replacing(table) as temporary,
        pq.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=["kind", "family", *NAMES], write_page_checksum=True
        ) as writer,
        Progress(f"break {split}", total=wanted, unit="pair") as bar,
        contextlib.closing(
            ordered_map(pairs, _tasks(shards, settings, split, wanted, usable), threads, on_death=_none)
        ) as results,
    ):
        for rows in results:
            pending += rows
            found += len(rows)
            size += sum(len(row["original"]) + len(row["broken"]) for row in rows)
            bar.advance(len(rows))
            if size >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(pending, schema))
                pending, size = [], 0
        writer.write_table(pa.Table.from_pylist(pending, schema))
    if found < wanted:
        logger.info(f"break: {found} of {wanted} pairs that were asked for, from {usable} files of {split}")


def _documents(shards: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for batch in batches(shards, ["text", *NAMES]):
        for row in batch.to_pylist():
            yield row.pop("text"), row


def _usable(text: str, settings: dict[str, Any], split: str) -> bool:
    if "\r" in text or max(map(len, text.split("\n"))) > LONGEST_LINE:
        return False
    if split == "train":
        return len(text) >= SHORTEST
    return settings["min_lines"] <= text.count("\n") + (text[-1:] != "\n") <= settings["max_lines"]


def _tasks(shards: Path, settings: dict[str, Any], split: str, wanted: int, usable: int) -> Iterator[Task]:
    """The documents that are broken: their parts of the pairs add up, evenly over the whole split."""
    train = split == "train"
    each = PER_EXCERPT if train else 1
    length = round(settings["excerpt_kb"] * 1000) if train else 0
    number = given = 0
    for text, names in _documents(shards):
        if _usable(text, settings, split):
            number += 1
            due = number * wanted // (2 * each * usable) * each - given
            if due:
                given += due
                yield Task(text, names, due, length, split == "test", settings["seed"])


def pairs(task: Task) -> list[Row]:
    """The rows that one document gives; none where it does not parse, or where nothing in it can be broken."""
    chance = random.Random("\0".join((str(task.seed), *task.names.values())))
    try:
        source: Ground | None = Ground(task.text)
        if task.excerpt and source is not None:
            text = excerpt(source, task.excerpt, chance)
            source = Ground(text) if text is not None else None
        if source is None:
            return []
        return [row for family in FAMILIES for row in _broken(source, family, task, chance)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _broken(source: Ground, family: Literal["syntax", "semantic"], task: Task, chance: random.Random) -> Iterator[Row]:
    operators = [one for one in OPERATORS.values() if one.family == family and (task.withheld or not one.withheld)]
    seen = set()
    for _ in range(task.wanted):
        edit = drawn(source, operators, chance)
        if edit is not None and edit not in seen:
            seen.add(edit)
            yield row(source.text, edit) | task.names


def row(original: str, edit: Edit) -> Row:
    """The columns of the table but those that say where the text is from."""
    broken, fix = apply(original, edit), inverse(original, edit)
    error = complaint(broken)
    operator = OPERATORS[edit.kind]
    (line, column), (end_line, end_column) = _place(broken, fix.start), _place(broken, fix.end)
    return {
        "original": original,
        "broken": broken,
        "kind": operator.name,
        "family": operator.family,
        "withheld": operator.withheld,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "error": f"{type(error).__name__}: {error.msg}" if error is not None else None,
        "error_line": error.lineno if error is not None else None,
        "fix": fix.replacement,
    }


def _place(text: str, at: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _none(task: Task, death: WorkerDied) -> list[Row]:
    """A text on which the parser itself crashes gives no pairs."""
    logger.warning(f"break: {task.names['path']}: left out, since {death}")
    return []
