"""Splits: by package, stable, and possible for small corpora."""

from __future__ import annotations

from typing import Any

import numpy as np
from charmer.corpus.splits import SPLITS, Cut, cut, unit_number, unit_numbers

SETTINGS: dict[str, Any] = {
    "val_share": 0.1, "test_share": 0.1, "split_seed": 0, "always_train_mb": 1.0, "min_held_out_kb": 0.0,
}  # fmt: skip


def numbers(
    packages: list[str], own: bool = False, by: str = "package", size: int = 1000, **changes: Any
) -> np.ndarray:
    documents = [position.to_bytes(32, "big") for position in range(len(packages))]
    sizes = np.full(len(packages), size)
    known, which = np.unique(packages, return_inverse=True)
    return unit_numbers(known.tolist(), which, documents, np.full(len(packages), own), sizes, by, SETTINGS)


def names(where: Cut, found: np.ndarray) -> np.ndarray:
    """The split of each unit number."""
    return np.array(SPLITS)[where.of(found)]


def test_a_units_number_depends_on_its_name_and_the_seed_alone() -> None:
    assert unit_number("numpy", 0) == 0.982056508549114
    assert unit_number("numpy", 1) != unit_number("numpy", 0)
    assert numbers(["a", "b", "a"])[0] == numbers(["c", "a"])[1] == unit_number("a", 0)


def test_files_of_a_package_share_a_number_unless_they_are_a_persons_own() -> None:
    assert len(set(numbers(["a"] * 5 + ["b"] * 5).tolist())) == 2
    assert len(set(numbers(["a"] * 5 + ["b"] * 5, own=True).tolist())) == 10
    assert len(set(numbers(["a"] * 5 + ["b"] * 5, by="file").tolist())) == 10


def test_a_package_above_the_limit_cannot_be_held_out() -> None:
    of_small, of_large = numbers(["small"] + ["large"] * 2, size=600_000)[:2]
    assert 0 <= of_small < 1 <= of_large
    assert numbers(["large"] * 2, own=True, size=600_000).max() < 1


def test_with_many_units_the_shares_are_the_borders() -> None:
    found = np.linspace(0, 0.9999, 1000)
    where = cut(found, np.ones(1000), "package", SETTINGS)
    assert where is not None and (where.test, where.val, where.extended) == (0.1, 0.2, ())
    split = names(where, found)
    assert {name: int((split == name).sum()) for name in ("test", "val", "train")} == {
        "test": 100, "val": 100, "train": 800,
    }  # fmt: skip


def test_a_split_that_would_be_empty_takes_the_next_units() -> None:
    found = np.array([0.3, 0.5, 0.7, 0.9, 1.4])
    where = cut(found, np.ones(5), "package", SETTINGS)
    assert where is not None and where.extended == ("test", "val")
    assert names(where, found).tolist() == ["test", "val", "train", "train", "train"]


def test_a_split_below_its_least_size_takes_the_next_units() -> None:
    found = np.arange(100) / 100
    where = cut(found, np.full(100, 1000.0), "package", SETTINGS | {"min_held_out_kb": 8.0})
    assert where is not None and where.extended == ()
    small = np.where(found < 0.1, 10.0, 1000.0)
    where = cut(found, small, "package", SETTINGS | {"min_held_out_kb": 5.0})
    assert where is not None and where.extended == ("test",)
    assert small[names(where, found) == "test"].sum() >= 5000


def test_units_that_do_not_suffice_give_no_cut() -> None:
    assert cut(np.array([0.1, 0.2]), np.ones(2), "file", SETTINGS) is None
    assert cut(np.array([1.1, 1.2, 1.3]), np.ones(3), "package", SETTINGS) is None
    assert cut(np.array([0.01, 0.5, 0.9]), np.array([900.0, 50.0, 50.0]), "package", SETTINGS) is None
    assert cut(np.zeros(0), np.zeros(0), "file", SETTINGS) is None
