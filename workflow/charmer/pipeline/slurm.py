"""What Slurm did to jobs, will not do, or still does for a call that is gone: one line each, with what to do.

Notable here:
- What it did stands in Snakemake's log of a call (`endings`).
- What it will not do stands in the queue alone: unless its `EnforcePartLimits` is set, Slurm takes a job that asks for
  more than its partition allows, and leaves it waiting without a word. `Watch` looks, and says so.
- The queue also has the jobs of a call that died, on whatever node, running or not yet: `left_behind`.
- What partitions allow is asked once, and not before a job comes back that wants more than before: `Bounds`.
"""

from __future__ import annotations

import functools
import getpass
import math
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ABSENT = "no Slurm here: sbatch is not on the path; call from a login node, or without --profile profiles/slurm"
AGAIN = "the same command goes on from here"
STATES = {
    "TIMEOUT": f"Slurm ended it at its time limit; {AGAIN}, and --set-resources {{rule}}:runtime=MINUTES gives it more",
    "DEADLINE": f"Slurm ended it at its deadline; {AGAIN}",
    "OUT_OF_MEMORY": f"took more memory than it asked for; --set-resources {{rule}}:mem_mb=MB gives it more; {AGAIN}",
    "CANCELLED": f"was cancelled, by scancel or by whoever runs the cluster; {AGAIN}",
    "NODE_FAIL": f"its node died; {AGAIN}",
    "BOOT_FAIL": f"its node did not start; {AGAIN}",
}

LATE = (
    "it ended well, but what it wrote was not seen here within {seconds} s; does its node share this folder? A file "
    f"system that shows files later needs --latency-wait SECONDS; {AGAIN}"
)

# What sbatch says, and what a person can do about it.
REFUSALS = {
    "account": "--default-resources slurm_account=NAME",
    "time limit": "--set-resources {rule}:runtime=MINUTES asks for less",
    "partition": "sinfo lists those that there are; --default-resources slurm_partition=NAME",
    "node configuration": "no node has so much; --set-resources {rule}:mem_mb=MB, or --max-threads, asks for less",
    "more processors": "--max-threads, or --set-resources {rule}:nodes=N, asks for less",
    "generic resource": "no node has such GPUs; --set-resources {rule}:slurm_partition=NAME",
}
# Why Slurm lets a job wait (its "job reason codes"), of the reasons that do not pass by themselves.
REASONS = {
    "PartitionTimeLimit": "asks for {time}, more than the partition allows; --set-resources {rule}:runtime=MINUTES",
    "PartitionNodeLimit": "asks for another number of nodes than the partition allows; --set-resources {rule}:nodes=N",
    "PartitionConfig": "no node there has {cores} cores and {memory} for it; --max-threads, or --set-resources "
    "{rule}:mem_mb=MB",
    "BadConstraints": "no node there has {cores} cores and {memory} for it; --max-threads, or --set-resources "
    "{rule}:mem_mb=MB",
    "PartitionDown": "the partition is down; --default-resources slurm_partition=NAME takes another",
    "PartitionInactive": "the partition is closed; --default-resources slurm_partition=NAME takes another",
    "ReqNodeNotAvail": "the nodes that it could run on are down or reserved; sinfo -R says why",
    "AccountNotAllowed": "the account may not use the partition; --default-resources slurm_account=NAME",
    "InvalidAccount": "there is no such account; --default-resources slurm_account=NAME",
    "InvalidQOS": "there is no such quality of service; --slurm-qos=NAME",
    "JobHeldAdmin": "whoever runs the cluster holds it; ask them",
    "JobHeldUser": "it is held; scontrol release {job}",
}
PER_JOB = "asks for more than one job may have; --set-resources {rule}:runtime=MINUTES, :mem_mb=MB, or --max-threads"
# The plugin takes it that Slurm starts such a job again, and waits.
PREEMPTED = (
    "{rule}: job {job} gave way to one of higher priority, and will not come back; Ctrl-C, and the same command goes "
    "on; `slurm-requeue: true` in profiles/slurm/config.yaml, in place of slurm-no-requeue, has Slurm start it again"
)
FIELDS = "%i|%T|%P|%r|%l|%m|%C|%k|%Z"  # job, state, partition, reason, time, memory, cores, comment, working directory
SECONDS = 30.0  # between two looks at the queue


