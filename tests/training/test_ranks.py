"""Several processes that train one model: the same result as one, the same end for all."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import charmer
import numpy as np
import psutil
import pytest
import torch
from charmer.common.failure import Failure
from charmer.common.files import read_json, read_table
from charmer.training import checkpoint
from charmer.training.launch import launch
from charmer.training.ranks import Ranks, wanted_ranks
from charmer.training.run import Run

processes = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def rank(run, name: str, number: int, size: int, port: int, knobs: dict) -> None:
    """One rank, as torchrun would start it."""
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(size), "MASTER_PORT": str(port)}
    os.environ |= {"MASTER_ADDR": "localhost", "TORCHELASTIC_RUN_ID": "test"}
    run(name, **knobs)


def together(run, name: str, size: int = 2, **knobs) -> Path:
    """Train in `size` processes."""
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    ranks = [processes.Process(target=rank, args=(run, name, number, size, port, knobs)) for number in range(size)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(300)
    assert [process.exitcode for process in ranks] == [0] * size
    return run.folder / name


@pytest.mark.parametrize(
    ("knobs", "tolerance"),
    [
        ({"batch_tokens": 128}, 1e-3),
        ({"batch_tokens": 96, "budget": "0.01 minutes"}, 1e-3),
        ({"batch_tokens": 128, "optimizer": "adamw", "learning_rate": 0.002}, 1e-4),
    ],
)
def test_two_ranks_train_as_one_does(run, knobs, tolerance):
    """Two ranks add up their gradients in another order than one. Muon, which computes its steps in bfloat16, makes
    more of that rounding than AdamW; a norm shows more of it than a loss."""
    both = together(run, "both", **knobs)
    alone = run("alone", **(knobs | ({"budget": f"as {both}"} if "budget" in knobs else {})))
    one, two = (read_table(folder / "metrics.parquet").to_pydict() for folder in (alone, both))
    assert two["step"] == one["step"] and two["tokens"] == one["tokens"]
    np.testing.assert_allclose(two["loss"][:12], one["loss"][:12], rtol=tolerance)
    np.testing.assert_allclose(two["gradient_norm"][:5], one["gradient_norm"][:5], rtol=10 * tolerance)
    assert read_json(both / "training.json")["ranks"] == 2
    assert read_json(alone / "training.json")["ranks"] == 1


def test_another_number_of_ranks_goes_on_the_same_but_for_rounding(run, monkeypatch):
    whole = run("whole")

    def stop(self, *arguments) -> None:
        count(self, *arguments)
        if self.step == 6:
            self.save()
            raise KeyboardInterrupt

    count = Run._count
    with monkeypatch.context() as patch:
        patch.setattr(Run, "_count", stop)
        with pytest.raises(KeyboardInterrupt):
            run("stopped")
    both = together(run, "both")
    one, two = (read_table(folder / "metrics.parquet").to_pydict() for folder in (whole, both))
    assert two["step"] == one["step"]
    assert two["loss"][:6] == one["loss"][:6], "what one rank did stands there"
    np.testing.assert_allclose(two["loss"][6:], one["loss"][6:], rtol=1e-3)
    assert read_json(both / "training.json")["ranks"] == 2


def test_shares_are_the_whole_batch_without_overlap():
    for size in (1, 2, 3, 5):
        ranks = [Ranks() for _ in range(size)]
        for number, one in enumerate(ranks):
            one.number, one.size = number, size
        assert [row for one in ranks for row in range(8)[one.share(8)]] == list(range(8))


def start(run, **knobs) -> subprocess.Popen:
    """Start a training in two ranks by way of the launcher, in a process of its own."""
    call = {"data": {name: str(path) for name, path in run.data.items()}, "settings": run.settings(ranks=2, **knobs)}
    call |= {"out": str(run.folder / "out"), "checkpoints": str(run.checkpoints), "threads": 2}
    code = (
        "import json, sys; from pathlib import Path; from charmer.training.launch import launch\n"
        "call = json.loads(sys.argv[1]); paths = {k: Path(call[k]) for k in ('out', 'checkpoints')}\n"
        "call['data'] = {k: Path(v) for k, v in call['data'].items()}\n"
        "try:\n    launch(**(call | paths))\n"
        "except BaseException as error:\n    print(f'{type(error).__name__}: {error}')\n"
    )
    env = os.environ | {"PYTHONPATH": str(Path(charmer.__file__).parents[1])}
    command = [sys.executable, "-c", code, json.dumps(call)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def wait_for_a_checkpoint(run, process) -> None:
    while process.poll() is None and not checkpoint.listing(run.checkpoints):
        time.sleep(0.02)


def ranks_of(process) -> dict[str, psutil.Process]:
    """The ranks that a launcher started, by number."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found[child.environ().get("RANK", "")] = child
    return found


def test_a_killed_rank_ends_the_job_with_its_reason_and_the_next_call_goes_on(run):
    process = start(run, budget="100k steps")
    wait_for_a_checkpoint(run, process)
    ranks = ranks_of(process)
    begun = time.monotonic()
    ranks["1"].kill()
    said = process.communicate(timeout=300)[0]
    assert said.startswith("Failure: train.ranks: process 2 of 2 was ended by SIGKILL; if memory ran out, lower")
    assert time.monotonic() - begun < 25  # alone on two cores: 1 s
    assert not ranks["0"].is_running() and not (run.folder / "out").exists()
    assert checkpoint.read(checkpoint.listing(run.checkpoints)[0]).values["step"] >= 1


@pytest.mark.slow
def test_a_signal_to_the_launcher_saves_and_ends_all_ranks(run):
    process = start(run, budget="100k steps", checkpoint_seconds=1)
    wait_for_a_checkpoint(run, process)
    ranks = ranks_of(process)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=300)[0].startswith("KeyboardInterrupt")
    assert not any(one.is_running() for one in ranks.values())
    assert checkpoint.listing(run.checkpoints)


@pytest.mark.slow
def test_a_failure_of_a_rank_is_the_launchers(run):
    process = start(run, batch_tokens=32)
    said = process.communicate(timeout=300)[0]
    assert said == "Failure: train.ranks: 2 cannot share a batch of 1 windows; raise train.batch_tokens\n"


def test_the_number_of_ranks_is_checked_against_the_device(run, monkeypatch):
    assert wanted_ranks("auto", torch.device("cpu")) == 1 and wanted_ranks(3, torch.device("cpu")) == 3
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert wanted_ranks("auto", torch.device("cuda")) == 2 and wanted_ranks(1, torch.device("cuda")) == 1
    with pytest.raises(Failure, match=r"train\.ranks: 4 processes need a GPU each, and PyTorch finds 2"):
        wanted_ranks(4, torch.device("cuda"))
    assert wanted_ranks("auto", torch.device("cuda"), nodes=2, gpus=4) == 4
    assert wanted_ranks("auto", torch.device("cpu"), nodes=2) == 2
    with pytest.raises(Failure, match=r"gpu=8, and PyTorch finds 2 on each of 2 nodes"):
        wanted_ranks("auto", torch.device("cuda"), nodes=2, gpus=8)
    with pytest.raises(Failure, match=r"train\.ranks: 3 processes do not divide among 2 nodes"):
        wanted_ranks(3, torch.device("cpu"), nodes=2)


def test_one_rank_needs_no_distributed_torch(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.distributed.elastic.multiprocessing", None)
    monkeypatch.setattr(torch.distributed, "init_process_group", None)
    launch(run.data, run.settings(ranks="auto", budget="1 step"), run.folder / "out", run.checkpoints, threads=1)
    assert (run.folder / "out" / "model.safetensors").exists()
