"""A Slurm of two nodes on one machine, for as long as a test takes: below one folder, and on 127.0.0.1 alone.

Notable here:
- The daemons are Debian's; munge, controller and nodes have keys, sockets, ports and folders of their own, so that a
  Slurm that the machine may have is not touched.
- A node is a slurmd in namespaces of its own (processes, mounts, host name). Killing it kills all that runs on it, as
  a power cut does; and a job that asks for its host's name, or for /etc/slurm, sees a machine of its own.
- sacct has nothing to tell without a database, so the plugin is told to ask squeue.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "unshare", "setpriv")
NODES = ("north", "south")
CORES, MEMORY_MB = 1, 64_000  # of a node, as Slurm is told; more memory than there is, since nothing enforces it
SECONDS = 90  # that the daemons may take to know one another, on a busy machine

CONF = """\
ClusterName=charmer
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/spool/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
MailProg=/bin/true
TaskProlog={folder}/etc/before.sh
TaskEpilog={folder}/etc/after.sh
ReturnToService=2
SlurmdTimeout=15
KillWait=5
MinJobAge=3600
NodeName=north NodeHostname=north NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cores} RealMemory={memory}
NodeName=south NodeHostname=south NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cores} RealMemory={memory}
PartitionName=main Nodes=north,south Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=north,south MaxTime=10 State=UP
PartitionName=longer Nodes=north,south MaxTime=150 State=UP
"""
# /etc of a node: what only this Slurm knows lies over what the machine has, in the node's mounts alone.
NODE = """\
hostname "$1" && mount --bind "$2/hosts" /etc/hosts && mount --bind "$2/etc" /etc/slurm || exit 1
slurmd -D -N "$1" & wait
"""
# Around each task, on its node: where a clock is said to differ, what the job wrote is dated by it.
SCRIPTS = {
    "before.sh": """\
#!/bin/sh
touch {folder}/began-$SLURM_JOB_ID
""",
    "after.sh": """\
#!/bin/sh
[ -e {folder}/clock ] || exit 0
find "$SLURM_SUBMIT_DIR/results" -newer {folder}/began-$SLURM_JOB_ID \\
    -exec touch --date="$(cat {folder}/clock)" {{}} + && touch {folder}/dated
""",
}


class NoSlurm(Exception):
    """Why there is no Slurm here."""


def install() -> None:
    """Install what is missing, where that is possible.

    Raises:
        NoSlurm: it is not; with the reason.
    """
    if os.geteuid() != 0:
        raise NoSlurm("a Slurm of one's own needs root, for the namespaces of its nodes")
    done = subprocess.run(["sh", HERE / "install.sh"], capture_output=True, text=True)
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if done.returncode or missing:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise NoSlurm(f"Slurm is not here and tests/slurm/install.sh could not install it: {last}")


class Cluster:
    """The daemons, and the command line of their users."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk = folder / "disk"  # of 3 MB, which all nodes share
        self.environment = {**os.environ, "SLURM_CONF": f"{folder}/etc/slurm.conf"}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start everything, and wait until both nodes are idle.

        Raises:
            NoSlurm: they did not; with what the daemons said last.
        """
        for name in ("etc", "state", "spool", "log"):
            (self.folder / name).mkdir()
        # Before the nodes start, since what is mounted later is not seen in their namespaces.
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", self.disk], check=True)
        key = self.folder / "munge.key"
        key.touch(mode=0o400)
        key.write_bytes(secrets.token_bytes(128))
        shutil.copy("/etc/hosts", self.folder / "hosts")
        with (self.folder / "hosts").open("a") as hosts:
            hosts.write("\n" + "".join(f"127.0.0.1 {name}\n" for name in NODES))
        host = socket.gethostname().partition(".")[0]
        text = CONF.format(folder=self.folder, host=host, ports=_free_ports(3), cores=CORES, memory=MEMORY_MB)
        (self.folder / "etc/slurm.conf").write_text(text)
        for name, script in SCRIPTS.items():
            (self.folder / "etc" / name).write_text(script.format(folder=self.folder))
            (self.folder / "etc" / name).chmod(0o755)

        own = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        paths = [f"--{option}={self.folder / name}" for option, name in own.items()]
        # --force: it would not trust a folder that others than root may write above its own, such as /tmp.
        self._start("munged", "--foreground", "--force", "--num-threads=2", *paths)
        self._wait("munged", lambda: (self.folder / "munge.socket").exists())
        self._start("slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        self._wait("slurmctld", lambda: self.states() == dict.fromkeys(NODES, "idle"))

    def start_node(self, name: str) -> None:
        """Start a node, or start it again."""
        own = ["--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]
        self._start("unshare", *own, "sh", "-c", NODE, "sh", name, str(self.folder), name=name)

    def kill_node(self, name: str) -> None:
        """End a node as a power cut would: its slurmd, and all that runs there."""
        process = self._daemons.pop(name)
        process.kill()
        process.wait()

    @contextlib.contextmanager
    def unshared(self, folder: Path) -> Iterator[None]:
        """While this lasts each node has a folder of its own in this place; nobody else sees what it writes there."""
        starters = [self._daemons[name].pid for name in NODES]
        first = [Path(f"/proc/{pid}/task/{pid}/children").read_text().strip() for pid in starters]
        nodes = [["nsenter", f"--target={pid}", "--mount", "--pid"] for pid in first]
        for node in nodes:
            subprocess.run([*node, "mount", "-t", "tmpfs", "tmpfs", folder], check=True)
        try:
            yield
        finally:
            for node in nodes:
                subprocess.run([*node, "umount", "--lazy", folder], check=True)

    @contextlib.contextmanager
    def other_clock(self, difference: str) -> Iterator[None]:
        """While this lasts nodes date files by clocks that differ, by `-3 minutes` say."""
        (self.folder / "clock").write_text(difference)
        try:
            yield
        finally:
            (self.folder / "clock").unlink()
            assert (self.folder / "dated").exists(), "no node has dated anything"
            (self.folder / "dated").unlink()

    def stop(self) -> None:
        """End all of it."""
        for name in reversed(list(self._daemons)):
            self.kill_node(name)
        if self.disk.is_mount():
            subprocess.run(["umount", "--lazy", self.disk], check=True)

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    def states(self) -> dict[str, str]:
        """Each node's state; empty while the controller does not answer."""
        try:
            lines = self.ask("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %t").splitlines()
        except subprocess.SubprocessError:
            return {}
        return dict(line.split() for line in lines)

    def jobs(self, rule: str, state: str = "all", field: str = "%N") -> dict[str, str]:
        """The node of each job of a rule that is in `state`, or another field of squeue, by the job's number."""
        lines = self.ask("squeue", "--noheader", f"--states={state}", f"--format=%i %k {field}").splitlines()
        rows = [(*line.split(), "")[:3] for line in lines]
        return {job: node for job, comment, node in rows if comment.startswith(f"rule_{rule}")}

    def _start(self, *command: str, name: str | None = None) -> None:
        name = name or command[0]
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],  # it goes with this process, whatever ends that
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait(self, name: str, condition) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            ended = [other for other, process in self._daemons.items() if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise NoSlurm(f"{', '.join(ended) or name} did not start; {self._last_words(ended or [name])}")
            time.sleep(0.2)

    def _last_words(self, names: list[str]) -> str:
        logs = [(self.folder / "log" / f"{name}.log").read_text(errors="replace").splitlines() for name in names]
        return " / ".join(line for log in logs for line in log[-3:])


def _free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free now."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports
