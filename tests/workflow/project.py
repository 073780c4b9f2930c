"""A copy of the project with a small corpus, and the DAG run in it once: what the workflow's tests look at.

The copy is a project of its own: its scripts import its own library, so a test may edit a module there.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from dry_run import dry_run

ROOT = Path(__file__).parents[2]
WORDS = ("apple", "bread", "cloud", "dream", "earth", "flame", "grape", "house", "ivory", "jewel", "knife", "lemon")


SOURCES = {
    "sources": "[{name: one, kind: directory, path: one, own: true},"
    " {name: two, kind: directory, path: two, own: true}]"
}


def module_text(seed: int) -> str:
    """A module of a few functions that parses and is unlike that of any other seed."""
    rng = random.Random(seed)
    functions = []
    for number in range(rng.randint(4, 9)):
        name, one, other = (f"{rng.choice(WORDS)}_{rng.choice(WORDS)}_{rng.randint(0, 999)}" for _ in range(3))
        body = "\n".join(
            f"    {one} = {one} {rng.choice('+-*')} {other}[{rng.randint(0, 99)}]  # {' '.join(rng.sample(WORDS, 4))}"
            for _ in range(rng.randint(3, 9))
        )
        functions.append(
            f"def {name}_{number}({one}, {other}):\n"
            f'    """{" ".join(rng.choices(WORDS, k=9)).capitalize()}."""\n{body}\n'
            f"    return {one} if {one} > {rng.randint(0, 99)} else {other}\n"
        )
    return f'"""Module {seed}."""\n\n\n' + "\n\n".join(functions)


def write_corpus(folder: Path, first_seed: int, files: int = 60) -> None:
    """Write `files` modules into a few packages below `folder`."""
    for number in range(files):
        path = folder / f"package{number % 5}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(module_text(first_seed + number), encoding="utf-8")


@dataclass
class Project:
    """A copy of the project, and the command line with which its tests call Snakemake.

    Attributes:
        config: what every call sets.
        how: the interpreter, and the options that say where jobs run.
        environment: variables of every call, beside those of this process.
    """

    folder: Path
    config: dict[str, str] = field(default_factory=dict)
    how: tuple[str, ...] = (sys.executable, "-m", "snakemake", "--cores", "1")
    environment: dict[str, str] = field(default_factory=dict)
    patience: float = 300.0  # seconds

    def command(self, *arguments: str, config: dict[str, str] | None = None) -> list[str]:
        chosen = {**self.config, **(config or {})}
        return [
            *(*self.how, *arguments),
            *("--configfile", "config/presets/smoke.yaml"),
            *("--config", *(f"{key}={value}" for key, value in chosen.items())),
        ]

    def snakemake(self, *arguments: str, config: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, config=config),
            cwd=self.folder,
            env=clean_environment() | self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.patience,
        )

    def start(
        self, *arguments: str, config: dict[str, str] | None = None, output: IO[str] | int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start Snakemake as the leader of a process group of its own, to be interrupted or killed as a whole; what it
        says goes to `output`."""
        return subprocess.Popen(
            self.command(*arguments, config=config),
            cwd=self.folder,
            env=clean_environment() | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def scheduled(self, *arguments: str, config: dict[str, str] | None = None) -> dict[str, int]:
        """The jobs that `snakemake -n` schedules, by rule; `all` is a target and no job of its own."""
        command = self.command("--dry-run", *arguments, config=config)
        own = command[command.index("snakemake") + 1 :]
        status, said = dry_run(own, self.folder, clean_environment() | self.environment, self.patience)
        assert status == 0, said
        table = re.search(r"job\s+count\n-+\s+-+\n(.*?)\n\n", said, re.DOTALL)
        if table is None:
            assert "Nothing to be done" in said
            return {}
        rows = (line.split() for line in table.group(1).splitlines())
        return {rule: int(count) for rule, count in rows if rule not in {"all", "total"}}


def clean_environment() -> dict[str, str]:
    """The environment without what would point a copy of the project at this checkout."""
    return {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "CHARMER_QUIET"}}


def kill_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to the process group, as a terminal does on Ctrl-C, or as a power cut would."""
    os.killpg(process.pid, number)


def wait_for(condition, seconds: float = 120.0) -> None:
    """Wait until `condition()` holds; fail the test when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.05)


def copy_project(folder: Path) -> Project:
    """Copy what a clone would hold, and write two sources beside it."""
    for name in ("Snakefile", "workflow", "config", "profiles", "resources"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "pretrained"))
        else:
            shutil.copy2(source, folder / name)
    write_corpus(folder / "one", first_seed=1_000)
    write_corpus(folder / "two", first_seed=2_000)
    return Project(folder, SOURCES)
