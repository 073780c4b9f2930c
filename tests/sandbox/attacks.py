"""What is tried from inside a sandbox: ways out of it, and ways to take everything. Each comes with a control.

An attack that fails proves nothing before it is known that it would succeed. An escape's control runs the same lines
without a sandbox, on stand-ins where the real target would suffer; a limit's control is the same program under a limit
that leaves it room. `tests/benchmarks/escapes.py` prints the table of all.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRY = """
import ctypes, glob, os, signal, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def escaped(what=""):
    print("escaped", what)
try:
    {body}
except BaseException as error:
    print("contained by", type(error).__name__)
"""
SECRET = "CHARMER_TEST_SECRET"  # a variable of the caller


@dataclass(frozen=True)
class Escape:
    """A way out.

    Attributes:
        body: a line that prints "escaped" where it got out; {names} are `Places`.
        without: what it does where nothing isolates. "escapes": anywhere; "may escape": where the system lets this user
            do so; else why it is not tried there.
    """

    body: str
    without: str = "escapes"


ROOT = "may escape"  # as root, or on kernels that allow it to all
ESCAPES = {
    "connect to the loopback": Escape("socket.create_connection(('127.0.0.1', {port}), 2); escaped()"),
    "send to the outside": Escape(
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ({outside!r}, 53)); escaped()"
    ),
    "talk to the machine below (vsock)": Escape("socket.socket(40, socket.SOCK_STREAM); escaped()", ROOT),
    "configure the network (netlink)": Escape("socket.socket(16, socket.SOCK_RAW); escaped()"),
    "read a file above": Escape("open({secret!r}).read(); escaped()"),
    "read the home directory": Escape("any(map(os.path.isfile, glob.glob({home!r} + '/*'))) and escaped()"),
    "read the repository": Escape("open({repository!r}).read(); escaped()"),
    "read a file above through /proc": Escape(
        "[open(p) for p in glob.glob('/proc/[0-9]*/root' + {secret!r})] and escaped()", ROOT
    ),
    "read the caller's environment": Escape(f"'{SECRET}' in os.environ and escaped()"),
    "write to the root": Escape("open({root!r} + '/escape', 'w'); escaped()"),
    "write to the system": Escape("open({system!r} + '/escape', 'w'); escaped()"),
    "write to the interpreter": Escape("open({library!r}, 'a'); escaped()"),
    "write to the devices": Escape("open({devices!r} + '/escape', 'w'); escaped()"),
    "change the kernel's settings": Escape("open({kernel!r} + '/core_pattern', 'w'); escaped()"),
    "kill the caller": Escape("os.kill({parent}, 0); escaped()"),
    "see other processes": Escape("len([p for p in os.listdir('/proc') if p.isdigit()]) > 3 and escaped()", ROOT),
    "become root": Escape("os.setuid(0); escaped()", ROOT),
    "become root through sudo": Escape("subprocess.run(['sudo', '-n', 'true'], check=True); escaped()", ROOT),
    "leave by chroot": Escape("os.chroot('/tmp'); escaped()", ROOT),
    "mount something": Escape(
        "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 and escaped()", "would hide this machine's /tmp"
    ),
    "make a user namespace": Escape("libc.unshare(0x10000000) == 0 and escaped()", ROOT),
    "trace the first process": Escape("libc.ptrace(16, 1, 0, 0) == 0 and escaped()", "would stop this machine's init"),
    "hide memory in a nameless file": Escape("os.memfd_create('x'); escaped()"),
    "hide memory in a shared segment": Escape(
        "made = libc.shmget(0, 1 << 20, 0o1600); made != -1 and (libc.shmctl(made, 0, None), escaped())", ROOT
    ),
    "store in the kernel's keyring": Escape("libc.syscall(248, b'user', b'x', b'x', 1, -3) > 0 and escaped()", ROOT),
    "raise a limit": Escape(
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({open_files}, {open_files})); escaped()"
    ),
    "type into the terminal": Escape(
        "import fcntl; fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), 0x5412, b'x'); escaped()",
        "would type on the terminal",
    ),
    "make a device": Escape("os.mknod({temporary!r} + '/disk', 0o60666, os.makedev(8, 0)); escaped()", ROOT),
}
REAL = {
    "outside": "9.9.9.9",
    "root": "",
    "system": "/usr/bin",
    "library": os.__file__,
    "devices": "/dev",
    "kernel": "/proc/sys/kernel",
    "temporary": "/tmp",
    "home": str(Path.home()),
    "open_files": 4096,
}


@contextmanager
def places() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What the escapes are after: as it is, and with stand-ins for what would suffer or differs between machines."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        for path in (secret := Path(folder) / "secret", Path(folder) / "library"):
            path.write_text("secret")
            path.chmod(0o644)
        Path(folder).chmod(0o755)
        both = {"port": server.getsockname()[1], "secret": str(secret), "repository": __file__, "parent": os.getpid()}
        stand_ins = dict.fromkeys(("root", "system", "devices", "kernel", "temporary", "home"), folder)
        stand_ins |= {"library": str(Path(folder) / "library"), "outside": "127.0.0.1", "open_files": 64}
        yield both | REAL, both | stand_ins


def attempts(where: dict[str, Any], escapes: dict[str, Escape]) -> str:
    """A program that makes each attempt in a process of its own, and prints what they said as JSON by name."""
    tries = {name: TRY.format(body=escape.body.format(**where)) for name, escape in escapes.items()}
    return (
        "import json, subprocess, sys\n"
        f"tries = {tries!r}\n"
        "said = {}\n"
        "for name, code in tries.items():\n"
        "    done = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, text=True)\n"
        "    said[name] = done.stdout + done.stderr\n"
        "print(json.dumps(said))\n"
    )


def without_a_sandbox(code: str) -> str:
    """What a program prints that nothing isolates."""
    environment = os.environ | {SECRET: "x"}
    return subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment).stdout


def controls() -> dict[str, Escape]:
    """The escapes that harm nobody where nothing isolates."""
    return {name: escape for name, escape in ESCAPES.items() if escape.without in ("escapes", ROOT)}


FORK_BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
THREADS = (
    "import threading, time\nfor i in range(99): threading.Thread(target=time.sleep, args=(9,)).start()\nprint('x')"
)
TREE = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(60_000_000)
        for place in range(0, len(held), 4096): held[place] = 1
        time.sleep(20)
time.sleep(20)
"""
MANY_FILES = "import os\nfor i in range(10**7): os.close(os.open(f'/tmp/{i}', os.O_CREAT))"
SPIN_IN_CHILDREN = "import os\n[os.fork() for _ in range(2)]\nwhile True: pass"

