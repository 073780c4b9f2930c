"""One command in its sandbox: started, watched, and ended with everything that it started.

Notable here:
- Three kinds of limit together: the kernel's on each process, a look at the whole tree forty times a second, and the
  sizes of the file systems. Whichever is met first ends everything in the sandbox.
- The end is the kernel's: the first process of a process namespace takes all others with it, and we wait until it is
  gone. Should we be killed ourselves, bubblewrap's `--die-with-parent` does the same.
- Memory that belongs to no process (buffers of pipes and sockets) is bounded only by the number of open files.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import IO

from charmer.common.failure import Failure
from charmer.sandbox import isolation, launcher, seccomp, watch
from charmer.sandbox.limits import MB, Limits, Outcome, Status

TICK = 0.025  # seconds between two looks at a tree
OPEN_FILES = 128
STACK = 64 * MB  # bytes; a deep recursion ends in a crash of its own process
FLAGS = ("-S", "-s", "-P", "-B")  # Python with its standard library alone
LAUNCHER = inspect.getsource(launcher)

_starting = threading.Lock()  # pipes that are about to be inherited must not reach a neighbour's sandbox


@dataclass(frozen=True)
class Job:
    """What runs in a sandbox, and what it sees there.

    Attributes:
        command: program and arguments, as seen in the sandbox.
        files: text or bytes by relative path, written to the folder in which the command runs.
        folder: its files are copied there first; it itself stays as it is.
        mounts: further files and folders that the command sees, read-only, at their own paths. This interpreter and
            the system's programs are always there.
        environment: variables beside PATH, HOME, TMPDIR and LANG; nothing is inherited.
        limits: the first that is met ends it.
        place: the path in the sandbox at which it runs, when that has to be a certain one; without isolation it is
            ignored.

    Raises:
        Failure: a mount or the folder is not there.
    """

    command: Sequence[str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    folder: Path | None = None
    mounts: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    place: Path | None = None

    def __post_init__(self) -> None:
        for path in (*self.mounts, *([self.folder] if self.folder else [])):
            if not path.exists():
                raise Failure(f"{path}: there is no such file or folder for the sandbox to see")


class Process:
    """A command in its sandbox. Use it as a context manager: on leaving, everything of it is gone.

    Attributes:
        stdin, stdout: pipes to it, unbuffered.
    """

    def __init__(self, job: Job, isolated: bool) -> None:
        self.limits, self.place, self.isolated = job.limits, job.place, isolated
        self.peak_mb = self.cpu_seconds = 0.0
        self.ended_by: Status | None = None
        self.started = time.monotonic()
        self._looked = 0.0
        self._first: int | None = None  # descriptor of the first process in the namespace
        self._scratch = Path(tempfile.mkdtemp(prefix="charmer-sandbox-"))
        try:
            given = [job.folder] if job.folder else []
            if job.files:
                given.append(self._scratch / "given")
                _lay_out(given[-1], job.files)
            self._start(job, given)
        except BaseException:
            self.end()
            raise
        assert self.popen.stdin is not None and self.popen.stdout is not None and self.popen.stderr is not None
        self.stdin, self.stdout, self.stderr = self.popen.stdin, self.popen.stdout, self.popen.stderr

    def _start(self, job: Job, given: list[Path]) -> None:
        python, home = isolation.interpreter()
        user = isolation.new_user() if self.isolated else None
        work = str(self._scratch / "work") if not self.isolated else str(self.place or isolation.FOLDER)
        home_folder = isolation.MEMORY_FOLDERS[0] if self.isolated and self.place else work
        order = {
            "given": [*isolation.GIVEN[: len(given)]] if self.isolated else [str(path.absolute()) for path in given],
            "folder": work,
            "user": user,
            "limits": self._kernel_limits(in_user_namespace=user is None),
            "command": [*job.command],
        }
        path = os.pathsep.join([str(Path(python).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        variables = {"PATH": path, "HOME": home_folder, "TMPDIR": home_folder, "LANG": "C.UTF-8"}
        variables |= {"PYTHONHASHSEED": "0", **job.environment}
        launch = [python, "-I", *FLAGS, "-c", LAUNCHER, json.dumps(order)]
        if not self.isolated:
            self.popen = _popen(launch, (), variables)
            self.root = self.popen.pid
            return
        seen = {str(path): path for path in (home, *(path.absolute() for path in job.mounts))}
        if home.is_relative_to("/usr"):
            del seen[str(home)]
        seen |= {inside: path.absolute() for inside, path in zip(isolation.GIVEN, given, strict=False)}
        with _starting, _pipe() as (code_out, code_in), _pipe() as (told_out, told_in):
            code_in.write(seccomp.program() or b"")
            code_in.close()
            inherited = (code_out.fileno(), told_in.fileno())
            box = isolation.arguments(self.limits, seen, user, *inherited, variables, self.place)
            self.popen = _popen([*box, *launch], inherited, {})
            told_in.close()
            told = told_out.read()
        self.root = self.popen.pid  # unless a sandbox was made
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):
            self.root = json.loads(told)["child-pid"]
            self._first = os.pidfd_open(self.root)

    def _kernel_limits(self, in_user_namespace: bool) -> dict[str, int]:
        """Limits on each process, hard ones: the second line behind the looks at the tree."""
        limits = self.limits
        kernel = {
            "AS": int(4 * limits.memory_mb * MB),
            "CPU": ceil(limits.cpu_seconds) + 1,
            "FSIZE": int(limits.file_mb * MB),
            "NOFILE": OPEN_FILES,
            "CORE": 0,
            "STACK": STACK,
            "MSGQUEUE": 0,
        }
        if self.isolated:  # a limit on processes counts all of a user's; the namespace's first is counted with them
            kernel["NPROC"] = limits.processes + in_user_namespace
        return kernel

    def look(self) -> Status | None:
        """The limit that is exceeded, if one is; looks at most once a `TICK`."""
        now = time.monotonic()
        if self.ended_by is None and now - self._looked >= TICK:
            self._looked = now
            self.ended_by = self._exceeded(now)
        return self.ended_by

    def _exceeded(self, now: float) -> Status | None:
        limits = self.limits
        if now - self.started > limits.wall_seconds:
            return "wall clock"
        seen = watch.processes()
        pids = watch.tree(self.root, seen)
        self.cpu_seconds = max(self.cpu_seconds, sum(seen[pid].cpu_seconds for pid in pids))
        memory = watch.memory(pids, seen, limits.memory_mb * MB) / MB
        self.peak_mb = max(self.peak_mb, memory)
        if self.cpu_seconds > limits.cpu_seconds:
            return "processor time"
        if memory > limits.memory_mb:
            return "memory"
        if self.isolated and len(pids) > 1:
            own = (str(self.place),) if self.place else ()
            megabytes, files = watch.disk(pids[1], (*isolation.MEMORY_FOLDERS, *own))
            if megabytes > limits.disk_mb or files > limits.files:
                return "disk"
        return None

    def finish(self) -> Outcome:
        """Wait for the end, or for the first limit; then end everything."""
        self.stdin.close()
        written: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        room = int(self.limits.output_mb * MB)
        with self, selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ, "stdout")
            selector.register(self.stderr, selectors.EVENT_READ, "stderr")
            while self.look() is None:
                ready = selector.select(TICK)
                if not ready and self.popen.poll() is not None:  # what it left behind may still hold the pipes open
                    break
                for key, _ in ready:
                    part = os.read(key.fd, 1 << 16)
                    if not part:
                        selector.unregister(key.fileobj)
                    written[key.data] += part[:room]
                    room -= min(len(part), room)
                if room == 0:
                    self.ended_by = "output"
        code = self.popen.returncode
        return Outcome(
            status=self.ended_by or ("ok" if code == 0 else "error"),
            returncode=None if self.ended_by else code if code >= 0 else 128 - code,
            stdout=written["stdout"].decode("utf-8", "replace"),
            stderr=written["stderr"].decode("utf-8", "replace"),
            seconds=time.monotonic() - self.started,
            cpu_seconds=self.cpu_seconds,
            peak_mb=self.peak_mb,
        )

    def end(self) -> None:
        """End everything in the sandbox, and wait until it is gone."""
        popen = getattr(self, "popen", None)
        if popen is not None:
            if self._first is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._first, signal.SIGKILL)
                with selectors.DefaultSelector() as selector:  # readable when it has ended, and with it all the others
                    selector.register(self._first, selectors.EVENT_READ)
                    selector.select()
                os.close(self._first)
                self._first = None
            elif not self.isolated:
                _kill_tree(popen.pid)
            elif popen.poll() is None:
                popen.kill()
            popen.wait()
            for pipe in (popen.stdin, popen.stdout, popen.stderr):
                with contextlib.suppress(OSError):
                    pipe.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()


def _popen(command: list[str], descriptors: tuple[int, ...], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        bufsize=0,
        pass_fds=descriptors,
        env=environment,
        start_new_session=True,
    )


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Both ends of a pipe, as files, which know when they are closed: a number may by then be another file's."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as out, os.fdopen(write, "wb", buffering=0) as into:
        yield out, into


def _lay_out(target: Path, files: Mapping[str, str | bytes]) -> None:
    """Write `files` below a new folder.

    Raises:
        ValueError: a path that leads out of the folder.
    """
    target.mkdir()
    for name, content in files.items():
        path = target / name
        if not path.resolve().is_relative_to(target.resolve()):
            raise ValueError(f"{name}: leads out of the sandbox's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for path in (target.parent, target, *target.rglob("*")):
        if not path.is_symlink():  # the sandbox's user is another one than we are
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


def _kill_tree(pid: int) -> None:
    for member in watch.tree(pid, watch.processes()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
