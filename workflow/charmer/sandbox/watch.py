"""What a process and all its descendants use, seen from outside.

The kernel limits one process at a time (setrlimit); a limit on a whole tree needs a cgroup, which most systems let
nobody but root make, or somebody who looks. This is the one who looks: a few times in a hundredth of a minute, at
one listing of /proc that all sandboxes of this process share. What a tree can take between two looks is bounded by
the limits on each process.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from charmer.sandbox.limits import MB

FRESH = 0.015  # seconds for which a listing of processes serves everybody
PROC = Path("/proc")

_lock = threading.Lock()
_listing: tuple[float, dict[int, Seen]] = (0.0, {})


@dataclass(frozen=True)
class Seen:
    """One process at one moment: its parent, its processor time with that of its ended children, its memory."""

    parent: int
    cpu_seconds: float
    resident: int  # bytes


def processes() -> dict[int, Seen]:
    """Every process that can be seen, at most `FRESH` seconds old."""
    global _listing
    with _lock:
        if time.monotonic() - _listing[0] > FRESH:
            found = _read_proc() if sys.platform == "linux" else _ask_psutil()
            _listing = (time.monotonic(), found)
        return _listing[1]


def tree(root: int, seen: dict[int, Seen]) -> list[int]:
    """`root` and its descendants, as far as they are among `seen`."""
    children: dict[int, list[int]] = {}
    for pid, process in seen.items():
        children.setdefault(process.parent, []).append(pid)
    found, pending = [], [root] if root in seen else []
    while pending:
        pid = pending.pop()
        found.append(pid)
        pending += children.get(pid, [])
    return found


def memory(pids: list[int], seen: dict[int, Seen], suspicious: float) -> int:
    """Bytes of memory of `pids` together.

    The sum of what is resident counts shared pages for each process that has them. It costs nothing, but is too
    large; only where it exceeds `suspicious` bytes is each process asked for its share of the pages instead.
    """
    total = sum(seen[pid].resident for pid in pids)
    return total if total <= suspicious else sum(_proportional(pid, seen[pid].resident) for pid in pids)


def _proportional(pid: int, resident: int) -> int:
    """The proportional set size: own pages, and of shared ones each sharer's part."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (PROC / str(pid) / "smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident


def disk(pid: int, folders: tuple[str, ...]) -> tuple[float, int]:
    """MB and number of files in the file systems that process `pid` sees at `folders`; zeros once it is gone."""
    megabytes, files = 0.0, 0
    for folder in folders:
        with contextlib.suppress(OSError):
            status = os.statvfs(f"/proc/{pid}/root{folder}")
            megabytes += (status.f_blocks - status.f_bfree) * status.f_frsize / MB
            files += status.f_files - status.f_ffree
    return megabytes, files


def _read_proc() -> dict[int, Seen]:
    """From proc_pid_stat(5): the name in brackets may hold anything, so fields are counted from behind it."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = {}
    for name in os.listdir(PROC):  # noqa: PTH208 - twice as fast, and done often
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        used = sum(map(int, fields[11:15])) / tick
        found[int(name)] = Seen(int(fields[1]), used, int(fields[21]) * page)
    return found


def _ask_psutil() -> dict[int, Seen]:
    found = {}
    for process in psutil.process_iter(["ppid", "cpu_times", "memory_info"]):
        info = process.info
        if info["cpu_times"] is not None and info["memory_info"] is not None:
            times = info["cpu_times"]
            used = times.user + times.system + times.children_user + times.children_system
            found[process.pid] = Seen(info["ppid"], used, info["memory_info"].rss)
    return found
