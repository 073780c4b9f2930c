"""Deciding on all files: each gets exactly one fate, from what was found out about it and about those like it.

Notable here: of a file only some sixty bytes of numbers are held. Its names and its digest are read again where they
are needed, a row group at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.corpus import duplicates, seen, splits
from charmer.corpus.judge import Judged, document_numbers

CONTAMINATED = "contaminated"
DUPLICATES = ("exact duplicate", "near duplicate")
KNOWN = "known"  # to the model that is fitted
DECIDED = (*splits.SPLITS, CONTAMINATED, *DUPLICATES)  # fates that files get here, by their codes; other reasons follow


@dataclass(frozen=True)
class Files:
    """All files of undamaged row groups, one after the other.

    Attributes:
        packages: names; `package` says which of them each file belongs to, int32[files].
        own: whether a file is a person's own, bool[files].
        bytes, characters: of each, int64[files].
        document: the beginning of its text's digest, uint64[files], which orders files as the digests do.
        contaminated: whether it shares a run with a benchmark, bool[files].
        reasons: why files leave for their own sake; `reason` says which of them a file has, int16[files], -1: none.
    """

    packages: list[str]
    package: np.ndarray
    own: np.ndarray
    bytes: np.ndarray
    characters: np.ndarray
    document: np.ndarray
    contaminated: np.ndarray
    reasons: list[str]
    reason: np.ndarray

    @staticmethod
    def of(judged: Sequence[Judged]) -> Files:
        """Read the judged folders.

        Raises:
            Failure: they hold no file.
        """
        count = sum(part.files for part in judged)
        if not count:
            raise Failure("the corpus: no file was scraped; check the knobs `sources` and `code`")
        packages: dict[str, int] = {}
        reasons: dict[str, int] = {}
        files = Files(
            [],
            np.zeros(count, dtype=np.int32),
            np.zeros(count, dtype=bool),
            np.zeros(count, dtype=np.int64),
            np.zeros(count, dtype=np.int64),
            np.zeros(count, dtype=np.uint64),
            np.zeros(count, dtype=bool),
            [],
            np.zeros(count, dtype=np.int16),
        )
        columns = ["package", "own", "bytes", "characters", "document", "benchmarks", "reason"]
        for part in judged:
            for first, one, table in part.read(columns):
                at = slice(first, first + one.files)
                files.package[at] = _codes(table.column("package"), packages)
                files.own[at] = table.column("own").to_numpy()
                files.bytes[at] = table.column("bytes").to_numpy()
                files.characters[at] = table.column("characters").to_numpy()
                files.document[at] = document_numbers(table)
                files.contaminated[at] = table.column("benchmarks").is_valid().to_numpy()
                files.reason[at] = _codes(table.column("reason"), reasons)
        files.packages.extend(packages)
        files.reasons.extend(reasons)
        return files

    def __len__(self) -> int:
        return len(self.package)


def _codes(column: pa.ChunkedArray, known: dict[str, int]) -> np.ndarray:
    """The place of each value among the known ones, which grow; -1 for a null."""
    encoded = column.combine_chunks().dictionary_encode()
    places = [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()]
    return np.array([*places, -1])[encoded.indices.fill_null(len(places)).to_numpy()]


@dataclass(frozen=True)
class Fates:
    """What becomes of each file.

    Attributes:
        names: of the fates: "train", "val", "test" and the reasons; `code` is the place of a file's, int16[files].
        repeats: the removed duplicates, ascending by `file`; columns of `duplicates.REPEATS`.
        cut: where the splits were cut.
    """

    names: list[str]
    code: np.ndarray
    repeats: pa.Table
    cut: splits.Cut

    def used(self) -> np.ndarray:
        """Which files are in a split, bool[files]."""
        return self.code < len(splits.SPLITS)

    def called(self, name: str) -> np.ndarray:
        """Which files have the fate `name`, bool[files]."""
        return self.code == self.names.index(name)


def decide(
    files: Files, judged: Sequence[Judged], groups: np.ndarray, settings: dict[str, Any], work: Path, threads: int
) -> Fates:
    """Give each file its fate; see the head of `charmer.corpus.curate` for the order of the reasons.

    Args:
        groups: of candidates, as `candidates.groups` finds them, int64[files].
        work: an empty folder for files that are needed on the way.

    Raises:
        Failure: no file is left, or too few to hold any out.
    """
    tuning = settings.get("fine_tune")
    if tuning:
        _leave_known(files, settings.get("start", ""))
    alive = files.reason < 0
    if not alive.any():
        raise _nothing_left(files)
    buckets = duplicates.gather(judged, groups, work)
    threshold = settings["near_duplicates"]
    for by in ("package", "file"):
        ranks = splits.unit_numbers(
            files.packages, files.package, _documents(judged), files.own, files.bytes, by, settings
        )
        if tuning:  # own files have a border of their own
            own = np.minimum(ranks[files.own] * settings["test_share"] / tuning["held_out_share"], 0.999)
            ranks[files.own] = own
        # What the model to be fitted may know is kept first: a person's own files come behind all others.
        turns = np.where(files.own, ranks + 4, ranks) if tuning else ranks
        found = duplicates.find(buckets, turns, ~alive, threshold, threads)
        left = alive.copy()
        left[_repeated(found)] = False
        cut = splits.cut(ranks[left], files.bytes[left], by, settings)
        if cut:
            break
    else:
        raise splits.too_small(int(left.sum()))
    split = cut.of(ranks)
    if tuning:
        _hold_out_own(split, ranks, np.flatnonzero(files.own & left))
    leaves = files.contaminated & (split == splits.SPLITS.index("train")) & alive
    again = [number for number, bucket in enumerate(buckets) if leaves[bucket.files].any()]
    if again:
        # What a contaminated file would have displaced may stay: decide on duplicates again, without such files.
        chosen = [buckets[number] for number in again]
        for number, table in zip(
            again, duplicates.find(chosen, turns, ~alive | leaves, threshold, threads), strict=True
        ):
            found[number] = table
    repeats = pa.concat_tables([duplicates.REPEATS.empty_table(), *found]).sort_by("file").combine_chunks()
    repeated, exact = repeats.column("file").to_numpy(), repeats.column("exact").to_numpy()
    names = [*DECIDED, *files.reasons]
    code = np.where(alive, split, files.reason + len(DECIDED)).astype(np.int16)
    code[leaves] = names.index(CONTAMINATED)
    code[repeated] = np.where(exact, *(names.index(name) for name in DUPLICATES))
    fates = Fates(names, code, repeats, cut)
    if tuning:
        _check_own(np.array(names)[code[files.own]], files.bytes[files.own], tuning["least_kb"])
    return fates


def _documents(judged: Sequence[Judged]) -> Iterator[bytes]:
    for part in judged:
        for _, _, table in part.read(["document"]):
            yield from table.column("document").to_pylist()


def _repeated(found: Sequence[pa.Table]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *(table.column("file").to_numpy() for table in found)])


def _leave_known(files: Files, start: str) -> None:
    """Let a person's own files leave that the model which is fitted to them has read."""
    known = files.own & (files.reason < 0) & seen.by(start, files.document)
    files.reason[known] = len(files.reasons)
    files.reasons.append(KNOWN)