class Watch:
    """A thread that looks at the queue while a call waits, and says once why jobs will not start, or not come back.

    Attributes:
        stuck: the lines that held at the last look, and what was preempted since the call began.
    """

    def __init__(self, folder: Path) -> None:
        """`folder`: the call's working directory, by which its jobs are known."""
        self.folder = folder
        self.stuck: list[str] = []
        self._over = threading.Event()
        self._said: set[str] = set()
        self._before: set[str] = set()
        self._preempted: dict[str, str] = {}

    def begin(self) -> None:
        self._before = set(preempted(_queue("PREEMPTED") or "", self.folder))
        threading.Thread(target=self._look, name="slurm_watch", daemon=True).start()

    def end(self) -> None:
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(SECONDS):
            queue = _queue("PENDING,PREEMPTED")
            if queue is None:
                continue  # a controller that is busy or away answers the next time
            self._preempted |= preempted(queue, self.folder)  # kept, since Slurm forgets a job that has ended
            gone = [line for job, line in self._preempted.items() if job not in self._before]
            self.stuck = [*waiting(queue, self.folder), *gone]
            for line in self.stuck:
                if line not in self._said:
                    print(line, file=sys.stderr, flush=True)
            self._said.update(self.stuck)


def waiting(queue: str, folder: Path) -> list[str]:
    """Why jobs of the call that works in `folder` will not start as they are: one line a rule and reason.

    Args:
        queue: what `squeue` says of pending jobs, in the format `FIELDS`.
    """
    lines: dict[tuple[str, ...], str] = {}
    for job, _, partition, reason, time, memory, cores, rule, directory in _rows(queue):
        code = reason.partition(",")[0].strip()
        cure = REASONS.get(code) or (PER_JOB if re.search(r"Max\w*PerJob", code) else None)
        if cure and rule and directory == str(folder):
            told = cure.format(rule=rule, job=job, time=time, memory=memory, cores=cores)
            line = f"{rule}: Slurm will not start it in partition {partition} ({code}): {told}"
            lines.setdefault((rule, partition, code), line)
    return list(lines.values())


def preempted(queue: str, folder: Path) -> dict[str, str]:
    """A line for each job of a call in `folder` that gave way to another for good, by the job's number."""
    return {
        row[0]: PREEMPTED.format(rule=row[7], job=row[0])
        for row in _rows(queue)
        if row[1] == "PREEMPTED" and row[7] and row[8] == str(folder)
    }


def left_behind(folder: Path) -> list[str]:
    """A line about the jobs that wait or run in `folder`, for a call there that knows of no other; none: no line.

    They would write what the call is about to have written, and one that waits holds no lock that could tell.
    """
    rows = _rows(_queue("PENDING,RUNNING,SUSPENDED") or "")
    jobs = [row[0] for row in rows if row[7] and row[8] == str(folder)]
    told = f"Slurm still has jobs of a call that is gone; wait for them, or: scancel {' '.join(jobs)}"
    return [told] if jobs else []


def _queue(states: str) -> str | None:
    """What squeue says, in the format `FIELDS`, of this person's jobs in these states; None: nothing."""
    command = ["squeue", "--noheader", f"--states={states}", f"--user={getpass.getuser()}", f"--format={FIELDS}"]
    return _answer(command)


def _rows(queue: str) -> list[list[str]]:
    """The jobs of a queue with the `FIELDS` of each, of the comment the rule alone; it is empty for a job that is none
    of Snakemake's."""
    rows = [row.split("|", FIELDS.count("|")) for row in queue.splitlines()]
    rows = [row for row in rows if len(row) == 1 + FIELDS.count("|")]
    rules = [re.match(r"rule_(\w+?)(?:_wildcards_.*)?$", row[7]) for row in rows]
    return [[*row[:7], rule[1] if rule else "", row[8]] for row, rule in zip(rows, rules, strict=True)]


