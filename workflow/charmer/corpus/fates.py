"""Deciding on all files at once: each gets exactly one fate, from what the first pass found out about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.corpus import dedup, licence_gate, splits, survey

DUPLICATES = ("exact duplicate", "near duplicate")


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

    def used(self) -> np.ndarray:
        """Which files are in a split, bool[files]."""
        return np.isin(self.fate.astype(str), splits.SPLITS)

    def kept_by(self) -> np.ndarray:
        """For each removed duplicate the index of the kept file, -1 for all others, int64[files]."""
        return np.where(np.isin(self.fate.astype(str), DUPLICATES), self.matches.kept, -1)


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
    packages = files.column("package")
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
