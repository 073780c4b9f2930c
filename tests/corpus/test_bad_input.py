"""A folder of everything that can be wrong with a file: each refused with its reason, the rest goes on."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_table
from charmer.corpus import reading, sources
from charmer.corpus.found import Found
from charmer.corpus.refusal import REASONS, Refusal
from charmer.corpus.rows import Batch, process

from .test_scrape import SETTINGS, directory, scraped, write

GOOD = "def good():\n    return 1\n"


@pytest.fixture
def bad_folder(tmp_path: Path) -> Path:
    root = write(
        tmp_path / "bad", {"good.py": GOOD, "sub/also_good.py": GOOD, "empty.py": "", "bom.py": b"\xef\xbb\xbf"}
    )
    os.mkfifo(root / "pipe.py")
    (root / "link.py").symlink_to("good.py")
    (root / "loop.py").symlink_to("loop.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    (root / "up").symlink_to("..", target_is_directory=True)
    (root / "device.py").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        os.chdir(root)  # the name of a socket must be short
        unix.bind("socket.py")
        os.chdir(here)
    with (root / "huge.py").open("wb") as file:
        file.truncate(3_000_000_000)
    write(root, {"nul.py": b"x = 1\n\0\0\0\n", "venv/pyvenv.cfg": "", "venv/lib/other.py": GOOD})
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.py")).write_text(GOOD)
    write(
        root,
        {"deep.py": "(" * 100_000, "minus.py": "x = " + "-" * 200_000 + "1\n", "sum.py": "x = 1" + " + 1" * 50_000},
    )
    return root


def test_a_folder_of_everything_bad(bad_folder: Path, tmp_path: Path) -> None:
    rows, refused = scraped(tmp_path, directory(bad_folder))
    parses = {row["path"]: row["parses"] for row in rows.to_pylist()}
    del parses["sum.py"]  # it is there; how deep a sum may be is up to the Python that reads it
    assert parses == {
        "good.py": True,
        "sub/also_good.py": True,
        "link.py": True,
        r"caf\xe9.py": True,
        "deep.py": False,
        "minus.py": False,
    }
    assert {row["path"]: (row["reason"], row["bytes"]) for row in refused.to_pylist()} == {
        "empty.py": ("empty", 0),
        "bom.py": ("empty", 3),
        "pipe.py": ("not a regular file", -1),
        "socket.py": ("not a regular file", -1),
        "device.py": ("not a regular file", -1),
        "loop.py": ("symbolic link loop", -1),
        "dangling.py": ("broken symbolic link", -1),
        "up": ("linked folder", -1),
        "huge.py": ("too large", 3_000_000_000),
        "nul.py": ("NUL bytes", 10),
        "venv": ("virtual environment", -1),
    }
    assert set(refused["reason"].to_pylist()) <= set(REASONS)


def test_folders_and_files_without_permission(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders admit the owner alone
        root = write(Path(name), {"good.py": GOOD, "secret.py": GOOD, "closed/inside.py": GOOD})
        root.chmod(0o755)
        (root / "secret.py").chmod(0)
        (root / "closed").chmod(0)
        (tmp_path / "scraped").mkdir()
        user = os.geteuid()
        try:
            if user == 0:  # whom nothing is forbidden
                os.seteuid(65534)
            listing = list(sources.files(directory(root), SETTINGS))
            outcome = process(Batch("mine", False, 1_000_000, [file for file in listing if isinstance(file, Found)]))
        finally:
            os.seteuid(user)
            (root / "closed").chmod(0o700)
    refusals = [item for item in listing if isinstance(item, Refusal)] + outcome.refusals
    assert {(refusal.path, refusal.reason) for refusal in refusals} == {
        ("closed", "permission denied"),
        ("secret.py", "permission denied"),
    }
    assert pa.ipc.open_stream(outcome.rows[0]).read_all()["path"].to_pylist() == ["good.py"]


def test_a_file_that_vanishes_after_it_was_listed(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {"gone.py": GOOD, "good.py": GOOD})
    listing = [file for file in sources.files(directory(root), SETTINGS) if isinstance(file, Found)]
    (root / "gone.py").unlink()
    outcome = process(Batch("mine", False, 1_000_000, listing))
    assert [(refusal.path, refusal.reason) for refusal in outcome.refusals] == [("gone.py", "vanished")]


def test_a_file_that_becomes_a_pipe_after_it_was_listed_does_not_block(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {"turned.py": GOOD})
    listing = [file for file in sources.files(directory(root), SETTINGS) if isinstance(file, Found)]
    (root / "turned.py").unlink()
    os.mkfifo(root / "turned.py")
    outcome = process(Batch("mine", False, 1_000_000, listing))
    assert [(refusal.reason, refusal.detail) for refusal in outcome.refusals] == [("not a regular file", "named pipe")]


def test_a_file_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path / "code", {"log.py": GOOD})
    place = root / "log.py"
    opened = reading._opened

    def growing(path: str) -> Any:
        file = opened(path)
        status = os.fstat(file.fileno())
        monkeypatch.setattr(
            reading.os, "fstat", lambda handle: (monkeypatch.undo(), place.write_text(GOOD * 9), status)[2]
        )
        return file

    monkeypatch.setattr(reading, "_opened", growing)
    with pytest.raises(reading.Unreadable) as caught:
        reading.read(str(place), 1_000_000)
    assert caught.value.reason == "changed while read"


CRASHING_PARSER = """
import os, signal, symtable
whole = symtable.symtable
def parse(text, *arguments):
    if "CRASH" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "HOG" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(text, *arguments)
symtable.symtable = parse
"""


def test_a_file_that_crashes_the_parser_costs_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "site", {"sitecustomize.py": CRASHING_PARSER})  # what workers import at their start
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    root = write(tmp_path / "code", {"a.py": GOOD, "b.py": "CRASH = 1\n", "c.py": GOOD})
    rows, refused = scraped(tmp_path, directory(root), threads=2)
    assert rows["path"].to_pylist() == ["a.py", "c.py"]
    assert [(row["path"], row["reason"]) for row in refused.to_pylist()] == [("b.py", "crashes the parser")]

    write(root, {"d.py": "HOG = 1\n"})
    with pytest.raises(
        Failure, match=r"^source mine: a worker was killed, probably for lack of memory; run with fewer"
    ):
        scraped(tmp_path, directory(root), threads=2)


def test_a_shard_with_a_flipped_bit_is_named_by_its_reader(tmp_path: Path) -> None:
    root = write(tmp_path / "code", {f"m{i}.py": f"value_{i} = {i}\n" * 100 for i in range(50)})
    scraped(tmp_path, directory(root))
    shard = tmp_path / "scraped" / "shards" / "shard-00000.parquet"
    data = bytearray(shard.read_bytes())
    data[200] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(Failure, match=r"shard-00000.parquet: is damaged"):
        read_table(shard)
