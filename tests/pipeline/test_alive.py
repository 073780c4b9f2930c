"""Locks: what a dead process left goes, a living one is respected and named."""

import errno
import fcntl
import json
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
folder, sys.argv = Path(sys.argv[1]), ["snakemake", "--cores", "all"]
alive.enter(folder=folder)
alive.claim(["results/x", "results/y"], ["results/w"], folder)
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
    assert [other.pid for other in alive.claim(["results/y", "results/z"], folder=folder)] == [holder.pid]
    assert alive.claim(["results/z"], folder=folder) == []


@pytest.mark.parametrize(
    ("outputs", "inputs", "collides"),
    [
        (["results/y"], [], True),  # both write it
        ([], ["results/y"], True),  # it writes what we would read
        (["results/w"], [], True),  # we would write what it reads
        ([], ["results/w"], False),  # both read it
    ],
)
def test_two_may_read_the_same_and_none_may_write_what_another_has_to_do_with(
    folder, holder, outputs, inputs, collides
):
    alive.enter("this test", folder)
    assert [other.pid for other in alive.claim(outputs, inputs, folder)] == [holder.pid] * collides


def test_a_job_that_outlived_its_call_is_found_though_every_lock_is_gone_and_named_with_what_stops_it(folder, holder):
    (record,) = (folder / "alive").glob("*.json")
    text = json.loads(record.read_text())
    record.write_text(json.dumps(text | {"job": True, "slurm": "12", "command": "the job train of x", "host": "north"}))
    (folder / "locks" / "0.output.lock").unlink()
    alive.enter("this test", folder)
    (job,) = alive.claim(["results/x"], folder=folder)
    assert job.orphaned() == (
        "its Snakemake is gone, but the job train of x still runs on north; wait for it, or: scancel 12"
    )


def test_a_killed_process_no_longer_counts(folder, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    time.sleep(0.05)
    assert alive.enter("this test", folder) == [GONE]
    assert alive.others(folder) == []


def test_a_file_system_without_locks_keeps_nobody_from_working(folder, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert alive.enter("this test", folder) == []
    assert alive.claim(["results/x"], ["results/w"], folder) == []


def test_a_process_of_the_family_can_be_left_out(folder, holder):
    assert [other.pid for other in alive.others(folder)] == [holder.pid]
    assert alive.others(folder, but=[holder.pid]) == []


def test_nothing_is_said_where_nothing_is_locked(folder):
    assert alive.enter("this test", folder) == []
    assert [path.name for path in (folder / "alive").iterdir()] == [f"{os.uname().nodename}-{os.getpid()}.json"]