BOMBS = {
    "endless loop": ("while True: pass", {"cpu_seconds": 1, "wall_seconds": 90}, {"processor time", "error"}),
    "endless loops in children": (SPIN_IN_CHILDREN, {"cpu_seconds": 1, "wall_seconds": 90}, {"processor time"}),
    "endless sleep": ("import time; time.sleep(99)", {"wall_seconds": 1.5}, {"wall clock"}),
    "endless output": ("while True: print('x' * 1000)", {}, {"output"}),
    "endless output to both": ("import os\nwhile True: os.write(2, b'x' * 999)", {}, {"output"}),
    "memory bomb": ("x = bytearray(10**10)", {}, {"error"}),
    "memory bomb of a tree": (TREE, {}, {"memory"}),
    "fork bomb": (FORK_BOMB, {"cpu_seconds": 2, "processes": 16, "wall_seconds": 90}, {"processor time", "wall clock"}),
    "too many threads": (THREADS, {"processes": 16, "wall_seconds": 3}, {"error", "wall clock"}),
    "large file": ("f = open('x', 'wb')\nfor _ in range(99): f.write(b'x' * 10**6)", {}, {"error"}),
    "many large files": ("for i in range(99): open(f'/tmp/{i}', 'wb').write(b'x' * 10**7)", {}, {"error", "disk"}),
    "many empty files": (MANY_FILES, {"cpu_seconds": 9, "wall_seconds": 90}, {"disk"}),
}


@dataclass(frozen=True)
class Bounded:
    """A program that ends by itself, under a limit that it exceeds, and under one that leaves it room.

    Attributes:
        low, high: the limits.
        ended: how it may end under the low one.
    """

    code: str
    low: dict[str, float]
    high: dict[str, float]
    ended: frozenset[str]


TOUCH = "for place in range(0, len(held), 4096): held[place] = 1"
FAMILY = f"""
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(60_000_000)
        {TOUCH}
        time.sleep(1.5)
        os._exit(0)
for _ in range(4): os.wait()
"""
FORKS = """
import os, time
for _ in range(20):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
"""
LIFTED = {
    "processor time": Bounded(
        "import time\nwhile time.process_time() < 1.5: pass",
        {"cpu_seconds": 0.5, "wall_seconds": 90},
        {"cpu_seconds": 20, "wall_seconds": 90},
        frozenset({"processor time", "error"}),
    ),
    "wall clock": Bounded(
        "import time\ntime.sleep(2.5)", {"wall_seconds": 1.5}, {"wall_seconds": 60}, frozenset({"wall clock"})
    ),
    "output": Bounded("print('x' * 2_000_000)", {"output_mb": 1}, {"output_mb": 4}, frozenset({"output"})),
    "memory": Bounded(
        f"import time\nheld = bytearray(250_000_000)\n{TOUCH}\ntime.sleep(0.3)",
        {"memory_mb": 128},
        {"memory_mb": 1024},
        frozenset({"memory", "error"}),
    ),
    "memory of a tree": Bounded(FAMILY, {"memory_mb": 128}, {"memory_mb": 1024}, frozenset({"memory"})),
    "processes": Bounded(FORKS, {"processes": 8}, {"processes": 64}, frozenset({"error"})),
    "size of a file": Bounded(
        "open('x', 'wb').write(b'x' * 8_000_000)", {"file_mb": 2}, {"file_mb": 16}, frozenset({"error"})
    ),
    "size of all files": Bounded(
        "for i in range(10): open(f'x{i}', 'wb').write(b'x' * 2_000_000)",
        {"disk_mb": 8},
        {"disk_mb": 64},
        frozenset({"error", "disk"}),
    ),
    "number of files": Bounded(
        "import time\nfor i in range(2000): open(f'x{i}', 'w').close()\ntime.sleep(0.3)",
        {"files": 500},
        {"files": 5000},
        frozenset({"disk"}),
    ),
}
