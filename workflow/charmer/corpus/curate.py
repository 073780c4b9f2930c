"""Curation: from every file that was scraped to what trains, what is held out, and why the rest left.

Notable here:
- Two passes over the shards. The first judges each file by itself and keeps metadata only; then all files are
  decided on at once; the second pass copies those that stay. No text is held but a row group a worker.
- Each file has exactly one fate, tried in this order: refused, damaged, licence, a filter's reason, contaminated,
  exact duplicate, near duplicate, then train, val or test. `counts.json` adds up, or curation fails.
- Output is in the order of the documents' digests, which is a random order that adding files does not disturb: any
  prefix is a fair sample, so data sets of growing size nest.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from charmer.common.failure import Failure
from charmer.common.files import read_table, write_json, write_table
from charmer.common.parallel import ordered_map
from charmer.common.progress import Progress
from charmer.corpus import dedup, licence_gate, splits, survey
from charmer.corpus.card import card
from charmer.corpus.secrets import PLACEHOLDERS

logger = logging.getLogger(__name__)

DUPLICATES = ("exact duplicate", "near duplicate")
SHARD_BYTES = 32_000_000  # of text in an output shard


def curate(sources: list[Path], refused: list[Path], settings: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Curate scraped shards into train, val and test.

    Args:
        sources: folders of shards, as `charmer.corpus.scrape.scrape` writes them.
        refused: the tables of refused files beside them.
        settings: the config's `curate` section.
        out: receives train/, val/ and test/ (shard-*.parquet: the scraped columns and `document`, the SHA-256 of the
            text), ledger.parquet (every file's fate), packages.parquet, counts.json and card.json.
        threads: number of processes.

    Raises:
        Failure: no file is left, or too few to hold any out.
    """
    out = Path(out)
    with _work_folder(out) as work:
        surveys, broken = _survey(sources, settings, work, threads)
        files = Files.of(surveys)
        fates = decide(files, settings, work)
        _write_splits(files, fates, surveys, work, out, threads)
        _write_tables(files, fates, surveys, broken, refused, out)


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """A folder for intermediate files in `out`, empty at the beginning and gone at the end, like older outputs."""
    work = out / ".work"
    for folder in (work, *(out / split for split in splits.SPLITS)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _survey(
    sources: Sequence[Path], settings: dict[str, Any], work: Path, threads: int
) -> tuple[list[survey.Survey], list[tuple[Path, str]]]:
    todo, broken = survey.units(sources)
    for shard, why in broken:
        logger.warning(f"{shard}: cannot be read and is left out ({why}); delete it and scrape again")
    found = []
    with Progress("curate: judge files", total=sum(unit.rows for unit in todo), unit="file") as progress:
        for one in ordered_map(survey.survey, [(unit, settings, work) for unit in todo], threads):
            found.append(one)
            progress.advance(one.unit.rows)
            if one.damaged:
                where = f"row group {one.unit.row_group}"
                logger.warning(f"{one.unit.shard}: {where} is damaged and left out ({one.damaged}); scrape again")
    return found, broken


@dataclass(frozen=True)
class Files:
    """All files of undamaged units, one after the other.

    Attributes:
        table: columns of `survey.Survey.files`.
        unit: the unit each file is in, int64[files]; `row` its row there.
        keys: uint64[files, dedup.BANDS].
        begin, end: where its shingles lie in the unit's file, int64[files].
    """

    table: pa.Table
    unit: np.ndarray
    row: np.ndarray
    keys: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    @staticmethod
    def of(surveys: Sequence[survey.Survey]) -> Files:
        good = [one for one in surveys if one.damaged is None]
        if not sum(len(one.files) for one in good):
            raise Failure("the corpus: no file was scraped; check the knobs `sources` and `code`")
        return Files(
            pa.concat_tables([one.files for one in good]).combine_chunks(),
            np.concatenate([np.full(len(one.files), one.unit.number) for one in good]),
            np.concatenate([np.arange(len(one.files)) for one in good]),
            np.concatenate([one.keys for one in good]),
            np.concatenate([one.bounds[:-1] for one in good]),
            np.concatenate([one.bounds[1:] for one in good]),
        )

    def column(self, name: str) -> list[Any]:
        return self.table.column(name).to_pylist()

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True)
class Fates:
    """What becomes of each file.

    Attributes:
        fate: object[files]: "train", "val", "test" or a reason.
        detail: object[files]: more about the reason, or None.
        matches: for duplicates, the kept file and the similarity.
        cut: where the splits were cut.
    """

    fate: np.ndarray
    detail: np.ndarray
    matches: dedup.Matches
    cut: splits.Cut


