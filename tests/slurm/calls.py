"""Calls of Snakemake as from a login node, and what they say."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cluster import Cluster
from project import SOURCES, Project

MINUTES = 60.0
CONFIG = SOURCES | {
    "train": "{budget: 600 steps, checkpoint_seconds: 0.5, precision: float32}",
    "evaluate": "{metrics: [bits_per_byte, parses, samples]}",
}


def on(cluster: Cluster, python: str, folder: Path) -> Project:
    """The project in `folder`, called as from a login node of the cluster."""
    how = (python, "-m", "snakemake", "--profile", "profiles/slurm", "--max-threads", "1")
    how += ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1")
    slurm = {"SLURM_CONF": cluster.environment["SLURM_CONF"]}
    return Project(folder, CONFIG, how, slurm, patience=30 * MINUTES)


@contextlib.contextmanager
def calling(project: Project, *arguments: str, **config: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A call of Snakemake at work, and the file that holds what it says."""
    said = project.folder / "said.txt"
    with said.open("w", encoding="utf-8") as file:
        process = project.start(*arguments, config=config, output=file)
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it cancels its jobs
            process.wait(5 * MINUTES)


def newest(project: Project) -> int:
    """The step of the newest checkpoint; 0: there is none."""
    found = project.folder.glob("results/checkpoints/*/step-*.safetensors")
    return max((int(path.name.split("-")[1]) for path in found), default=0)


def at_work(process: subprocess.Popen[bytes], said: Path) -> bool:
    """True; a call that has ended fails the test with what it said."""
    assert process.poll() is None, said.read_text(errors="replace")[-6000:]
    return True


def submitted(said: str) -> int:
    return len(re.findall(r"has been submitted with SLURM jobid", said))


def last_lines(said: str) -> list[str]:
    return said.strip().splitlines()[-3:]
