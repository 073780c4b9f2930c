"""A folder of everything that can be wrong with a file: each refused with its reason, the rest goes on."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from charmer.corpus.refusal import REASONS

from .test_scrape import directory, scraped, write

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
    assert {row["path"]: row["parses"] for row in rows.to_pylist()} == {
        "good.py": True,
        "sub/also_good.py": True,
        "link.py": True,
        r"caf\xe9.py": True,
        "deep.py": False,
        "minus.py": False,
        "sum.py": rows.to_pylist()[rows["path"].to_pylist().index("sum.py")]["parses"],
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