def decide(files: Files, settings: dict[str, Any], work: Path) -> Fates:
    """Give each file its fate; see the head of this module for the order of the reasons."""
    fate = np.array(files.column("reason"), dtype=object)
    detail = np.array(files.column("detail"), dtype=object)
    own = np.array([bool(mine) for mine in files.column("own")])
    granted = licence_gate.gate(settings["licences"])
    for index, (licence, mine) in enumerate(zip(files.column("licence"), own.tolist(), strict=True)):
        if not mine and not granted(licence):
            fate[index], detail[index] = "licence", licence or "unknown"
    alive = np.flatnonzero(fate == None)  # noqa: E711 (elementwise)
    if not len(alive):
        raise _nothing_left(fate)
    documents = files.column("document")
    packages = _packages(files)
    contaminated = np.array([found is not None for found in files.column("benchmarks")])
    bytes_ = np.array(files.column("bytes"), dtype=np.int64)
    paths = files.column("path")
    load = _ShingleReader(files, work)
    for by in ("package", "file"):
        numbers = splits.unit_numbers(packages, [one.hex() for one in documents], own, bytes_, by, settings)
        order = sorted(alive.tolist(), key=lambda i: (numbers[i], paths[i].count("/"), paths[i], packages[i], i))
        matches = dedup.repeats(order, documents, files.keys, load, settings["near_duplicates"])
        left = alive[matches.kept[alive] < 0]
        cut = splits.cut(numbers[left], bytes_[left], by, settings)
        if cut:
            break
    else:
        raise splits.too_small(len(left))
    split = cut.of(numbers)
    leaves = contaminated & (split == "train") & (fate == None)  # noqa: E711
    if leaves.any():
        # What a contaminated file would have displaced may stay: decide on duplicates again, without such files.
        order = [index for index in order if not leaves[index]]
        matches = dedup.repeats(order, documents, files.keys, load, settings["near_duplicates"])
    benchmarks = files.column("benchmarks")
    for index in alive.tolist():
        if leaves[index]:
            fate[index], detail[index] = "contaminated", benchmarks[index]
        elif matches.kept[index] >= 0:
            exact = documents[matches.kept[index]] == documents[index]
            fate[index] = "exact duplicate" if exact else "near duplicate"
        else:
            fate[index] = split[index]
    return Fates(fate, detail, matches, cut)


def _packages(files: Files) -> list[str]:
    """Each file's package; what belongs to none is a package named like its source."""
    return [
        package if package else source
        for package, source in zip(files.column("package"), files.column("source"), strict=True)
    ]


def _nothing_left(fate: np.ndarray) -> Failure:
    reasons, counts = np.unique(fate.astype(str), return_counts=True)
    told = ", ".join(f"{count} for {reason}" for reason, count in zip(reasons, counts, strict=True))
    cure = (
        "set `own: true` for sources that are your own code, or add to curate.licences"
        if "licence" in reasons
        else "loosen these knobs of `curate`"
    )
    return Failure(f"the corpus: curation left no file ({told} left); {cure}")


class _ShingleReader:
    """Reads the shingle set of one file from its unit's file."""

    def __init__(self, files: Files, work: Path) -> None:
        self.files, self.work = files, work

    def __call__(self, index: int) -> np.ndarray:
        begin, end = int(self.files.begin[index]), int(self.files.end[index])
        path = survey.shingle_file(self.work, int(self.files.unit[index]))
        return np.fromfile(path, dtype=np.uint32, count=end - begin, offset=4 * begin)


