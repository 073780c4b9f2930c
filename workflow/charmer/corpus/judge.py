"""What each file's text decides, for some shards at a time: the part of curation that can go side by side.

Notable here: a judged folder is all that the later steps read. Its table has a row group for each row group of the
shards, so whoever goes through it holds the files of one at a time; band keys lie band by band, so that a search reads
only its own band's; shingle sets, which only a few comparisons need, lie in a file a row group.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import Failure
from charmer.common.files import open_array, read_json, replacing, write_array, write_json
from charmer.common.parallel import ordered_map
from charmer.common.progress import Progress
from charmer.corpus import dedup, licence_gate, survey
from charmer.corpus.shards import ROWS

FILES = pa.schema(
    [
        *(field for field in ROWS if field.name != "text"),
        *survey.FOUND,
        ("begin", pa.int64()),  # where its shingles lie in the row group's file of them
        ("end", pa.int64()),
    ]
)
DOCUMENT = dedup.BANDS  # the row of keys behind the bands': equal documents have an equal one

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """A judged folder.

    Attributes:
        folder: holds files.parquet (columns FILES), keys.npy (uint64[BANDS + 1, files]; 0: proposes nothing),
            units.json and the shingles.
        first: the number of its first file among all of a corpus.
        units: the row groups of its shards; `files` is 0 in one that is damaged.
        broken: shards that cannot be opened, with why.
    """

    folder: Path
    first: int
    units: tuple[survey.Judgement, ...]
    broken: tuple[tuple[Path, str], ...]

    @property
    def files(self) -> int:
        return sum(one.files for one in self.units)

    def read(self, columns: Sequence[str]) -> Iterator[tuple[int, survey.Judgement, pa.Table]]:
        """For each row group with files: the number of its first file, the row group, and its rows.

        Raises:
            Failure: the table is damaged.
        """
        path = self.folder / "files.parquet"
        first = self.first
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
                for group, one in enumerate(one for one in self.units if one.files):
                    yield first, one, parquet.read_row_group(group, columns=list(columns), use_threads=False)
                    first += one.files
        except (pa.ArrowException, OSError) as error:
            raise Failure(f"{path}: is damaged ({error}); delete {self.folder} and run again") from error

    def keys(self) -> np.ndarray:
        """Band keys, uint64[BANDS + 1, files], memory-mapped."""
        return open_array(self.folder / "keys.npy")


def judge(shards: Sequence[Path], settings: dict[str, Any], out: Path, threads: int = 1) -> None:
    """Judge each file of some folders of shards by itself.

    Args:
        shards: folders of shards, as `charmer.corpus.scrape.scrape` writes them.
        settings: the config's `curate` section.
        out: the judged folder; see `Judged`.
        threads: number of processes.

    Raises:
        Failure: a folder is not there.
    """
    out.mkdir(parents=True, exist_ok=True)
    todo, broken = survey.units(shards)
    for shard, why in broken:
        logger.warning(f"{shard}: cannot be read and is left out ({why}); delete it and scrape again")
    judged: list[survey.Judgement] = []
    keys = [np.zeros((0, dedup.BANDS + 1), dtype=np.uint64)]
    granted = licence_gate.gate(settings["licences"])
    with (
        Progress("curate: judge files", total=sum(unit.rows for unit in todo), unit="file") as progress,
        replacing(out / "files.parquet") as table,
        pq.ParquetWriter(table, FILES, compression="zstd", write_page_checksum=True) as writer,
    ):
        for one in ordered_map(survey.survey, [(unit, settings, out) for unit in todo], threads):
            judged.append(survey.Judgement(one.unit, len(one.files), one.damaged))
            progress.advance(one.unit.rows)
            if one.damaged:
                where = f"row group {one.unit.row_group}"
                logger.warning(f"{one.unit.shard}: {where} is damaged and left out ({one.damaged}); scrape again")
            elif len(one.files):
                files = _through_the_gate(one.files, granted)
                bounds = {"begin": one.bounds[:-1], "end": one.bounds[1:]}
                for name, values in bounds.items():
                    files = files.append_column(name, pa.array(values))
                writer.write_table(files.select(FILES.names).cast(FILES), row_group_size=len(files))
                keys.append(_keys(files, one.keys))
    write_array(out / "keys.npy", np.ascontiguousarray(np.concatenate(keys).T))
    units = [
        {"shard": str(one.unit.shard), "row_group": one.unit.row_group, "rows": one.unit.rows}
        | {"files": one.files, "damaged": one.damaged}
        for one in judged
    ]
    write_json(out / "units.json", {"units": units, "broken": [[str(shard), why] for shard, why in broken]})


def _through_the_gate(files: pa.Table, granted: Callable[[str | None], bool]) -> pa.Table:
    """The rows with the reason "licence" where the licence gate refuses one, whatever other reason it had."""
    why = zip(*(files.column(name).to_pylist() for name in ("reason", "detail", "licence", "own")), strict=True)
    decided = [
        (reason, detail) if own or granted(licence) else ("licence", licence or "unknown")
        for reason, detail, licence, own in why
    ]
    for at, name in enumerate(("reason", "detail")):
        column = pa.array([one[at] for one in decided], pa.string())
        files = files.set_column(files.schema.get_field_index(name), name, column)
    return files


def _keys(files: pa.Table, bands: np.ndarray) -> np.ndarray:
    """Band keys with that of the document behind them; none for a file that leaves for its own sake."""
    keys = np.concatenate((bands, document_numbers(files)[:, None] | np.uint64(1)), axis=1)
    keys[files.column("reason").is_valid().to_numpy()] = 0
    return keys


def document_numbers(files: pa.Table) -> np.ndarray:
    """The first eight bytes of the documents' digests as numbers of the same order, uint64[files]."""
    return np.array([int.from_bytes(one[:8], "big") for one in files.column("document").to_pylist()], dtype=np.uint64)


def load(folders: Sequence[Path]) -> list[Judged]:
    """The judged folders of a corpus, their files numbered one after the other."""
    loaded: list[Judged] = []
    first = 0
    for folder in folders:
        value = read_json(folder / "units.json")
        units = tuple(
            survey.Judgement(
                survey.Unit(number, Path(one["shard"]), one["row_group"], one["rows"]), one["files"], one["damaged"]
            )
            for number, one in enumerate(value["units"])
        )
        loaded.append(Judged(folder, first, units, tuple((Path(shard), why) for shard, why in value["broken"])))
        first += loaded[-1].files
    return loaded
