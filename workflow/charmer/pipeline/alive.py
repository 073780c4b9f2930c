"""Who is working in this folder: a lock left by a dead Snakemake goes, a live one is respected and named.

Snakemake's lock is a plain file that says nothing about its owner, so a kill or a power cut leaves a folder that
refuses every later call until somebody types a flag. Here each Snakemake process holds an operating-system lock
(flock) on a file of its own for as long as it lives. The kernel drops that lock however the process ends, so a file
that can be locked belongs to a dead process, whatever its process number means by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []  # open for the life of the process: closing the file gives the lock up


def announce(folder: Path) -> list[str]:
    """Say that this process works in `folder`, and clear what dead ones left.

    Args:
        folder: Snakemake's own folder (`.snakemake`).

    Returns:
        Lines for the person: locks that were removed, and who else is at work here.
    """
    lines: list[str] = []
    holders = folder / "alive"
    holders.mkdir(parents=True, exist_ok=True)
    others = _living(holders)
    locks = folder / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        if others:
            lines += [f"another Snakemake is at work in this folder: {other}" for other in others]
        else:
            shutil.rmtree(locks)
            lines.append("removed the lock of a Snakemake that is gone; going on where it stopped")
    _hold(holders / f"{os.getpid()}.txt")
    return lines


def _living(holders: Path) -> list[str]:
    """Descriptions of the other processes that are alive; the files of dead ones are removed."""
    alive = []
    for path in sorted(holders.iterdir()):
        # A file of our own number is from a dead process that had it before us, or from this one's earlier reading.
        if path.stem == str(os.getpid()):
            continue
        with contextlib.suppress(FileNotFoundError), path.open("r+", encoding="utf-8") as file:
            if _lock(file):
                path.unlink(missing_ok=True)
            else:
                alive.append(file.read().strip() or f"process {path.stem}")
    return alive


def _hold(path: Path) -> None:
    if _held:
        return
    while True:
        file = path.open("w", encoding="utf-8")
        locked = _lock(file)
        # Between opening and locking, another process may have taken the file for a dead one's and removed it.
        if not locked or (path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino):
            break
        file.close()
    if locked:
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        file.write(f"process {os.getpid()} on {os.uname().nodename}, since {time.strftime('%H:%M:%S')}: {command}\n")
        file.flush()
    _held.append(file)


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks: nothing can be told about others, so nothing of theirs is touched.
        return False
    return True