def _answer(command: list[str]) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


class Bounds:
    """The most minutes and MB that a rule's jobs can have in their partition; infinite where Slurm does not say.

    Args:
        partition_of: gives the partition of a rule's jobs, or None for the default one.
        asked: whether to ask Slurm at all.
    """

    def __init__(self, partition_of: Callable[[str], str | None], asked: bool) -> None:
        self._partition_of, self._asked = partition_of, asked

    def minutes(self, rule: str) -> float:
        return self._of(rule)[0]

    def megabytes(self, rule: str) -> float:
        return self._of(rule)[1]

    def _of(self, rule: str) -> tuple[float, float]:
        return self._limits.get(self._partition_of(rule), (math.inf, math.inf))

    @functools.cached_property
    def _limits(self) -> dict[str | None, tuple[float, float]]:
        command = ["sinfo", "--noheader", "--Node", "--format=%P|%l|%m"]
        return limits((self._asked and _answer(command)) or "")


def limits(nodes: str) -> dict[str | None, tuple[float, float]]:
    """Minutes that a job may take, and MB of the largest node, by partition; the default one's also under None.

    Args:
        nodes: a line `partition|limit|MB` for each node and partition, as sinfo gives them.
    """
    found: dict[str | None, tuple[float, float]] = {}
    for row in nodes.splitlines():
        partition, limit, megabytes = row.split("|")
        name = partition.rstrip("*")
        largest = max(float(megabytes), found.get(name, (0.0, 0.0))[1])
        found[name] = (_minutes(limit), largest)
        if partition.endswith("*"):
            found[None] = found[name]
    return found


def _minutes(limit: str) -> float:
    """Minutes of a limit as sinfo writes it: `1-12:00:00`, `2:30:00`, `10:00`, `infinite`."""
    days, _, clock = limit.rpartition("-")
    if not re.fullmatch(r"\d+(:\d+){1,2}", clock):
        return math.inf
    hours, minutes, seconds = [0, *map(int, clock.split(":"))][-3:]
    return int(days or 0) * 1440 + hours * 60 + minutes + seconds / 60


def endings(log: str) -> list[str]:
    """Why Slurm ended, or refused, the jobs that did not succeed in the end.

    Args:
        log: Snakemake's, of one call.
    """
    found: dict[str, str] = {}
    for block in re.split(r"(?=Error in (?:rule|group) )", log)[1:]:
        rule = re.match(r"Error in (?:rule|group) (\S+?):", block)
        job = re.search(r"\bjobid: (\S+)", block)
        said = _said(block, rule[1] if rule else "a job")
        key = job[1] if job else block
        if said and not re.search(rf"Finished jobid: {re.escape(key)}\b", block + log.rpartition(block)[2]):
            found[key] = said
    late = r"MissingOutputException in (?:rule|group) (\S+) [^\n]*\nJob (\S+) .*?Missing files after (\d+) seconds"
    for rule, job, seconds in re.findall(late, log):
        if not re.search(rf"Finished jobid: {re.escape(job)}\b", log):
            found[job] = f"{rule}: {LATE.format(seconds=seconds)}"
    return list(dict.fromkeys(found.values()))


def _said(block: str, rule: str) -> str | None:
    refused = re.search(r"sbatch failed\. The error message was '(.*?)'", block, re.DOTALL)
    if refused:
        line = refused[1].strip().splitlines()[-1].removeprefix("sbatch: error: ")
        cure = next((cure for words, cure in REFUSALS.items() if words in line.lower()), "")
        return f"{rule}: Slurm refused the job: {line}" + (f"; {cure.format(rule=rule)}" if cure else "")
    state = re.search(r"SLURM status is:\s+'(\w+)'", block)
    if state and state[1] in STATES:
        return f"{rule}: " + STATES[state[1]].format(rule=rule)
    return None
