"""Which package is trained on and which is held out.

Notable here:
- A package's name is hashed to a number in [0, 1). The lowest numbers are test, the next val, the rest train: a
  package stays where it is when others come or go, and when the shares of the *later* splits change.
- A person's own code is one package, so it splits by document; a package above `always_train_mb` always trains,
  or one hash could hold out half of the corpus.
- Small corpora: a held-out split that is smaller than it must be takes the next units in the same order; when there
  are too few packages for that, every file is a unit of its own. `Cut` says which of it happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from charmer.common.failure import Failure

SPLITS = ("train", "val", "test")
ALWAYS_TRAINS = 1.0  # added to the number of a unit that no share can reach


@dataclass(frozen=True)
class Cut:
    """Where the splits were cut: units below `test` are test, from there to below `val` val, the rest train.

    `by` is "package" or "file"; `extended` names the splits that took more units than their share of the interval.
    """

    by: str
    test: float
    val: float
    extended: tuple[str, ...]

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """The split of each unit number, as its place in SPLITS, int8[numbers]."""
        train, val, test = (np.int8(place) for place in range(len(SPLITS)))
        return np.where(numbers < self.test, test, np.where(numbers < self.val, val, train))

    def summary(self) -> dict[str, Any]:
        return {**asdict(self), "extended": list(self.extended)}


def unit_number(name: str, seed: int) -> float:
    """The number in [0, 1) that a unit's name (a package's, or a document's digest) hashes to."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def unit_numbers(
    names: Sequence[str],
    packages: np.ndarray,
    documents: Iterable[bytes],
    own: np.ndarray,
    bytes_: np.ndarray,
    by: str,
    settings: dict[str, Any],
) -> np.ndarray:
    """The number of each file's unit, float64[files]; its order is also the order in which duplicates are kept.

    Files of packages above `always_train_mb` get numbers from 1 on. `by` "file" makes each file a unit.

    Args:
        names: of the packages.
        packages: which of them each file belongs to, int32[files].
        documents: the digest of each file's text; read once, and only where files are units.
    """
    seed = settings["split_seed"]
    sizes = np.bincount(packages[~own], weights=bytes_[~own], minlength=len(names))
    above = sizes > settings["always_train_mb"] * 1e6
    of_package = np.array([unit_number(name, seed) for name in names]) + ALWAYS_TRAINS * above
    numbers = of_package[packages]
    alone = own | (by == "file")
    if alone.any():
        for index, document in enumerate(documents):
            if alone[index]:
                numbers[index] = unit_number(document.hex(), seed)
    return numbers


def cut(numbers: np.ndarray, bytes_: np.ndarray, by: str, settings: dict[str, Any]) -> Cut | None:
    """Cut the splits so that none is empty, or return None where these units do not allow it.

    A held-out split ends at its share of the interval, or later: it needs at least one unit, and the smaller of
    `min_held_out_kb` and its share of all bytes that can be held out. Train must keep at least half of what the
    shares leave to it.

    Args:
        numbers: of the unit of each file that is left, float64[files].
        bytes_: of each file that is left, int64[files].
    """
    units, inverse = np.unique(numbers, return_inverse=True)
    sizes = np.bincount(inverse, weights=bytes_, minlength=len(units)) if len(units) else np.zeros(0)
    can_be_held_out = units < ALWAYS_TRAINS
    total = float(sizes[can_be_held_out].sum())
    begin, border = 0, 0.0
    borders: list[float] = []
    extended: list[str] = []
    for split in ("test", "val"):
        share = settings[f"{split}_share"]
        border += share
        needed = min(settings["min_held_out_kb"] * 1e3, share * total)
        end = begin
        while end < len(units) and can_be_held_out[end]:
            enough = end > begin and sizes[begin:end].sum() >= needed
            if enough and units[end] >= border:
                break
            if units[end] >= border and split not in extended:
                extended.append(split)
            end += 1
        if end == begin or end == len(units):
            return None
        borders.append(float(max(border, np.nextafter(units[end - 1], 2.0))))
        begin = end
    left_to_train = 1 - settings["test_share"] - settings["val_share"]
    if sizes[begin:].sum() < 0.5 * left_to_train * sizes.sum():
        return None
    return Cut(by, borders[0], borders[1], tuple(extended))


def too_small(files: int) -> Failure:
    return Failure(
        f"the corpus: {files} files are left after curation, too few to hold any out for val and test; "
        "add sources, or loosen the curate knobs that counts.json shows to take most"
    )
