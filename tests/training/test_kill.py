"""Real signals at random moments: SIGKILL loses nothing that matters, SIGINT and SIGTERM save and leave at once."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import random
import signal
import sys
import time

import pytest
from charmer.common.files import read_table
from charmer.training import budget, checkpoint

KNOBS = {"budget": "150 steps", "checkpoint_seconds": 0.05}
EVERYTHING = {"fim_share": 0.5, "repair_share": 0.3, "context_warmup": 0.5, "batch_warmup": 0.4, "average": 0.1}
processes = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def job(run, name: str, knobs: dict) -> None:
    try:
        run(name, **KNOBS | knobs)
    except KeyboardInterrupt:
        os._exit(130)


def start(run, name: str = "out", **knobs) -> multiprocessing.Process:
    process = processes.Process(target=job, args=(run, name, knobs))
    process.start()
    return process


def wait_for_a_checkpoint(run, process, beyond: int) -> int:
    """The newest checkpoint's step, once it is beyond `beyond` or the process is over."""
    while process.is_alive():
        found = checkpoint.listing(run.checkpoints)
        if found and int(found[0].name.split("-")[1]) > beyond:
            return int(found[0].name.split("-")[1])
        time.sleep(0.01)
    return beyond


@pytest.mark.parametrize(
    ("kills", "knobs"),
    [
        (3, EVERYTHING),
        pytest.param(20, {}, marks=pytest.mark.slow),
        pytest.param(20, EVERYTHING, marks=pytest.mark.slow),
    ],
    ids=["3", "20", "20, all that changes over a run"],
)
def test_a_killed_run_ends_with_the_same_bytes(run, monkeypatch, kills, knobs):
    if processes.get_start_method() == "fork":  # else a child would not know of it
        monkeypatch.setattr(budget, "SHORTEST_PIECE", 8)
    whole = run("whole", **KNOBS | knobs)
    chance = random.Random(kills)
    reached, done = 0, 0
    while done < kills:
        process = start(run, **knobs)
        reached = wait_for_a_checkpoint(run, process, reached)  # so that each life gets further than the last
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run was over before it could be killed"
        done += 1
    process = start(run, **knobs)
    process.join()
    assert process.exitcode == 0
    weights = [(run.folder / name / "model.safetensors").read_bytes() for name in ("whole", "out")]
    assert hashlib.sha256(weights[0]).digest() == hashlib.sha256(weights[1]).digest()
    once, resumed = (read_table(folder / "metrics.parquet").to_pydict() for folder in (whole, run.folder / "out"))
    assert once["step"] == resumed["step"] == list(range(1, 151))
    assert once["loss"] == resumed["loss"]
    assert list(run.checkpoints.glob("*.safetensors")) + list(run.checkpoints.glob(".*.part")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves_at_once(run, number):
    process = start(run)
    reached = wait_for_a_checkpoint(run, process, 0)
    os.kill(process.pid, number)
    begun = time.monotonic()
    process.join()
    assert process.exitcode == 130
    assert time.monotonic() - begun < 5  # alone on a core: 0.1 s
    newest = checkpoint.listing(run.checkpoints)[0]
    assert reached <= checkpoint.read(newest).values["step"] < 150
    assert not (run.folder / "out").exists()
