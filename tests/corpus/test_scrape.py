"""Scraping: rows, refusals, and the same bytes every time."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_table
from charmer.corpus.scrape import scrape
from charmer.corpus.shards import REFUSED, ROWS

SETTINGS = {"max_file_mb": 1.0, "notebooks": False, "shebang_scripts": False}


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def scraped(tmp_path: Path, source: dict[str, Any], threads: int = 1, **knobs: Any) -> tuple[pa.Table, pa.Table]:
    out = tmp_path / "scraped"
    scrape(source, {**SETTINGS, **knobs}, out / "shards", out / "refused.parquet", threads)
    shards = [read_table(path) for path in sorted((out / "shards").iterdir())]
    return pa.concat_tables(shards), read_table(out / "refused.parquet")


def directory(root: Path, **more: Any) -> dict[str, Any]:
    return {"name": "mine", "kind": "directory", "path": str(root), **more}


def test_a_row_carries_everything_known_of_its_file(tmp_path: Path) -> None:
    content = b"# -*- coding: koi8-r -*-\r\nname = '\xd7\xc1\xd3\xd1'\r\n"
    root = write(tmp_path / "code", {"tools/names.py": content})
    rows, refused = scraped(tmp_path, directory(root))
    assert rows.schema.equals(ROWS) and refused.schema.equals(REFUSED)
    assert rows.to_pylist() == [
        {
            "text": "# -*- coding: koi8-r -*-\nname = 'вася'\n",
            "source": "mine",
            "package": "tools",
            "version": None,
            "path": "tools/names.py",
            "licence": None,
            "licence_from": None,
            "own": False,
            "encoding": "koi8-r",
            "encoding_from": "declared",
            "replaced": 0,
            "newline": "crlf",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "parses": True,
            "syntax_error": None,
            "kind": "py",
        }
    ]
    assert len(refused) == 0


def test_what_does_not_parse_is_kept_with_the_grammar_that_refused_it(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {"old.py": "print 'hello'\n"})
    rows, _ = scraped(tmp_path, directory(root))
    assert rows["parses"].to_pylist() == [False]
    assert rows["syntax_error"][0].as_py().startswith("Python 3.")
    assert "line 1" in rows["syntax_error"][0].as_py()


def test_the_same_bytes_whatever_the_number_of_workers(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {f"p{i % 7}/m{i}.py": f"x = {i}\n" * (i + 1) for i in range(450)})
    written = []
    for threads in (1, 3):
        scraped(tmp_path, directory(root), threads)
        files = sorted((tmp_path / "scraped").rglob("*.parquet"))
        written.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert written[0] == written[1]


def test_shards_and_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charmer.corpus.shards.SHARD_BYTES", 300_000)
    monkeypatch.setattr("charmer.corpus.shards.ROW_GROUP_BYTES", 100_000)
    monkeypatch.setattr("charmer.corpus.scrape.BATCH_BYTES", 20_000)
    root = write(tmp_path / "code", {f"m{i:03d}.py": f"x = {i:06d}\n" * 1000 for i in range(100)})
    rows, _ = scraped(tmp_path, directory(root))
    shards = sorted((tmp_path / "scraped" / "shards").iterdir())
    assert [path.name for path in shards] == [f"shard-{i:05d}.parquet" for i in range(len(shards))]
    assert rows["path"].to_pylist() == [f"m{i:03d}.py" for i in range(100)]
    for path in shards:
        metadata = pq.ParquetFile(path).metadata
        sizes = [metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)]
        assert max(sizes) < 140_000 and sum(sizes) < 440_000
    assert 4 <= len(shards) <= 5


def test_an_empty_source_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {"README.md": "no Python here"})
    with pytest.raises(Failure, match=r"source mine: holds no Python files; check its path and globs"):
        scraped(tmp_path, directory(root))
    assert list((tmp_path / "scraped").iterdir()) == []


def test_a_source_of_refused_files_alone_still_has_a_shard(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {"__init__.py": ""})
    rows, refused = scraped(tmp_path, directory(root))
    assert len(rows) == 0 and rows.schema.equals(ROWS)
    assert refused.to_pylist() == [
        {"source": "mine", "package": "__init__", "path": "__init__.py", "bytes": 0, "reason": "empty", "detail": ""}
    ]