def _write_splits(
    files: Files, fates: Fates, surveys: Sequence[survey.Survey], work: Path, out: Path, threads: int
) -> None:
    """Copy the files that stay: each unit is sorted into one work file, then each output shard is gathered."""
    documents = files.column("document")
    characters = np.array(files.column("characters"), dtype=np.int64)
    target = np.full(len(files), -1, dtype=np.int64)
    shards: list[Path] = []
    for split in splits.SPLITS:
        chosen = sorted(np.flatnonzero(fates.fate == split).tolist(), key=lambda i: documents[i])
        ends = np.cumsum(characters[chosen])
        numbers = (ends - 1) // SHARD_BYTES if len(ends) else ends
        numbers = np.unique(numbers, return_inverse=True)[1] if len(ends) else numbers
        target[chosen] = numbers + len(shards)
        count = int(numbers[-1]) + 1 if len(ends) else 0
        shards += [out / split / f"shard-{number:05d}.parquet" for number in range(count)]
    edits = files.column("edits")
    jobs = []
    for one in surveys:
        mine = np.flatnonzero(files.unit == one.unit.number) if one.damaged is None else np.zeros(0, dtype=np.int64)
        mine = mine[target[mine] >= 0]
        if len(mine):
            mine = np.array(sorted(mine.tolist(), key=lambda i: (target[i], documents[i])))
            changed = {int(files.row[i]): edits[i] for i in mine.tolist() if edits[i]}
            jobs.append((one.unit, work, files.row[mine], target[mine], [documents[i].hex() for i in mine], changed))
    with Progress("curate: write", total=len(jobs) + len(shards), unit="shard") as progress:
        parts: dict[int, list[tuple[Path, int]]] = {number: [] for number in range(len(shards))}
        for path, held in ordered_map(_sort_unit, jobs, threads):
            for place, number in enumerate(held):
                parts[number].append((path, place))
            progress.advance(1)
        for _ in ordered_map(_gather, [(shards[number], parts[number]) for number in parts], threads):
            progress.advance(1)


def _sort_unit(
    job: tuple[survey.Unit, Path, np.ndarray, np.ndarray, list[str], dict[int, Any]],
) -> tuple[Path, list[int]]:
    """Write a unit's kept rows as one record batch an output shard; return the file and the shards it has."""
    unit, work, rows, target, documents, changed = job
    table = survey.read(unit)
    if changed:
        texts = table.column("text").to_pylist()
        for row, edits in changed.items():
            texts[row] = survey.edited(texts[row], edits)
        table = table.set_column(
            table.column_names.index("text"), "text", pa.array(texts, type=table.schema.field("text").type)
        )
    table = table.take(pa.array(rows)).append_column("document", pa.array(documents, type=pa.string()))
    path = work / f"rows-{unit.number:05d}.arrow"
    held, begins = np.unique(target, return_index=True)
    ends = [*begins[1:].tolist(), len(target)]
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for begin, end in zip(begins.tolist(), ends, strict=True):
            writer.write_batch(table.slice(begin, end - begin).combine_chunks().to_batches()[0])
    return path, held.tolist()


def _gather(job: tuple[Path, list[tuple[Path, int]]]) -> None:
    """Merge the record batches of one output shard, in the order of the documents' digests."""
    target, parts = job
    batches = []
    for path, place in parts:
        with pa.OSFile(str(path)) as file:
            batches.append(pa.ipc.open_file(file).get_batch(place))
    table = pa.Table.from_batches(batches)
    write_table(target, table.take(pc.sort_indices(table.column("document"))))


def _write_tables(
    files: Files,
    fates: Fates,
    surveys: Sequence[survey.Survey],
    broken: Sequence[tuple[Path, str]],
    refused: Sequence[Path],
    out: Path,
) -> None:
    """Write ledger, packages, counts and card, and hold them to each other."""
    ledger = _ledger(files, fates, surveys, broken, refused)
    write_table(out / "ledger.parquet", ledger)
    write_table(out / "packages.parquet", _package_table(files, fates))
    counts = count(ledger)
    counts["secrets"] = _secrets(files, fates)
    counts["contaminated"] = _by_benchmark(files, fates)
    counts["cut"] = fates.cut.summary()
    write_json(out / "counts.json", counts)
    write_json(out / "card.json", card(files.table, fates.fate, _kept_by(fates), counts))


def _secrets(files: Files, fates: Fates) -> dict[str, dict[str, int]]:
    """How many secrets of each kind were replaced in the files that stay, and in how many files."""
    found: dict[str, dict[str, int]] = {kind: {"found": 0, "files": 0} for kind in PLACEHOLDERS}
    used = np.isin(fates.fate.astype(str), splits.SPLITS)
    for edits in files.table.column("edits").filter(pa.array(used)).drop_null().to_pylist():
        kinds = [edit["kind"] for edit in edits]
        for kind in set(kinds):
            found[kind]["found"] += kinds.count(kind)
            found[kind]["files"] += 1
    return found


def _by_benchmark(files: Files, fates: Fates) -> dict[str, int]:
    """How many files left train for each benchmark; a file may share runs with several."""
    names = files.table.column("benchmarks").filter(pa.array(fates.fate == "contaminated")).to_pylist()
    return dict(sorted(Counter(name for several in names for name in several.split(", ")).items()))


