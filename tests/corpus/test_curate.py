"""Curation as a whole: shards in, splits, ledger and counts out."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from charmer.common.failure import Failure
from charmer.common.files import read_json, read_table, write_table
from charmer.corpus.curate import curate

ROOT = Path(__file__).parents[2]
SCHEMA = pa.schema(
    [
        ("text", pa.large_string()),
        *((name, pa.string()) for name in ("source", "package", "version", "path", "licence", "licence_from")),
        ("own", pa.bool_()),
        ("encoding", pa.string()),
        ("encoding_from", pa.string()),
        ("replaced", pa.int32()),
        ("newline", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("parses", pa.bool_()),
        ("syntax_error", pa.string()),
        ("kind", pa.string()),
    ]
)
REFUSED = pa.schema(
    [("source", pa.string()), ("package", pa.string()), ("path", pa.string()), ("bytes", pa.int64()),
     ("reason", pa.string()), ("detail", pa.string())]
)  # fmt: skip


def settings(**changes: Any) -> dict[str, Any]:
    """The shipped config's `curate` section, changed in some knobs."""
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())["curate"] | changes


def code(seed: int, lines: int = 30) -> str:
    """Different code for each seed: no two share more than a shingle or so."""
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(40)]
    body = [f"    {chance.choice(words)} = {chance.choice(words)}({chance.choice(words)})\n" for _ in range(lines)]
    return f"def {chance.choice(words)}({chance.choice(words)}):\n" + "".join(body)


def row(text: str, path: str, package: str | None = "one", **changes: Any) -> dict[str, Any]:
    data = text.encode()
    return {
        "text": text, "source": "here", "package": package, "version": "1.0", "path": path, "licence": "MIT",
        "licence_from": "metadata", "own": False, "encoding": "utf-8", "encoding_from": "utf-8", "replaced": 0,
        "newline": "lf", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "parses": True,
        "syntax_error": None, "kind": "py", **changes,
    }  # fmt: skip


def scraped(folder: Path, rows: list[dict[str, Any]], refused: list[dict[str, Any]] | None = None, shards: int = 2):
    """Write rows as a source's shards, as scrape does; return what `curate` takes."""
    for number in range(shards):
        table = pa.Table.from_pylist(rows[number::shards], schema=SCHEMA)
        write_table(folder / "shards" / f"shard-{number:05d}.parquet", table)
    write_table(folder / "refused.parquet", pa.Table.from_pylist(refused or [], schema=REFUSED))
    return [folder / "shards"], [folder / "refused.parquet"]


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
    assert train.column_names == [*SCHEMA.names, "document"]
    by_path = {one["path"]: one for one in rows}
    for kept in train.to_pylist():
        assert hashlib.sha256(kept["text"].encode()).hexdigest() == kept.pop("document")
        assert kept == by_path[kept["path"]]


@pytest.mark.parametrize("own", [True, False])
def test_a_small_corpus_of_one_package_splits_by_file(tmp_path: Path, own: bool) -> None:
    rows = [row(code(number), f"f{number}.py", "mine", own=own) for number in range(24)]
    curate(*scraped(tmp_path, rows), settings(), tmp_path / "out", threads=1)
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


def test_a_damaged_shard_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    sources, refused = scraped(tmp_path, many_packages(), shards=4)
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
