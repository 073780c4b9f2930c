"""A corpus in parts: one after the other they are the whole, and what curation makes of them is the same."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_table
from charmer.corpus import candidates, duplicates
from charmer.corpus.curate import conclude, curate
from charmer.corpus.found import Found
from charmer.corpus.judge import judge
from charmer.corpus.parts import Part, count
from charmer.corpus.scrape import scrape
from charmer.corpus.sources import files, listed
from hypothesis import given
from hypothesis import strategies as st

from .shards import code, row, scraped, settings

SCRAPE = {"max_file_mb": 1.0, "notebooks": False, "shebang_scripts": False}


def digests(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def directory(folder: Path, sizes: list[int]) -> dict[str, Any]:
    for number, size in enumerate(sizes):
        path = folder / f"p{number % 3}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#" * (size - 1) + "\n" if size else "")
    return {"name": "here", "kind": "directory", "path": str(folder), "own": True}


def paths(source: dict[str, Any], part: Part = Part()) -> list[str]:  # noqa: B008 (a tuple)
    return [file.path for file in files(source, SCRAPE, part)]


@given(st.lists(st.integers(-1, 50), max_size=30), st.integers(1, 9))
def test_parts_one_after_the_other_are_the_whole_and_about_equal(sizes: list[int], of: int) -> None:
    items = [Found(None, str(at), "py", size) for at, size in enumerate(sizes)]  # type: ignore[arg-type]
    chosen = [list(Part(at, of).choose(lambda: iter(items))) for at in range(of)]
    assert [item for part in chosen for item in part] == items
    total = sum(max(size, 0) for size in sizes)
    for part in chosen:
        assert sum(max(item.bytes, 0) for item in part) <= total / of + max([*sizes, 0])


def test_a_source_has_as_many_parts_as_its_size_asks_for(tmp_path: Path) -> None:
    source = directory(tmp_path, [1000] * 9 + [0])
    assert listed(source, SCRAPE).bytes == 9000
    assert [count(9000, part_mb) for part_mb in (500, 0.009, 0.008, 0.003)] == [1, 1, 2, 3]
    assert count(0, 500) == 1
    assert [len(paths(source, Part(at, 3))) for at in range(3)] == [3, 4, 3]
    assert [path for at in range(3) for path in paths(source, Part(at, 3))] == paths(source)


def test_archives_are_not_divided(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            for number in range(3):
                archive.writestr(f"{name}{number}.py", f"x = {number}\n")
    source = {"name": "here", "kind": "archive", "path": str(tmp_path)}
    parts = [paths(source, Part(at, 2)) for at in range(2)]
    assert [path for part in parts for path in part] == paths(source) and all(parts)
    assert [len(part) % 3 for part in parts] == [0, 0]


def test_a_part_without_files_is_no_failure_and_a_source_without_is(tmp_path: Path) -> None:
    source = directory(tmp_path / "here", [900_000, 10])
    scrape(source, SCRAPE, tmp_path / "shards", tmp_path / "refused.parquet", part=Part(1, 4))
    assert len(read_table(tmp_path / "shards/shard-00000.parquet")) == 0
    empty = source | {"path": str(tmp_path / "shards")}
    with pytest.raises(Failure, match="holds no Python files"):
        scrape(empty, SCRAPE, tmp_path / "other", tmp_path / "refused.parquet")


def corpus() -> list[dict[str, Any]]:
    """Files with copies and near copies of one another in other parts, of several fates."""
    rows = [row(code(100 * p + f), f"p{p}/f{f}.py", f"p{p}") for p in range(30) for f in range(4)]
    for number in range(0, 60, 3):
        text = rows[number]["text"]
        rows.append(row(text, f"copied/e{number}.py", "copied"))
        rows.append(row(text + "last = 1\n", f"near/n{number}.py", f"near{number % 7}"))
        rows.append(row(text + "last = 1\nvery = 2\n", f"nearer/n{number}.py", "nearer", own=number % 2 == 0))
    rows.append(row(" \n", "blank/a.py", "blank"))
    rows.append(row(rows[0]["text"], "gpl/a.py", "gpl", licence="GPL-3.0-only"))
    return rows


@pytest.mark.parametrize("near_duplicates", [0.8, 2.0])
def test_judged_in_parts_and_searched_by_band_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, near_duplicates: float
) -> None:
    rows, knobs = corpus(), settings(min_held_out_kb=1, near_duplicates=near_duplicates)
    sources, refused = zip(
        *(scraped(tmp_path / f"s{at}", rows[at * 37 : at * 37 + 37]) for at in range(5)), strict=True
    )
    sources, refused = [one for (one,) in sources], [one for (one,) in refused]
    curate(sources, refused, knobs, tmp_path / "whole")

    monkeypatch.setattr(candidates, "SLICE", 50)
    monkeypatch.setattr(duplicates, "TOGETHER", 7)
    judged = [tmp_path / f"judged{at}" for at in range(5)]
    for shards, folder in zip(sources, judged, strict=True):
        judge([shards], knobs, folder)
    matches = [tmp_path / f"{share}.i64" for share in range(3)]
    for share, path in enumerate(matches):
        candidates.match(judged, candidates.bands(near_duplicates)[share::3], path)
    conclude(judged, matches, refused, knobs, tmp_path / "parts", threads=2)
    assert digests(tmp_path / "parts") == digests(tmp_path / "whole")

    fates = read_table(tmp_path / "parts/ledger.parquet").column("fate").to_pylist()
    assert len(fates) == len(rows)
    near, exact = fates.count("near duplicate"), fates.count("exact duplicate")
    assert (near + exact, near > 0) == ((60, True) if near_duplicates <= 1 else (20, False))
    assert fates.count("empty") == fates.count("licence") == 1


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_groups_are_the_connected_files(pairs: list[tuple[int, int]]) -> None:
    lowest = list(range(20))
    for _ in range(20):
        for one, other in pairs:
            lowest[one] = lowest[other] = min(lowest[one], lowest[other])
    parent = np.arange(20)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    candidates.connect(parent, first, second)
    assert candidates.roots(parent, np.arange(20)).tolist() == lowest
