"""Inside the candidates' sandbox: a fork for each program, which answers calls of one of its functions.

In:  "new " and a program with its function's name and limits; then lines for that program, until the next "new "
Out: "ready" at the start; that program's lines; "gone " and a reason where it gives no answer that can be sent, has
     ended or is out of time; before each the program's token

Forking what is loaded already costs a tenth of a new sandbox. A program cannot reach the next one through that: it is
alone in its process, which may start no other and is killed before the next begins; the files that it leaves are
removed; answers that it leaves in a pipe bear its token, not the next one's; and this parent, though of the same user,
lets nobody read or write its memory. A program that kills or stops
the parent ends the whole sandbox, which the judge then opens anew. Runs as `python -c`, behind the source of `values`.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import select
import signal
import sys
import time
from typing import Any

from charmer.sandbox.values import Peer

DEPTH = 5000  # of recursion
LONGEST = 8_000_000  # bytes of a line
RESPITES = 8  # times that a program gets its time on the clock again because the machine was busy
PR_SET_DUMPABLE = 4
EXACT = sys.platform == "linux"  # its clocks of other processes count nanoseconds, its timers ticks
CPUCLOCK_SCHED = 2  # with ~pid << 3, the number of such a clock (clock_getcpuclockid)


class Program:
    """The process of one program."""

    def __init__(self, order: dict[str, Any], private: tuple[int, ...]) -> None:
        calls, self.calls = os.pipe()
        self.replies, replies = os.pipe()
        self.wall_seconds = self.patience = order["wall_seconds"]
        self.respites = RESPITES
        self.seconds = order["cpu_seconds"]
        self.token = order["token"].encode() + b" "
        self.pid = os.fork()
        if self.pid == 0:
            try:
                for descriptor in (*private, self.calls, self.replies):
                    os.close(descriptor)
                # The kernel counts for these in whole ticks, which on a busy machine are often a neighbour's: where the
                # parent reads an exact clock they are for a parent that is late.
                seconds = self.seconds * (2 if EXACT else 1)
                signal.setitimer(signal.ITIMER_PROF, seconds)
                for kind, most in (
                    (resource.RLIMIT_CPU, math.ceil(seconds)),
                    (resource.RLIMIT_AS, order["memory_bytes"]),
                ):
                    resource.setrlimit(kind, (most, most))
                answer(order, calls, replies)
            finally:
                os._exit(1)
        os.close(calls)
        os.close(replies)
        self.unread = b""

    def ask(self, line: bytes) -> bytes:
        """Its next line, after `line` was sent; or the word that it is gone, and why."""
        if self.pid == 0:  # a test that catches everything goes on asking
            return self.end()
        try:
            os.set_blocking(self.calls, False)
            while line:
                if not self.wait(write=True):
                    return self.end()
                line = line[os.write(self.calls, line[: select.PIPE_BUF]) :]
            while b"\n" not in self.unread:
                if not self.wait(write=False) or len(self.unread) > LONGEST:
                    return self.end()
                part = os.read(self.replies, 1 << 20)
                if not part:
                    return self.end()
                self.unread += part
        except BrokenPipeError:
            return self.end()
        line, newline, self.unread = self.unread.partition(b"\n")
        return line + newline

    def wait(self, write: bool) -> bool:
        """Until it reads or has written; false when its time or our patience is at an end."""
        while self.patience > 0 and (left := self.seconds - self.used()) > 0:
            began, most = time.monotonic(), min(self.patience, left)  # alone in its process, it computes no faster
            ready = select.select([] if write else [self.replies], [self.calls] if write else [], [], most)
            self.patience -= time.monotonic() - began
            if any(ready):
                return True
            if self.patience <= 0 and self.respites and self.starved():
                self.respites -= 1
                self.patience = self.wall_seconds
        return False

    def used(self) -> float:
        """Seconds of processor time so far, where a process can ask for another's."""
        return time.clock_gettime(~self.pid << 3 | CPUCLOCK_SCHED) if EXACT else 0.0

    def starved(self) -> bool:
        """Whether it would compute if only it had a processor: on a busy machine that's no fault of its own."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()[0] in (b"R", b"D")
        return False

    def end(self) -> bytes:
        """Kill it; the word for the judge."""
        if self.pid == 0:
            return b"gone ended before its answer\n"
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        used = os.wait4(self.pid, 0)[2]
        self.pid = 0
        os.close(self.calls)
        os.close(self.replies)
        if self.patience <= 0:
            return b"gone limit reached: wall clock\n"
        if used.ru_utime + used.ru_stime >= self.seconds * (1.0 if EXACT else 0.8):  # exact, unlike a timer's ticks
            return b"gone limit reached: processor time\n"
        return b"gone ended before its answer\n"


def answer(order: dict[str, Any], calls: int, replies: int) -> None:
    """Load the program, and answer calls until the input ends."""
    lines = os.fdopen(calls, encoding="utf-8")
    said = os.fdopen(replies, "w", encoding="utf-8")

    def send(line: str) -> None:
        print(line, file=said, flush=True)

    names: dict[str, Any] = {"__name__": "candidate"}
    try:
        exec(compile(order["program"], "<candidate>", "exec", dont_inherit=True), names)
        function = names[order["entry_point"]]
    except Exception as error:  # whatever exception the tests may wait for, this one answers none of their calls
        reason = f"gone does not load: {type(error).__name__}: {error}"
        for _ in lines:
            send(" ".join(reason.split())[:300])
        return
    peer = Peer(send, lines.readline, [function])
    for line in lines:
        send(peer.answer(peer.decode(line)))


def wipe(folder: str) -> None:
    """Remove what a program left in `folder`."""
    here = os.getcwd()  # noqa: PTH109 - as everywhere in here, pathlib loads slowly
    for place, _, names in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            for name in names:
                os.unlink(f"{place}/{name}")  # noqa: PTH108
            if place not in (folder, here):
                os.rmdir(place)  # noqa: PTH106


def serve(folders: list[str]) -> None:
    """Run one program after another until the input ends; `folders` are wiped before each."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    lines, said = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # programs may read and print as they like
        os.dup2(nowhere, stream)
    sys.setrecursionlimit(DEPTH)
    os.write(said, b"ready\n")
    program: Program | None = None
    for line in lines:
        if line.startswith(b"new "):
            if program is not None:
                program.end()
            for folder in folders:
                wipe(folder)
            program = Program(json.loads(line[4:]), (lines.fileno(), said))
        elif program is not None:
            reply = program.token + program.ask(line)
            while reply:
                reply = reply[os.write(said, reply) :]


if __name__ == "__main__":
    serve(sys.argv[1:])
