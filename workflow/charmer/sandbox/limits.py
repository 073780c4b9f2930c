"""What a sandboxed command may use up, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MB = 1_000_000

Status = Literal["ok", "error", "processor time", "wall clock", "memory", "disk", "output"]


@dataclass(frozen=True)
class Limits:
    """Limits on a command and everything that it starts, together.

    Attributes:
        cpu_seconds: processor time.
        wall_seconds: time on the clock.
        memory_mb: memory of the whole process tree, in MB; shared pages count once.
        processes: processes and threads alive at once. With 1, nothing can be started at all.
        file_mb: size of a single file, in MB.
        disk_mb: everything written to the temporary folder, in MB; it lies in memory.
        files: how many files and folders may lie there.
        output_mb: standard output and standard error together, in MB.
    """

    cpu_seconds: float = 10.0
    wall_seconds: float = 30.0
    memory_mb: float = 512.0
    processes: int = 32
    file_mb: float = 16.0
    disk_mb: float = 64.0
    files: int = 10_000
    output_mb: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """How a sandboxed command ended.

    Attributes:
        status: "ok" (exit status 0), "error" (another one, or a signal), or the limit at which it was ended.
        returncode: its exit status, 128 and more for signals; None when a limit ended it.
        stdout, stderr: what it wrote, cut at the limit; bytes that are not UTF-8 replaced. The command can write
            what it likes: nothing here proves that anything was computed.
        seconds: time on the clock, start and end of the sandbox included.
        cpu_seconds: processor time of the whole tree, as far as it was seen.
        peak_mb: the largest memory of the whole tree that was seen, in MB.
    """

    status: Status
    returncode: int | None
    stdout: str
    stderr: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
