"""Who is working in this folder: a lock left by a dead Snakemake goes, a living one is respected and named.

Snakemake's lock is a plain file that says nothing about its owner, so a kill or a power cut leaves a folder that
refuses every later call until somebody types a flag; and any call that ends removes the locks of all others. Here
each Snakemake process, and each job, holds an operating-system lock (flock) on a file of its own for as long as it
lives. The kernel drops that lock however the process ends, so a file that can be locked belongs to a dead process,
whatever its process number means by now.

On a cluster the folder is shared and a job lives on another machine, perhaps longer than the Snakemake that sent it. So
a file is named by host and process, and the lock must hold across machines, as it does on NFS 4, GPFS, Lustre (mounted
with `flock`) and BeeGFS (with `tuneUseGlobalFileLocks`).
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

FOLDER = Path(".snakemake")

_held: dict[Path, IO[str]] = {}  # open for the life of the process: closing a file gives its lock up


@dataclass(frozen=True)
class Holder:
    """A living process that works in the folder, and the files that it writes and reads.

    Attributes:
        job: whether it is one job, and no call of Snakemake.
        slurm: number of the Slurm job that it is; empty outside of one.
        outputs, inputs: of a job, or of all jobs of a call.
    """

    pid: int
    host: str
    since: str
    command: str
    job: bool = False
    slurm: str = ""
    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}: {self.command}"

    def stopping(self) -> str:
        """What stops it."""
        if self.slurm:
            return f"scancel {self.slurm}"
        return f"kill {self.pid}" if self.host == os.uname().nodename else f"ssh {self.host} kill {self.pid}"

    def orphaned(self) -> str:
        """What to say of a job whose call is gone."""
        return (
            f"its Snakemake is gone, but {self.command} still runs on {self.host}; wait for it, or: {self.stopping()}"
        )

    def collides(self, outputs: set[str], inputs: set[str]) -> bool:
        """Whether one of the two writes what the other writes or reads."""
        return bool(outputs & {*self.outputs, *self.inputs} or inputs & set(self.outputs))


def enter(command: str | None = None, folder: Path = FOLDER) -> list[str]:
    """Hold a lock for this process, and clear away what dead ones left.

    Args:
        command: what this job is, for others to read; a call of Snakemake gives none, and is its command line.
        folder: Snakemake's own folder.

    Returns:
        Lines for the person: a lock that was removed, who else is at work here, and jobs that outlived their Snakemake.
    """
    _hold(folder, command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]), job=command is not None)
    living = others(folder)
    calls = [holder for holder in living if holder.outputs and not holder.job]
    lines = [f"another Snakemake is at work in this folder: {holder}" for holder in calls]
    locks = folder / "locks"
    if not lines and locks.is_dir():
        lines = [holder.orphaned() for holder in living if holder.job]
    # Whoever lives may stand behind a lock, so that only a lone process may take it for a dead one's.
    if not living and locks.is_dir() and any(locks.iterdir()):
        shutil.rmtree(locks, ignore_errors=True)
        lines.append("removed the lock of a Snakemake that is gone; going on where it stopped")
    return lines


def claim(outputs: Iterable[str], inputs: Iterable[str] = (), folder: Path = FOLDER) -> list[Holder]:
    """Say which files this process is about to write and read; gives the living processes that must not do so beside
    it: they write what it writes or reads, or read what it writes. Calls of Snakemake come before jobs."""
    path = _own(folder)
    writes, reads = set(outputs), set(inputs)
    if path in _held:
        file = _held[path]
        file.seek(0)
        files = {"outputs": tuple(sorted(writes)), "inputs": tuple(sorted(reads))}
        _write(file, Holder(**{**json.load(file), **files}))
    return sorted((holder for holder in others(folder) if holder.collides(writes, reads)), key=lambda other: other.job)


def others(folder: Path = FOLDER, but: Iterable[int] = ()) -> list[Holder]:
    """The other living processes, those of the numbers `but` left out; the files of dead ones are removed."""
    living = []
    for path in sorted((folder / "alive").glob("*.json")):
        if path == _own(folder) or path in {_own(folder, pid) for pid in but}:
            continue
        with contextlib.suppress(FileNotFoundError), path.open("r+", encoding="utf-8") as file:
            if _lock(file):
                path.unlink(missing_ok=True)
            else:
                with contextlib.suppress(ValueError):  # caught between its first breath and its first word
                    living.append(Holder(**json.load(file)))
    return living


def _own(folder: Path, pid: int | None = None) -> Path:
    return folder / "alive" / f"{os.uname().nodename}-{pid or os.getpid()}.json"


def _hold(folder: Path, command: str, job: bool) -> None:
    path = _own(folder)
    if path in _held:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = path.open("a+", encoding="utf-8")
        locked = _lock(file)
        # Between opening and locking, another process may have taken the file for a dead one's and removed it.
        if not locked or (path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino):
            break
        file.close()
    if locked:
        slurm = os.environ.get("SLURM_JOB_ID", "")
        _write(file, Holder(os.getpid(), os.uname().nodename, time.strftime("%H:%M:%S"), command, job, slurm))
        atexit.register(path.unlink, missing_ok=True)
        _held[path] = file
    else:
        file.close()


def _write(file: IO[str], holder: Holder) -> None:
    file.seek(0)
    file.truncate()
    json.dump(asdict(holder), file)
    file.flush()


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Held by its living owner; or a file system without locks, on which nothing of others may be touched.
        return False
    return True
