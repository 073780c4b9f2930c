"""Escapes tried from inside a sandbox. Each snippet prints `escaped` where it got out; none may."""

import json
import os
import socket
from pathlib import Path

import psutil
import pytest
from charmer.common.failure import Failure
from charmer.sandbox.limits import Limits, Outcome
from charmer.sandbox.run import Sandbox

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

# What must not be possible at all, by name. {port}, {secret} and {parent} are filled in by the test.
ESCAPES = {
    "connect to the loopback": "socket.create_connection(('127.0.0.1', {port}), 2); escaped()",
    "send to the outside": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('9.9.9.9', 53)); escaped()",
    "talk to the machine below (vsock)": "socket.socket(40, socket.SOCK_STREAM); escaped()",
    "configure the network (netlink)": "socket.socket(16, socket.SOCK_RAW); escaped()",
    "read a file above": "open({secret!r}).read(); escaped()",
    "read the home directory": "any(map(os.path.isfile, glob.glob({home!r} + '/*'))) and escaped()",
    "read the repository": "open({repository!r}).read(); escaped()",
    "read a file above through /proc": "[open(p) for p in glob.glob('/proc/[0-9]*/root' + {secret!r})] and escaped()",
    "read the caller's environment": "'CHARMER_TEST_SECRET' in os.environ and escaped()",
    "write to the root": "open('/escape', 'w'); escaped()",
    "write to the system": "open('/usr/bin/escape', 'w'); escaped()",
    "write to the interpreter": "open(os.__file__, 'a'); escaped()",
    "write to the devices": "open('/dev/escape', 'w'); escaped()",
    "change the kernel's settings": "open('/proc/sys/kernel/core_pattern', 'w'); escaped()",
    "kill the caller": "os.kill({parent}, 0); escaped()",
    "see other processes": "len([p for p in os.listdir('/proc') if p.isdigit()]) > 3 and escaped()",
    "become root": "os.setuid(0); escaped()",
    "become root through sudo": "subprocess.run(['sudo', '-n', 'true'], check=True); escaped()",
    "leave by chroot": "os.chroot('/tmp'); escaped()",
    "mount something": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 and escaped()",
    "make a user namespace": "libc.unshare(0x10000000) == 0 and escaped()",
    "trace the first process": "libc.ptrace(16, 1, 0, 0) == 0 and escaped()",
    "hide memory in a nameless file": "os.memfd_create('x'); escaped()",
    "hide memory in a shared segment": "libc.shmget(0, 1 << 20, 0o1600) != -1 and escaped()",
    "store in the kernel's keyring": "libc.syscall(248, b'user', b'x', b'x', 1, -3) > 0 and escaped()",
    "raise a limit": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)); escaped()",
    "type into the terminal": "import fcntl; fcntl.ioctl(os.open('/dev/tty', os.O_RDWR), 0x5412, b'x'); escaped()",
    "make a device": "os.mknod('/tmp/disk', 0o60666, os.makedev(8, 0)); escaped()",
}


def python(sandbox: Sandbox, code: str, **limits: float) -> Outcome:
    return sandbox.run(["python3", "-c", code], limits=Limits(**{"wall_seconds": 30, "memory_mb": 256} | limits))


def test_nothing_outside_can_be_reached(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All of them in one sandbox, each in a process of its own, since most of the time goes into opening one."""
    monkeypatch.setenv("CHARMER_TEST_SECRET", "x")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for folder in (tmp_path, secret):
        folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        places = {"port": server.getsockname()[1], "secret": str(secret), "home": str(Path.home())}
        places |= {"repository": __file__, "parent": os.getpid()}
        tries = {name: TRY.format(body=f"    {body.format(**places)}") for name, body in ESCAPES.items()}
        code = (
            "import os, subprocess, sys, json\n"
            f"tries = {tries!r}\n"
            "said = {}\n"
            "for name, code in tries.items():\n"
            "    done = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, text=True)\n"
            "    said[name] = done.stdout + done.stderr\n"
            "print(json.dumps(said))\n"
        )
        outcome = python(sandbox, code, wall_seconds=120, cpu_seconds=60)
    assert outcome.status == "ok", outcome
    said = json.loads(outcome.stdout)
    assert set(said) == set(ESCAPES)
    assert {name: text for name, text in said.items() if "escaped" in text or "SyntaxError" in text} == {}


def test_the_sandbox_is_a_place_to_work_in(sandbox: Sandbox, tmp_path: Path):
    """Files are given, a folder is copied, both may be changed, and nothing of that reaches the originals."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text("VALUE = 1\n")
    code = "import os; from pkg.a import VALUE; open('pkg/a.py', 'w').write('x'); print(VALUE, open('note').read())"
    outcome = sandbox.run(["python3", "main.py"], {"main.py": code, "note": "hello"}, folder=tmp_path)
    assert (outcome.status, outcome.returncode, outcome.stdout) == ("ok", 0, "1 hello\n"), outcome.stderr
    assert (tmp_path / "pkg" / "a.py").read_text() == "VALUE = 1\n"
    with pytest.raises(ValueError, match="leads out"):
        sandbox.run(["true"], {"../escape": "x"})
    with pytest.raises(Failure, match="nowhere"):
        sandbox.run(["true"], folder=tmp_path / "nowhere")


def test_exit_status_and_output_are_told_apart_from_limits(sandbox: Sandbox):
    outcome = python(sandbox, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (outcome.status, outcome.returncode) == ("error", 3)
    assert (outcome.stdout, outcome.stderr) == ("out\n", "err\n")
    assert python(sandbox, "import os; os.kill(os.getpid(), 9)").returncode == 137


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


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_take_everything_meets_a_limit(sandbox: Sandbox, name: str):
    code, limits, expected = BOMBS[name]
    outcome = python(sandbox, code, **limits)
    assert outcome.status in expected, outcome
    assert "escaped" not in outcome.stdout and len(outcome.stdout) <= 1_000_000
    assert outcome.peak_mb < 600  # limit and what is taken between two looks
    assert outcome.seconds < limits.get("wall_seconds", 30) + 10


def test_detached_children_are_gone_at_the_end(sandbox: Sandbox):
    mark = f"charmer-detached-{os.getpid()}"
    code = (
        "import os, sys, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        f"            os.execv(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(60)', '{mark}'])\n"
        "        os._exit(0)\n"
        "time.sleep(0.5)\n"
        "print('done')\n"
    )
    outcome = python(sandbox, code)
    assert (outcome.status, outcome.stdout) == ("ok", "done\n")
    assert outcome.seconds < 20
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
