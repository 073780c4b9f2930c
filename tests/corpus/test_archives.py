"""Sdists, wheels, zip and tar archives, honest ones and others."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_table

from .test_scrape import scraped

GOOD = b"def good():\n    return 1\n"
METADATA = b"Metadata-Version: 2.4\nName: Some_Project\nVersion: 1.2\nLicense-Expression: MIT OR Apache-2.0\n"
MIT = (
    b"Copyright (c) Somebody\n\nPermission is hereby granted, free of charge, to any person obtaining a copy of this "
    b"software and associated documentation files ... The above copyright notice and this permission notice shall be "
    b"included in all copies or substantial portions of the Software."
)


def archive(path: Path, **more: Any) -> dict[str, Any]:
    return {"name": "packed", "kind": "archive", "path": str(path), **more}


def tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def reasons(refused: Any) -> dict[str, str]:
    return {row["path"]: row["reason"] for row in refused.to_pylist()}


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.bz2", "tar.xz", "tar"])
def test_an_sdist_is_one_package_with_the_licence_of_its_metadata(tmp_path: Path, suffix: str) -> None:
    members = {
        "some_project-1.2/src/a.py": GOOD,
        "some_project-1.2/README": b"hello",
        "some_project-1.2/PKG-INFO": METADATA,
    }
    mode = "w:" + suffix.removeprefix("tar").removeprefix(".")
    path = tar(tmp_path / f"some_project-1.2.{suffix}", members, mode)
    rows, refused = scraped(tmp_path, archive(path))
    (row,) = rows.to_pylist()
    assert len(refused) == 0
    assert row["text"] == GOOD.decode()
    assert {name: row[name] for name in ("package", "version", "path", "licence", "licence_from")} == {
        "package": "some-project",
        "version": "1.2",
        "path": "some_project-1.2/src/a.py",
        "licence": "MIT OR Apache-2.0",
        "licence_from": "License-Expression",
    }


def test_a_folder_of_archives_names_each_in_the_paths(tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    zipped(folder / "b-1.0-py3-none-any.whl", {"b/__init__.py": GOOD, "b-1.0.dist-info/METADATA": METADATA})
    tar(folder / "a-0.3.tar.gz", {"a-0.3/a.py": GOOD, "a-0.3/LICENSE": MIT})
    (folder / "notes.txt").write_text("no archive")
    rows, _ = scraped(tmp_path, archive(folder))
    assert [(row["path"], row["package"], row["licence"], row["licence_from"]) for row in rows.to_pylist()] == [
        ("a-0.3.tar.gz/a-0.3/a.py", "a", "MIT", "a-0.3/LICENSE"),
        ("b-1.0-py3-none-any.whl/b/__init__.py", "some-project", "MIT OR Apache-2.0", "License-Expression"),
    ]


def test_members_that_point_outside_and_links_are_refused(tmp_path: Path) -> None:
    names = ["../up.py", "/etc/absolute.py", "a/../../climb.py", "C:\\windows.py", "fine/ok.py"]
    path = tar(tmp_path / "x.tar.gz", dict.fromkeys(names, GOOD))
    with tarfile.open(tmp_path / "links.tar", "w") as file:
        for name, kind in (("soft.py", tarfile.SYMTYPE), ("hard.py", tarfile.LNKTYPE), ("pipe.py", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
    rows, refused = scraped(tmp_path, archive(path))
    assert rows["path"].to_pylist() == ["fine/ok.py"]
    assert reasons(refused) == dict.fromkeys(names[:4], "outside")
    rows, refused = scraped(tmp_path, archive(tmp_path / "links.tar"))
    assert reasons(refused) == dict.fromkeys(["soft.py", "hard.py", "pipe.py"], "not a regular file")


def test_a_truncated_tar_gives_what_precedes_the_cut(tmp_path: Path) -> None:
    content = [bytes(f"x = {i}\n", "ascii") * 5000 for i in range(20)]
    path = tar(tmp_path / "whole.tar", {f"m{i:02d}.py": text for i, text in enumerate(content)}, "w")
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[:400_000])
    rows, refused = scraped(tmp_path, archive(cut))
    kept = rows["path"].to_pylist()
    assert kept == [f"m{i:02d}.py" for i in range(len(kept))]
    assert 8 <= len(kept) <= 12
    assert rows["text"].to_pylist() == [text.decode() for text in content[: len(kept)]]
    assert reasons(refused)["cut.tar"] == "damaged"


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.999])
def test_a_truncated_sdist_is_reported_wherever_the_cut(tmp_path: Path, keep: float) -> None:
    path = tar(tmp_path / "whole.tar.gz", {f"m{i}.py": bytes(range(32, 127)) * i for i in range(1, 30)})
    cut = tmp_path / "cut.tar.gz"
    data = path.read_bytes()
    cut.write_bytes(data[: int(len(data) * keep)])
    _, refused = scraped(tmp_path, archive(cut))
    assert reasons(refused)["cut.tar.gz"] == "damaged"


def test_a_tar_cut_between_two_members_is_reported(tmp_path: Path) -> None:
    path = tar(tmp_path / "whole.tar", {"a.py": GOOD, "b.py": GOOD}, "w")
    path.write_bytes(path.read_bytes()[:1024])
    rows, refused = scraped(tmp_path, archive(path))
    assert rows["path"].to_pylist() == ["a.py"]
    assert reasons(refused) == {"whole.tar": "damaged"}


def test_an_archive_that_fails_its_checksum_gives_nothing(tmp_path: Path) -> None:
    data = bytearray(tar(tmp_path / "x.tar.gz", {"a.py": GOOD}).read_bytes())
    data[-8] ^= 1  # the stored checksum of gzip
    (tmp_path / "x.tar.gz").write_bytes(bytes(data))
    rows, refused = scraped(tmp_path, archive(tmp_path / "x.tar.gz"))
    assert len(rows) == 0
    assert reasons(refused) == {"x.tar.gz": "damaged"}


def test_a_wheel_with_a_flipped_bit_loses_only_that_member(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x-1.0-py3-none-any.whl", {"a.py": GOOD * 50, "b.py": GOOD})
    with zipfile.ZipFile(path) as file:
        offset = file.getinfo("a.py").header_offset + 30 + len("a.py") + 10
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(bytes(data))
    rows, refused = scraped(tmp_path, archive(path))
    assert rows["path"].to_pylist() == ["b.py"]
    assert reasons(refused) == {"a.py": "damaged"}


def test_a_wheel_without_its_end_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x-1.0-py3-none-any.whl", {"a.py": GOOD, "b.py": GOOD})
    path.write_bytes(path.read_bytes()[:-30])
    rows, refused = scraped(tmp_path, archive(path))
    assert (len(rows), reasons(refused)) == (0, {path.name: "damaged"})


def test_what_is_no_archive_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(b"<html>404 not found</html>" * 100)
    _, refused = scraped(tmp_path, archive(path))
    assert reasons(refused) == {"x.tar.gz": "damaged"}


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.py": GOOD})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag in the local header, and in the central directory
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(bytes(data))
    _, refused = scraped(tmp_path, archive(path))
    assert reasons(refused) == {"a.py": "encrypted"}


def test_members_above_the_limit_are_refused_whatever_they_state(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"big.py": b"x = 1\n" * 500_000, "small.py": GOOD})
    rows, refused = scraped(tmp_path, archive(path))
    assert rows["path"].to_pylist() == ["small.py"]
    assert refused.to_pylist()[0]["reason"] == "too large" and refused.to_pylist()[0]["bytes"] == 3_000_000


BOMBS = """
import resource, sys
from pathlib import Path
from charmer.corpus.scrape import scrape
source = {"name": "bombs", "kind": "archive", "path": sys.argv[1]}
settings = {"max_file_mb": 1.0, "notebooks": False, "shebang_scripts": False}
import charmer.corpus.rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
scrape(source, settings, Path(sys.argv[2]) / "shards", Path(sys.argv[2]) / "refused.parquet")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_bombs_cost_little_memory_and_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "bombs"
    folder.mkdir()
    # 4 GB of zeros as one member of a tar
    header = tarfile.TarInfo("zeros.py")
    header.size = 4_000_000_000
    with gzip.open(folder / "a-member.tar.gz", "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(110):
            file.write(bytes(1_000_000))
    # a header for extended attributes that claims 3 GB
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, 3_000_000_000
    with gzip.open(folder / "b-header.tar.gz", "wb", compresslevel=1) as file:
        file.write(extended.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(20_000_000))
    # a zip member that states little and holds much
    path = zipped(folder / "c-lies.zip", {"lies.py": bytes(100_000_000), "fine.py": GOOD})
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, 22, 100)
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 100)
    path.write_bytes(bytes(data))
    arguments = [sys.executable, "-c", BOMBS, str(folder), str(tmp_path / "out")]
    answer = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(answer.stdout) < 100_000  # kB
    found = reasons(read_table(tmp_path / "out" / "refused.parquet"))
    assert found == {
        "a-member.tar.gz": "compression bomb",
        "b-header.tar.gz": "compression bomb",
        "c-lies.zip/lies.py": "damaged",
    }
    rows = read_table(tmp_path / "out" / "shards" / "shard-00000.parquet")
    assert rows["path"].to_pylist() == ["c-lies.zip/fine.py"]


def test_a_missing_archive_is_a_failure_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"source packed: .*nowhere.tar.gz does not exist; correct its path"):
        scraped(tmp_path, archive(tmp_path / "nowhere.tar.gz"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(Failure, match=r"source packed: .*folder holds no archive"):
        scraped(tmp_path, archive(tmp_path / "folder"))


def test_scripts_and_notebooks_inside_archives_by_knob(tmp_path: Path) -> None:
    notebook = b'{"cells": [{"cell_type": "code", "source": ["x = 1"]}], "metadata": {}, "nbformat": 4}'
    members = {"bin/tool": b"#!/usr/bin/env python3\nprint(1)\n", "bin/shell": b"#!/bin/sh\n", "n.ipynb": notebook}
    path = tar(tmp_path / "x.tar.gz", members)
    rows, refused = scraped(tmp_path, archive(path), notebooks=True, shebang_scripts=True)
    assert [(row["path"], row["kind"], row["text"]) for row in rows.to_pylist()] == [
        ("bin/tool", "script", "#!/usr/bin/env python3\nprint(1)\n"),
        ("n.ipynb", "notebook", "x = 1\n"),
    ]
    assert len(refused) == 0
