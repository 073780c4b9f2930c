"""Curation as a whole: shards in, splits, ledger and counts out."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_json, read_table
from charmer.corpus import seen
from charmer.corpus.curate import curate
from charmer.corpus.shards import ROWS

from .shards import ROOT, code, row, scraped, settings


def split(out: Path, name: str) -> pa.Table:
    return pa.concat_tables([read_table(path) for path in sorted((out / name).glob("shard-*.parquet"))])


def fates(out: Path) -> dict[str, str]:
    ledger = read_table(out / "ledger.parquet")
    return dict(zip(ledger.column("path").to_pylist(), ledger.column("fate").to_pylist(), strict=True))


def many_packages(packages: int = 40, files: int = 5) -> list[dict[str, Any]]:
    return [
        row(code(1000 * package + file), f"p{package}/f{file}.py", f"p{package}")
        for package in range(packages)
        for file in range(files)
    ]


def test_every_file_is_accounted_for(tmp_path: Path) -> None:
    rows = many_packages()
    rows.append(row(code(1), "copied/a.py", "copied") | {"text": rows[0]["text"]})
    rows.append(row("x = '" + "a" * 2000 + "'\n", "long/a.py", "long"))
    rows.append(row(code(2), "gpl/a.py", "gpl", licence="GPL-3.0-only"))
    rows.append(row(code(3), "unknown/a.py", "unknown", licence=None))
    rows.append(row(" \n", "blank/a.py", "blank"))
    refused = [{"source": "here", "package": "x", "path": "x/big.py", "bytes": 3_000_000_000, "reason": "too large",
                "detail": "3000 MB"}]  # fmt: skip
    curate(*scraped(tmp_path, rows, refused), settings(), tmp_path / "out", threads=1)
    counts = read_json(tmp_path / "out/counts.json")
    assert counts["in"]["files"] == len(rows) + 1
    kept = {name: part["files"] for name, part in counts["kept"].items()}
    assert {name: len(split(tmp_path / "out", name)) for name in kept} == kept
    assert {name: part["files"] for name, part in counts["out"].items()} == {
        "exact duplicate": 1,
        "long line": 1,
        "licence": 2,
        "empty": 1,
    }
    assert counts["refused"] == {"files": 1, "bytes": 3_000_000_000}
    assert counts["refused_for"] == {"too large": {"files": 1, "bytes": 3_000_000_000}}
    ledger = read_table(tmp_path / "out/ledger.parquet")
    assert Counter(ledger.column("path").to_pylist()) == Counter([one["path"] for one in rows] + ["x/big.py"])
    assert sum(kept.values()) + 5 + 1 == len(ledger)
    assert counts["in"]["bytes"] == sum(one["bytes"] for one in rows) + 3_000_000_000


def test_a_package_falls_into_one_split_and_stays_there_when_others_come(tmp_path: Path) -> None:
    few, more = many_packages(40), many_packages(80)
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    shares = settings(min_held_out_kb=0, val_share=0.15, test_share=0.15)
    for rows, result in ((few, before), (more, after)):
        curate(*scraped(tmp_path, rows), shares, tmp_path / "out", threads=1)
        for name in ("train", "val", "test"):
            for package in split(tmp_path / "out", name).column("package").to_pylist():
                assert result.setdefault(package, name) == name
    assert set(before.values()) == {"train", "val", "test"}
    assert len(before) == 40 and len(after) == 80
    assert {package: after[package] for package in before} == before


def test_the_same_input_gives_the_same_bytes_with_any_number_of_threads(tmp_path: Path) -> None:
    source = scraped(tmp_path, many_packages(), shards=5)
    digests = []
    for threads in (1, 2):
        out = tmp_path / f"out{threads}"
        curate(*source, settings(), out, threads=threads)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        digests.append({str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 7


def test_documents_are_in_the_order_of_their_digests_and_keep_their_columns(tmp_path: Path) -> None:
    rows = many_packages()
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    train = split(tmp_path / "out", "train")
    documents = train.column("document").to_pylist()
    assert documents == sorted(documents)
    assert train.column_names == [*ROWS.names, "document"]
    by_path = {one["path"]: one for one in rows}
    for kept in train.to_pylist():
        assert hashlib.sha256(kept["text"].encode()).hexdigest() == kept.pop("document")
        assert kept == by_path[kept["path"]]


def test_packages_take_turns_in_train_after_a_persons_own_code(tmp_path: Path) -> None:
    counts = {"large": 30, "small": 3, "mine": 20}
    rows = [
        row(code(1000 * order + file), f"{name}/{file}.py", name, own=name == "mine")
        for order, (name, count) in enumerate(counts.items())
        for file in range(count)
    ]
    largest = max(one["bytes"] for one in rows)
    knobs = settings(val_share=0, test_share=0, min_held_out_kb=0, turn_mb=5 * largest / 1e6)
    curate(*scraped(tmp_path, rows), knobs, tmp_path / "out", threads=1)
    train = split(tmp_path / "out", "train").to_pylist()

    packages = [one["package"] for one in train]
    own = packages.count("mine")
    assert set(packages[:own]) == {"mine"}
    turn = train[own : own + packages.count("small") + 5]
    assert {one["package"] for one in turn} == {"large", "small"}
    assert [one["document"] for one in turn] == sorted(one["document"] for one in turn)
    assert set(packages[own + len(turn) :]) == {"large"}


@pytest.mark.parametrize("own", [True, False])
def test_a_small_corpus_of_one_package_splits_by_file(tmp_path: Path, own: bool) -> None:
    rows = [row(code(number), f"f{number}.py", "mine", own=own) for number in range(24)]
    curate(*scraped(tmp_path, rows), settings(val_share=0.03, test_share=0.05), tmp_path / "out", threads=1)
    counts = read_json(tmp_path / "out/counts.json")
    assert counts["cut"]["by"] == ("package" if own else "file")
    assert all(part["files"] >= 1 for part in counts["kept"].values())
    assert counts["kept"]["train"]["files"] >= 20


def test_a_corpus_that_cannot_be_split_says_what_to_do(tmp_path: Path) -> None:
    rows = [row(code(number), f"f{number}.py") for number in range(2)]
    with pytest.raises(Failure, match=r"2 files are left.*add sources"):
        curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    rows = [row(code(number), f"f{number}.py", licence=None) for number in range(30)]
    with pytest.raises(Failure, match=r"30 for licence.*own: true"):
        curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    with pytest.raises(Failure, match="no file was scraped"):
        curate(*scraped(tmp_path, []), settings(), tmp_path / "out", threads=1)


def test_own_code_needs_no_licence(tmp_path: Path) -> None:
    rows = [row(code(number), f"f{number}.py", "mine", own=True, licence=None) for number in range(24)]
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    assert read_json(tmp_path / "out/counts.json")["out"] == {}


def test_a_large_package_always_trains(tmp_path: Path) -> None:
    rows = many_packages(12)
    sizes = {f"p{number}": 100_000 for number in range(12)}
    for name in sizes:
        changed = [one | {"bytes": 100_000 if one["package"] == name else 10} for one in rows]
        curate(
            *scraped(tmp_path, changed), settings(always_train_mb=0.4, min_held_out_kb=0), tmp_path / "out", threads=1
        )
        assert {fates(tmp_path / "out")[f"{name}/f{file}.py"] for file in range(5)} == {"train"}


def test_packages_are_listed_with_their_licences(tmp_path: Path) -> None:
    rows = [*many_packages(20), row(code(5), "gpl/a.py", "gpl", licence="GPL-3.0-only")]
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    packages = read_table(tmp_path / "out/packages.parquet").to_pylist()
    assert sorted(one["package"] for one in packages) == sorted(f"p{number}" for number in range(20))
    assert {one["licence"] for one in packages} == {"MIT"}
    assert sum(one["files"] for one in packages) == 100
    assert sum(one["bytes"] for one in packages) == sum(one["bytes"] for one in rows[:-1])


def test_packages_say_which_are_a_persons_own(tmp_path: Path) -> None:
    rows = [*many_packages(20), *(row(code(90_000 + n), f"m/{n}.py", "mine", own=True, licence=None) for n in range(5))]
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    packages = read_table(tmp_path / "out/packages.parquet").to_pylist()
    assert [one["licence"] for one in packages if one["own"]] == [None]
    assert {one["package"] for one in packages if one["own"]} == {"mine"} and len(packages) == 21


def test_a_damaged_shard_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    sources, refused = scraped(tmp_path / "here-0f3a9c21", many_packages(), shards=4)
    shard = sources[0] / "shard-00002.parquet"
    data = bytearray(shard.read_bytes())
    start = pq.ParquetFile(shard).metadata.row_group(0).column(0).data_page_offset
    data[start + 2000] ^= 0x10
    shard.write_bytes(data)
    cut_short = sources[0] / "shard-00003.parquet"
    cut_short.write_bytes(cut_short.read_bytes()[:-100])
    curate(sources, refused, settings(), tmp_path / "out", threads=1)
    counts = read_json(tmp_path / "out/counts.json")
    assert counts["out"]["damaged"]["files"] == 50 + 1
    assert sum(part["files"] for part in counts["kept"].values()) == 100
    assert set(read_table(tmp_path / "out/ledger.parquet").column("source").to_pylist()) == {"here"}


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    (shards,), (refused,) = scraped(tmp_path, many_packages())
    with pytest.raises(Failure, match=r"absent/shards: there is no such folder of shards; run `scrape` again"):
        curate([shards, tmp_path / "absent/shards"], [refused], settings(), tmp_path / "out", threads=1)


def test_a_near_duplicate_of_a_held_out_file_leaves_train(tmp_path: Path) -> None:
    rows = many_packages(40)
    copies = [one | {"text": one["text"] + "done = True\n", "path": f"again/{one['path']}"} for one in rows]
    large = [one | {"package": "large", "bytes": 1_000_000} for one in copies]
    curate(*scraped(tmp_path, rows + large), settings(), tmp_path / "out", threads=1)
    ledger = {one["path"]: one for one in read_table(tmp_path / "out/ledger.parquet").to_pylist()}
    for one in rows:
        original, copy = ledger[one["path"]], ledger[f"again/{one['path']}"]
        assert original["fate"] in ("train", "val", "test")
        assert copy["fate"] == "near duplicate"
        assert (copy["matched_package"], copy["matched_path"]) == (one["package"], one["path"])
        assert 0.9 < copy["similarity"] < 1.0
    assert read_json(tmp_path / "out/counts.json")["out"]["near duplicate"]["files"] == len(rows)
    bins = read_json(tmp_path / "out/card.json")["near_duplicates"]
    assert sum(one["files"] for one in bins) == len(rows)
    assert bins[0]["from"] >= 0.9 and bins[0]["files"] > 0 and bins[-1]["to"] == 1.0


def test_contaminated_files_leave_train_and_what_they_displaced_returns(tmp_path: Path) -> None:
    problem = code(99, lines=12)
    (tmp_path / "ours.jsonl").write_text(json.dumps({"prompt": problem, "canonical_solution": ""}) + "\n")
    rows = [row(code(number), f"f{number}.py", "large", bytes=1_000_000) for number in range(20)]
    rows += many_packages(10)
    rows.append(row(code(200, 60) + problem, "large/a.py", "large"))
    rows.append(row(code(200, 60), "large/sub/a.py", "large"))
    rows.append(row(code(201) + problem, "large/b.py", "large"))
    knobs = settings(benchmarks=[str(tmp_path / "ours.jsonl")], near_duplicates=0.7)
    curate(*scraped(tmp_path, rows), knobs, tmp_path / "out", threads=1)
    found = fates(tmp_path / "out")
    assert [path for path, fate in found.items() if fate == "contaminated"] == ["large/a.py", "large/b.py"]
    assert found["large/sub/a.py"] == "train"
    assert read_json(tmp_path / "out/counts.json")["contaminated"] == {"ours": 2}


def test_held_out_files_may_share_runs_with_a_benchmark(tmp_path: Path) -> None:
    rows = many_packages(40)
    knobs = settings(val_share=0.2, test_share=0.2)
    curate(*scraped(tmp_path, rows), knobs, tmp_path / "out", threads=1)
    before = fates(tmp_path / "out")
    held_out = next(one for one in rows if before[one["path"]] == "test")
    (tmp_path / "ours.jsonl").write_text(json.dumps({"prompt": held_out["text"]}) + "\n")
    curate(*scraped(tmp_path, rows), knobs | {"benchmarks": [str(tmp_path / "ours.jsonl")]}, tmp_path / "out")
    assert fates(tmp_path / "out") == before


def test_secrets_are_replaced_in_what_is_written_and_counted(tmp_path: Path) -> None:
    rows = many_packages(20)
    leak = code(7) + 'password = "h7gT-93kfPz"  # ask ada@analytical.org or grace@analytical.org\n'
    rows.append(row(leak, "leaky/a.py", "leaky"))
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    kept = [one for name in ("train", "val", "test") for one in split(tmp_path / "out", name).to_pylist()]
    written = next(one for one in kept if one["path"] == "leaky/a.py")
    ending = 'password = "EXAMPLE_PASSWORD"  # ask user@example.com or user@example.com\n'
    assert written["text"] == code(7) + ending
    assert written["document"] == hashlib.sha256(written["text"].encode()).hexdigest()
    counted = read_json(tmp_path / "out/counts.json")["secrets"]
    assert counted["password"] == {"found": 1, "files": 1}
    assert counted["e-mail"] == {"found": 2, "files": 1}
    curate(*scraped(tmp_path, rows), settings(replace_secrets=False), tmp_path / "out", threads=1)
    kept = [one for name in ("train", "val", "test") for one in split(tmp_path / "out", name).to_pylist()]
    assert next(one for one in kept if one["path"] == "leaky/a.py")["text"] == leak


def test_the_card_adds_up(tmp_path: Path) -> None:
    rows = many_packages(30)
    rows += [row(one["text"], f"copy/{one['path']}", "copy", encoding="latin-1") for one in rows[:10]]
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
    card = read_json(tmp_path / "out/card.json")
    counts = read_json(tmp_path / "out/counts.json")
    assert card["counts"] == counts
    files = sum(part["files"] for part in counts["kept"].values())
    size = sum(part["bytes"] for part in counts["kept"].values())
    for by in card["bytes"].values():
        assert sum(part["files"] for part in by.values()) == files
        assert sum(part["bytes"] for part in by.values()) == size
    encodings = [(one["encoding"], one["files"], one["replaced"]) for one in card["encodings"]]
    assert encodings == [("utf-8", files - 10, 0), ("latin-1", 10, 0)]  # of each pair the copy stayed
    assert card["near_duplicates"] == []
    assert card["cluster_sizes"] == {"1": files - 10, "2": 10}
    for bins in card["line_lengths"].values():
        assert sum(one["files"] for one in bins) == files


def test_packages_that_are_added_leave_the_others_in_their_order(tmp_path: Path) -> None:
    few, more = many_packages(40, files=8), many_packages(60, files=8)
    turn_mb = 3 * few[0]["bytes"] / 1e6
    before, after = (train_order(tmp_path, rows, turn_mb) for rows in (few, more))
    assert before != sorted(before), "packages take turns"
    assert [one for one in after if one in set(before)] == before
    assert len(after) > len(before) > 200


def test_files_that_are_added_to_a_package_move_only_its_own_at_the_borders_of_turns(tmp_path: Path) -> None:
    rows = many_packages(3, files=60)
    added = [row(code(90_000 + number), f"p0/new{number}.py", "p0") for number in range(3)]
    turn_mb = 20 * rows[0]["bytes"] / 1e6
    before, after = (train_order(tmp_path, some, turn_mb) for some in (rows, rows + added))
    package = {hashlib.sha256(one["text"].encode()).hexdigest(): one["package"] for one in rows}
    after = [one for one in after if one in package]
    for stays in ({"p1", "p2"}, {"p0"}):
        assert [one for one in after if package[one] in stays] == [one for one in before if package[one] in stays]
    # What changed its place among the others was pushed into the next turn: at each border at most the added files'
    # bytes, and one file more.
    place = {one: at for at, one in enumerate(one for one in before if package[one] != "p0")}
    moved = [one for one in before if package[one] == "p0" and behind(one, before, place) != behind(one, after, place)]
    assert 1 <= len(moved) <= 3 * (len(added) + 1)
    assert sorted(before) == sorted(after)


def train_order(folder: Path, rows: list[dict[str, Any]], turn_mb: float) -> list[str]:
    """The digests of train's documents, as curation orders them."""
    held_out = {"val_share": 0.15, "test_share": 0.15} if len(rows) > 200 else {"val_share": 0, "test_share": 0}
    knobs = settings(**held_out, min_held_out_kb=0, turn_mb=turn_mb)
    curate(*scraped(folder, rows), knobs, folder / "out", threads=1)
    return split(folder / "out", "train").column("document").to_pylist()