def _hold_out_own(split: np.ndarray, ranks: np.ndarray, own: np.ndarray) -> None:
    """Give each split a file of the person's own, the next one in the order of ranks: of a few files chance may leave
    none for one of them.

    Args:
        split: of each file, as its place in SPLITS, int8[files]; written to.
        ranks: of each file, float64[files].
        own: the numbers of the person's own files that are left.
    """
    order = own[np.argsort(ranks[own], kind="stable")]
    train, val, test = range(len(splits.SPLITS))
    for place in (test, val):
        waiting = order[split[order] == train]
        if len(waiting) > 1 and not (split[order] == place).any():
            split[waiting[0]] = place


def _check_own(fate: np.ndarray, bytes_: np.ndarray, least_kb: float) -> None:
    """Refuse to fit a model to too little code.

    Args:
        fate, bytes_: of each file of the person's own, [files].
    """
    kept = {split: int((fate == split).sum()) for split in splits.SPLITS}
    size = float(bytes_[np.isin(fate.astype(str), splits.SPLITS)].sum()) / 1e3
    if size >= least_kb and all(kept.values()):
        return
    repeated = int(np.isin(fate.astype(str), [KNOWN, *DUPLICATES]).sum())
    raise Failure(
        f"code: of {len(fate)} files {sum(kept.values())} are left, {size:.0f} kB (train {kept['train']}, val "
        f"{kept['val']}, test {kept['test']}); {repeated} repeat code that the model knows or one another; fitting a "
        f"model takes fine_tune.least_kb: {least_kb:g} kB and files in each split; name more code"
    )


def _nothing_left(files: Files) -> Failure:
    counts = np.bincount(files.reason, minlength=len(files.reasons)).tolist()
    told = ", ".join(f"{count} for {reason}" for reason, count in sorted(zip(files.reasons, counts, strict=True)))
    cure = (
        "set `own: true` for sources that are your own code, or add to curate.licences"
        if "licence" in files.reasons
        else "loosen these knobs of `curate`"
    )
    return Failure(f"the corpus: curation left no file ({told} left); {cure}")
