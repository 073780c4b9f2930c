"""Dry runs by processes that have Snakemake imported already: its import takes three quarters of their time."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

# A server that holds Snakemake, and of Charmer nothing: each project's Snakefile imports its own library.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["snakemake.cli"])


def dry_run(arguments: list[str], folder: Path, environment: dict[str, str], patience: float) -> tuple[int, str]:
    """What `snakemake ARGUMENTS` exits with and says, called in a folder.

    Raises:
        TimeoutError: it takes longer than `patience` seconds.
    """
    with tempfile.TemporaryDirectory() as scratch:
        said = Path(scratch) / "said"
        process = SERVER.Process(target=_call, args=(arguments, folder, environment, said))
        process.start()
        process.join(patience)
        if process.is_alive():
            process.kill()
            raise TimeoutError(f"snakemake {' '.join(arguments)} did not end in {patience:.0f} s")
        return int(process.exitcode or 0), said.read_text(encoding="utf-8")


def _call(arguments: list[str], folder: Path, environment: dict[str, str], said: Path) -> None:
    """Become the command line: its folder, environment, arguments and output."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["snakemake", *arguments]
    output = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from snakemake.cli import main

    main(arguments)