def _kept_by(fates: Fates) -> np.ndarray:
    duplicate = np.isin(fates.fate.astype(str), DUPLICATES)
    return np.where(duplicate, fates.matches.kept, -1)


LEDGER = pa.schema(
    [
        ("source", pa.string()),
        ("package", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("fate", pa.string()),
        ("detail", pa.string()),
        ("matched_source", pa.string()),
        ("matched_package", pa.string()),
        ("matched_path", pa.string()),
        ("similarity", pa.float64()),
    ]
)


def _ledger(
    files: Files,
    fates: Fates,
    surveys: Sequence[survey.Survey],
    broken: Sequence[tuple[Path, str]],
    refused: Sequence[Path],
) -> pa.Table:
    """One row for every file: those that were read, then those in damaged shards, then the refused ones."""
    kept_by = _kept_by(fates)
    duplicate = kept_by >= 0
    matched = pa.array(kept_by, mask=~duplicate)
    columns = {
        "source": files.table.column("source"),
        "package": files.table.column("package"),
        "path": files.table.column("path"),
        "bytes": files.table.column("bytes"),
        "fate": pa.array(fates.fate, type=pa.string()),
        "detail": pa.array(fates.detail, type=pa.string()),
        **{f"matched_{name}": files.table.column(name).take(matched) for name in ("source", "package", "path")},
        "similarity": pa.array(fates.matches.similarity, mask=~duplicate),
    }
    tables = [pa.table([columns[name] for name in LEDGER.names], names=LEDGER.names).cast(LEDGER)]
    lost = [
        {"source": one.unit.shard.parent.name, "path": f"{one.unit.shard.name}#{one.unit.row_group}:{row}",
         "fate": "damaged", "detail": one.damaged}
        for one in surveys if one.damaged for row in range(one.unit.rows)
    ]  # fmt: skip
    lost += [{"source": path.parent.name, "path": path.name, "fate": "damaged", "detail": why} for path, why in broken]
    tables.append(pa.Table.from_pylist(lost, schema=LEDGER))
    for path in refused:
        table = read_table(path, ["source", "package", "path", "bytes", "reason", "detail"])
        rows = [
            {**{name: row[name] for name in ("source", "package", "path", "bytes")}, "fate": "refused",
             "detail": ": ".join(part for part in (row["reason"], row["detail"]) if part)}
            for row in table.to_pylist()
        ]  # fmt: skip
        tables.append(pa.Table.from_pylist(rows, schema=LEDGER))
    return pa.concat_tables(tables).combine_chunks()


def count(ledger: pa.Table) -> dict[str, Any]:
    """Files and bytes in, kept and out by reason; they add up by construction, and are checked all the same."""
    grouped = ledger.group_by("fate").aggregate([("fate", "count"), ("bytes", "sum")]).sort_by("fate").to_pylist()
    by_fate = {row["fate"]: {"files": row["fate_count"], "bytes": row["bytes_sum"] or 0} for row in grouped}
    nothing = {"files": 0, "bytes": 0}
    kept = {split: by_fate.pop(split, nothing) for split in splits.SPLITS}
    refused = by_fate.pop("refused", nothing)
    total = {"files": len(ledger), "bytes": pc.sum(ledger.column("bytes")).as_py() or 0}
    for unit, came_in in total.items():
        accounted = sum(part[unit] for part in (*kept.values(), refused, *by_fate.values()))
        if accounted != came_in:
            raise AssertionError(f"{came_in} {unit} came in, but the fates account for {accounted}")
    return {"in": total, "kept": kept, "refused": refused, "out": by_fate}


def _package_table(files: Files, fates: Fates) -> pa.Table:
    """Every package of which a file is used, with its licence; a package that splits by file has a row a split."""
    used = np.isin(fates.fate.astype(str), splits.SPLITS)
    table = files.table.select(["package", "version", "licence", "licence_from", "bytes"])
    table = table.set_column(0, "package", pa.array(_packages(files), type=pa.string()))
    table = table.append_column("split", pa.array(fates.fate, type=pa.string())).filter(pa.array(used))
    names = ["package", "version", "licence", "licence_from", "split"]
    grouped = table.group_by(names).aggregate([("bytes", "count"), ("bytes", "sum")])
    grouped = grouped.rename_columns({"bytes_count": "files", "bytes_sum": "bytes"})
    return grouped.sort_by([(name, "ascending") for name in names]).select(
        ["package", "version", "licence", "licence_from", "files", "bytes", "split"]
    )
