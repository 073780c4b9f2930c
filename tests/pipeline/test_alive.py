"""Locks: what a dead process left goes, a living one is named."""

import os
import signal
import subprocess
import sys
import time

import pytest
from charmer.pipeline import alive

HOLDER = """
import sys, time
from pathlib import Path
from charmer.pipeline.alive import announce
announce(Path(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(alive, "_held", [])
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").write_text("results/x\n")
    return tmp_path


@pytest.fixture
def holder(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True)
    # The first holder clears the lock file that nobody stood behind; put one back that is now its own.
    assert process.stdout.readline() == "ready\n"
    (folder / "locks").mkdir(exist_ok=True)
    (folder / "locks" / "0.output.lock").write_text("results/x\n")
    yield process
    process.kill()
    process.wait()


def test_a_lock_whose_process_is_gone_is_removed_and_said_so(folder):
    assert alive.announce(folder) == ["removed the lock of a Snakemake that is gone; going on where it stopped"]
    assert not (folder / "locks").exists()


def test_a_living_process_is_respected_and_named(folder, holder):
    (line,) = alive.announce(folder)
    assert line.startswith(f"another Snakemake is at work in this folder: process {holder.pid} on ")
    assert (folder / "locks" / "0.output.lock").exists()


def test_a_killed_process_no_longer_counts(folder, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    time.sleep(0.05)
    assert alive.announce(folder) == ["removed the lock of a Snakemake that is gone; going on where it stopped"]


def test_nothing_is_said_where_nothing_is_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(alive, "_held", [])
    assert alive.announce(tmp_path) == []
    assert [path.name for path in (tmp_path / "alive").iterdir()] == [f"{os.getpid()}.txt"]