def behind(document: str, order: list[str], place: dict[str, int]) -> int:
    """How many documents of `place` come before `document` in `order`."""
    return sum(one in place for one in order[: order.index(document)])


@pytest.mark.slow
def test_an_interrupt_stops_within_seconds_and_leaves_no_work_files(tmp_path: Path) -> None:
    rows = [row(code(number, lines=3000), f"p{number}/a.py", f"p{number}") for number in range(300)]
    sources, refused = scraped(tmp_path, rows, shards=30)
    call = (
        "import sys, yaml, pathlib; from charmer.corpus.curate import curate\n"
        f"knobs = {settings()!r}\n"
        f"curate([pathlib.Path({str(sources[0])!r})], [pathlib.Path({str(refused[0])!r})], knobs, "
        f"pathlib.Path({str(tmp_path / 'out')!r}), threads=2)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", call], env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")}, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out/.work/judged").glob("shingles-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=5) != 0
    assert not (tmp_path / "out/.work").exists()


TUNING = {"own_share": 0.5, "held_out_share": 0.2, "least_kb": 1}


def test_own_files_that_repeat_what_a_model_knows_are_not_held_out(tmp_path: Path) -> None:
    mine = [row(code(9000 + file), f"m{file}.py", "own", own=True) for file in range(60)]
    copied = [row(many_packages()[place]["text"], f"copy{place}.py", "own", own=True) for place in range(0, 200, 4)]
    knobs = settings(min_held_out_kb=0, fine_tune=TUNING)
    curate(*scraped(tmp_path, [*many_packages(), *mine, *copied]), knobs, tmp_path / "out", threads=1)
    found = fates(tmp_path / "out")
    assert {found[one["path"]] for one in copied} == {"exact duplicate"}
    assert all(found[one["path"]] in {"train", "val", "test"} for one in many_packages())
    held_out = sum(found[one["path"]] == "test" for one in mine)
    assert 4 <= held_out <= 22, "a fifth of 60, whatever curate.test_share says of packages"


@pytest.mark.parametrize("count", [3, 8])
def test_of_a_few_large_files_of_ones_own_some_are_held_out_whatever_chance_says(tmp_path: Path, count: int) -> None:
    for trial in range(4):
        mine = [row(code(90_000 + 8 * trial + file), f"m{file}.py", "own", own=True) for file in range(count)]
        knobs = settings(min_held_out_kb=0, fine_tune=TUNING | {"least_kb": 0.1, "held_out_share": 0.05})
        place = tmp_path / str(trial)
        curate(*scraped(place, [*many_packages(), *mine]), knobs, place / "out", threads=1)
        found = [fates(place / "out")[one["path"]] for one in mine]
        assert {"train", "val", "test"} == set(found) and found.count("train") >= count - 4


def test_own_files_that_the_model_has_read_leave(tmp_path: Path) -> None:
    mine = [row(code(90_000 + file), f"m{file}.py", "own", own=True) for file in range(20)]
    (tmp_path / "model").mkdir()
    read = sorted(int(hashlib.sha256(one["text"].encode()).hexdigest()[:16], 16) for one in mine[:5])
    np.save(tmp_path / "model" / seen.SEEN, np.array(read, np.uint64))
    knobs = settings(min_held_out_kb=0, fine_tune=TUNING, start=str(tmp_path / "model"))
    curate(*scraped(tmp_path, [*many_packages(), *mine]), knobs, tmp_path / "out", threads=1)
    found = fates(tmp_path / "out")
    assert [found[one["path"]] for one in mine[:5]] == ["known"] * 5
    assert all(found[one["path"]] in {"train", "val", "test"} for one in [*mine[5:], *many_packages()])
    counts = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert counts["out"]["known"]["files"] == 5


def test_what_a_released_model_has_read_is_known_by_the_documents_of_train(tmp_path: Path) -> None:
    curate(*scraped(tmp_path, many_packages()), settings(min_held_out_kb=0), tmp_path / "out", threads=1)
    (tmp_path / "model").mkdir()
    seen.write(tmp_path / "out" / "train", tmp_path / "model")
    found, digests = fates(tmp_path / "out"), np.load(tmp_path / "model" / seen.SEEN)
    assert len(digests) == list(found.values()).count("train") and (np.diff(digests.astype(object)) > 0).all()
    for one in many_packages():
        number = np.array([int(hashlib.sha256(one["text"].encode()).hexdigest()[:16], 16)], np.uint64)
        assert seen.by(str(tmp_path / "model"), number).all() == (found[one["path"]] == "train")
    assert not seen.by("", digests).any() and not seen.by(str(tmp_path), digests).any()


def test_a_model_is_not_fitted_to_code_that_it_knows(tmp_path: Path) -> None:
    copied = [row(one["text"], f"copy/{one['path']}", "own", own=True) for one in many_packages()]
    knobs = settings(min_held_out_kb=0, fine_tune=TUNING)
    with pytest.raises(Failure, match=r"code: of 200 files 0 are left, 0 kB .* 200 repeat code that the model knows"):
        curate(*scraped(tmp_path, [*many_packages(), *copied]), knobs, tmp_path / "out", threads=1)
