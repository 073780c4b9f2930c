"""Isolation by bubblewrap: its command line, and the trial that proves that it holds here.

Notable here:
- A sandbox sees an empty world: the system's programs and libraries and what a job mounts, read-only; a process
  table and a network of its own; one temporary folder, in memory and of bounded size, that it may write.
- Installed is not enough: some systems forbid namespaces to bubblewrap, old ones lack half of what is needed. A probe
  therefore runs once in a sandbox and tries what must fail. Only what it saw fail is relied upon.
- Root's processes are bound by no limit on processes, so under root every sandbox gets a user number of its own
  (out of a range that systems leave to such services), which it takes on before anything else.
"""

from __future__ import annotations

import functools
import os
import random
import shutil
import sys
from pathlib import Path

from charmer.sandbox import seccomp
from charmer.sandbox.limits import MB, Limits

FOLDER = "/tmp/work"  # where a sandboxed command runs: the only place that it may write, with all of /tmp
GIVEN = ("/given", "/given-over")  # what is copied there, the second over the first
MEMORY_FOLDERS = ("/tmp", "/dev/shm")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache", "/etc/alternatives")
USERS = range(61184, 65520)  # systemd's range for services without a user of their own
CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_READ_SEARCH")  # of the launcher, until it drops them
REPOSITORY = Path(__file__).parents[3]


def interpreter() -> tuple[str, Path]:
    """This interpreter's program and its folder, both without links: what has to be mounted to run Python."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable)), Path(sys.base_prefix).resolve()


@functools.cache
def program() -> str | None:
    return shutil.which("bwrap")


def new_user() -> int | None:
    """A user number for one sandbox; None where we are no root, or a root over no other users."""
    if os.geteuid() != 0:
        return None
    first, last = USERS[0], USERS[-1]
    for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        inside, _, count = map(int, line.split())
        if inside <= first and last < inside + count:
            return random.SystemRandom().choice(USERS)
    return None


def arguments(
    limits: Limits,
    mounts: dict[str, Path],
    user: int | None,
    seccomp_fd: int,
    info_fd: int,
    environment: dict[str, str],
    place: Path | None = None,
) -> list[str]:
    """The command line up to the command itself.

    Args:
        mounts: what the sandbox sees beside the system, read-only: path in the sandbox -> path here.
        user: the number that the launcher will take on; None: a user namespace, in which we stay who we are.
        seccomp_fd, info_fd: open descriptors, for the filter and for what bubblewrap tells of its child.
        place: a further folder in memory that it may write.
    """
    command = [program() or "bwrap", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if user is None:
        command += ["--unshare-user", "--hostname", "sandbox"]
    else:
        command += [word for name in CAPABILITIES for word in ("--cap-add", name)]
    for top in SYSTEM:
        if Path(top).is_symlink():
            command += ["--symlink", os.readlink(top), top]  # noqa: PTH115 - as it is written, not resolved
        elif Path(top).exists():
            command += ["--ro-bind", top, top]
    for hidden in sorted({Path.home(), REPOSITORY}):
        if any(hidden.is_relative_to(path) for path in SYSTEM):
            command += ["--tmpfs", str(hidden)]
    size = ["--perms", "1777", "--size"]
    command += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    command += [*size, str(int(limits.disk_mb * MB)), "--tmpfs", "/tmp"]
    command += [*size, str(int(limits.disk_mb * MB)), "--tmpfs", "/dev/shm"]
    if place is not None:
        command += [*_way_to(place), *size, str(int(limits.disk_mb * MB)), "--tmpfs", str(place)]
    for inside, path in sorted(mounts.items()):
        command += [*_way_to(Path(inside)), "--ro-bind", str(path), inside]
    command += ["--remount-ro", "/", "--chdir", "/"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    return [*command, "--seccomp", str(seccomp_fd), "--info-fd", str(info_fd), "--"]


def _way_to(inside: Path) -> list[str]:
    """Makes the folders above a mount: they would else be as private as they are here, and root's home let nobody
    through."""
    if any(inside.is_relative_to(top) for top in SYSTEM):
        return []
    return [word for parent in reversed(inside.parents[:-1]) for word in ("--perms", "0755", "--dir", str(parent))]


PROBE = """
import json, os, socket, sys
def fails(attempt, *arguments):
    try:
        attempt(*arguments)
    except OSError:
        return True
    return False
port, secret, processes = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
children = []
def fork():
    child = os.fork()
    if child == 0:
        import time
        time.sleep(10)
        os._exit(0)
    children.append(child)
while len(children) < 2 * processes and not fails(fork):
    pass
for child in children:
    os.kill(child, 9)
print(json.dumps({
    "the network": fails(socket.create_connection, ("127.0.0.1", port), 2),
    "other files": fails(open, secret),
    "the system's folders": all(fails(open, f"{top}/charmer", "w") for top in ("", "/usr", "/dev", "/proc")),
    "the number of processes": len(children) == processes - 1,
    "hidden memory": fails(os.memfd_create, "probe"),
    "root": 0 not in os.getresuid() or os.path.exists("/proc/self/uid_map") and fails(os.setgroups, []),
    "processes of others": len([name for name in os.listdir("/proc") if name.isdigit()]) <= len(children) + 3,
}))
"""


def cure(said: str) -> str:
    """What a person can do about a trial that failed with the words `said`."""
    said = said.strip().splitlines()[-1] if said.strip() else "no reason given"
    if "Unknown option" in said or "--" in said:
        return f"bubblewrap is too old ({said}); install 0.8 or newer"
    if any(word in said for word in ("namespace", "uid map", "not permitted", "Permission denied", "loopback")):
        hints = ["in a container: start it with --privileged or with --security-opt seccomp=unconfined"]
        if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
            hints.insert(0, "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0")
        elif Path("/proc/sys/kernel/unprivileged_userns_clone").exists():
            hints.insert(0, "sudo sysctl kernel.unprivileged_userns_clone=1")
        return f"this system keeps bubblewrap from making namespaces ({said}); {', or '.join(hints)}"
    return f"bubblewrap cannot isolate on this system ({said})"


def missing() -> str | None:
    """Why there can be no isolation at all, before any trial; None where there is hope."""
    if sys.platform != "linux":
        return "only Linux has what isolates a program (bubblewrap)"
    if seccomp.program() is None:
        return "the system calls of this processor are not known here (x86-64 and 64-bit ARM are)"
    if program() is None:
        return "bubblewrap is not installed; on Debian and Ubuntu: sudo apt-get install bubblewrap"
    return None
