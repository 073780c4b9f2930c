"""Locks: what a dead process left goes, a living one is respected and named."""

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
from charmer.pipeline import alive
alive.enter("snakemake --cores all", Path(sys.argv[1]))
alive.claim(["results/x", "results/y"], Path(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""
GONE = "removed the lock of a Snakemake that is gone; going on where it stopped"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(alive, "_held", {})
    return tmp_path


def leave_lock(folder):
    (folder / "locks").mkdir(exist_ok=True)
    (folder / "locks" / "0.output.lock").write_text("results/x\n")


@pytest.fixture
def holder(folder):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    leave_lock(folder)
    yield process
    process.kill()
    process.wait()


def test_a_lock_whose_process_is_gone_is_removed_and_said_so(folder):
    leave_lock(folder)
    assert alive.enter("this test", folder) == [GONE]
    assert not (folder / "locks").exists()


def test_a_living_process_is_respected_and_named(folder, holder):
    (line,) = alive.enter("this test", folder)
    assert line.startswith(f"another Snakemake is at work in this folder: process {holder.pid} on ")
    assert line.endswith(": snakemake --cores all")
    assert (folder / "locks" / "0.output.lock").exists()


def test_a_living_process_is_known_by_what_it_writes_also_when_its_lock_was_removed(folder, holder):
    (folder / "locks" / "0.output.lock").unlink()
    alive.enter("this test", folder)
    assert [other.pid for other in alive.claim(["results/y", "results/z"], folder)] == [holder.pid]
    assert alive.claim(["results/z"], folder) == []


def test_a_killed_process_no_longer_counts(folder, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    time.sleep(0.05)
    assert alive.enter("this test", folder) == [GONE]
    assert alive.others(folder) == []


def test_a_process_of_the_family_can_be_left_out(folder, holder):
    assert [other.pid for other in alive.others(folder)] == [holder.pid]
    assert alive.others(folder, but=[holder.pid]) == []


def test_nothing_is_said_where_nothing_is_locked(folder):
    assert alive.enter("this test", folder) == []
    assert [path.name for path in (folder / "alive").iterdir()] == [f"{os.uname().nodename}-{os.getpid()}.json"]
