"""A run from end to end on a tiny corpus: what it writes, how it goes on, what it refuses."""

from __future__ import annotations

import errno
import hashlib
import itertools
import logging
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from charmer.common.failure import Failure
from charmer.common.files import open_array, read_json, read_table, write_array, write_table
from charmer.model import folder
from charmer.model.network import ModelConfig
from charmer.tokens.tokenizer import Tokenizer
from charmer.training import budget, checkpoint
from charmer.training.engine import Engine
from charmer.training.hardware import check_memory


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_tiny_text_is_learned_by_heart(run):
    out = run(budget="120 steps")
    metrics = read_table(out / "metrics.parquet").to_pydict()
    assert metrics["loss"][0] == pytest.approx(math.log(264), rel=0.02)
    assert metrics["loss"][-1] < 0.5
    assert metrics["step"] == list(range(1, 121))
    assert metrics["tokens"] == [128 * step for step in range(1, 121)]
    assert metrics["learning_rate"][5] < metrics["learning_rate"][50] == 0.02 > metrics["learning_rate"][-1]
    held_out = read_table(out / "held_out.parquet").to_pydict()
    assert held_out["step"] == [40, 80, 120]
    assert held_out["bits_per_byte"][-1] < 3 and held_out["samples"][-1][0].startswith("def ")
    summary = read_json(out / "training.json")
    assert summary["bits_per_byte"] == min(held_out["bits_per_byte"]) and summary["steps"] == 120
    assert folder.load(out)[0].config.layers == 2


@pytest.mark.parametrize("knobs", [{}, {"optimizer": "adamw", "schedule": "cosine", "micro_batch_tokens": 32}])
def test_the_same_settings_give_the_same_bytes_on_any_number_of_threads(run, knobs):
    knobs = {"budget": "1k tokens"} | knobs
    first, again = run("first", **knobs), run("again", threads=2, **knobs)
    assert digest(first / "model.safetensors") == digest(again / "model.safetensors")
    for change in ({"seed": 2}, {"fim_share": 0.5}):
        other = run("other", **(knobs | change))
        assert digest(first / "model.safetensors") != digest(other / "model.safetensors")


def test_micro_batches_change_no_more_than_rounding(run):
    losses = []
    for size in (32, 64, 128):
        out = run(f"out{size}", micro_batch_tokens=size)
        losses.append(read_table(out / "metrics.parquet")["loss"].to_numpy())
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-3)
    np.testing.assert_allclose(losses[1], losses[2], rtol=1e-3)


def test_windows_are_read_in_short_pieces_first(run, monkeypatch):
    monkeypatch.setattr(budget, "SHORTEST_PIECE", 8)
    out = run(context_warmup=0.5)
    assert read_table(out / "metrics.parquet")["context"].to_pylist() == [8] * 3 + [16] * 3 + [32] * 6
    config = ModelConfig(vocab_size=264, context_length=32, **run.settings()["model"])
    expected = 128 * (3 * config.flops_per_token(8) + 3 * config.flops_per_token(16) + 6 * config.flops_per_token())
    assert read_json(out / "training.json")["flops"] == expected


def test_batches_grow_to_their_size(run):
    out = run(batch_warmup=0.5, budget="1024 tokens")
    sizes = np.diff(read_table(out / "metrics.parquet")["tokens"], prepend=0)
    assert sizes.tolist() == [32] * 8 + [64] * 4 + [128] * 4
    config = ModelConfig(vocab_size=264, context_length=32, **run.settings()["model"])
    training = read_json(out / "training.json")
    assert training["flops"] == training["tokens"] * config.flops_per_token()


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"fim_share": 0.5, "fim_spm_share": 0.3, "fim_line_share": 0.7, "context_warmup": 0.8},
        {"repair_share": 0.5, "fim_share": 0.5},
        {"batch_warmup": 0.3, "context_warmup": 0.4, "budget": "768 tokens"},
    ],
)
def test_a_run_that_is_stopped_anywhere_ends_with_the_same_bytes(run, monkeypatch, knobs):
    monkeypatch.setattr(budget, "SHORTEST_PIECE", 8)
    whole = run(name="whole", **knobs)
    measure, calls = Engine.measure, 0

    def stop_now_and_then(self, batch):
        nonlocal calls
        calls += 1
        if calls % 4 == 0:
            raise KeyboardInterrupt
        return measure(self, batch)

    monkeypatch.setattr(Engine, "measure", stop_now_and_then)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(**knobs)
        assert len(checkpoint.listing(run.checkpoints)) <= 2
    out = run(**knobs)
    assert digest(out / "model.safetensors") == digest(whole / "model.safetensors")
    for table in ("metrics.parquet", "held_out.parquet"):
        once, resumed = read_table(whole / table).to_pydict(), read_table(out / table).to_pydict()
        for column in set(once) - {"seconds", "waited", "tokens_per_second", "mfu"}:
            assert once[column] == resumed[column], column
    assert checkpoint.listing(run.checkpoints) == []


def interrupted(run, monkeypatch, after=5, **keywords):
    """Leave a run behind that was stopped after some steps."""
    measure, calls = Engine.measure, 0

    def stop(self, batch):
        nonlocal calls
        calls += 1
        if calls > after:
            raise KeyboardInterrupt
        return measure(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "measure", stop)
        with pytest.raises(KeyboardInterrupt):
            run(**keywords)


def first_step(caplog) -> int:
    lines = [record.getMessage() for record in caplog.records if "going on from step" in record.getMessage()]
    return int(lines[-1].split("step ")[1].split(",")[0]) if lines else 0


def test_a_flipped_bit_is_seen_and_the_checkpoint_before_is_taken(run, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    whole = run(name="whole")
    interrupted(run, monkeypatch)
    newest, before = checkpoint.listing(run.checkpoints)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    out = run()
    assert f"{newest}: its bytes are not those that were written" in caplog.text
    assert first_step(caplog) == int(before.name.split("-")[1]) == 4
    assert digest(out / "model.safetensors") == digest(whole / "model.safetensors")


def test_a_checkpoint_of_other_settings_is_kept_for_going_back(run, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    interrupted(run, monkeypatch, identity="one")
    left, _ = checkpoint.listing(run.checkpoints)
    interrupted(run, monkeypatch, after=9, identity="two")
    assert f"{left}: was left by other settings, data or code; it is not gone on with" in caplog.text
    assert first_step(caplog) == 0
    assert [path.name for path in checkpoint.listing(run.checkpoints / checkpoint.ASIDE)] == [left.name]

    interrupted(run, monkeypatch, after=1, identity="one")
    assert first_step(caplog) == int(left.name.split("-")[1])
    caplog.clear()
    run(identity="one")
    assert first_step(caplog) == 1 + int(left.name.split("-")[1]), "nor is it lost between those of the other run"
    assert not list(run.checkpoints.rglob("*.safetensors")), "a finished run leaves nothing behind"


def test_a_second_process_is_kept_out(run):
    with checkpoint.lock(run.checkpoints), pytest.raises(Failure, match=f"process {os.getpid()} is training"):
        run()


def test_a_full_disk_leaves_the_last_checkpoint(run, monkeypatch):
    write, calls = Path.write_bytes, 0

    def fill_up(self, content):
        nonlocal calls
        calls += 1
        if calls > 4:
            write(self, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill_up)
        with pytest.raises(Failure, match="the disk is full"):
            run()
    left = checkpoint.listing(run.checkpoints)
    assert [checkpoint.read(path).values["step"] for path in left] == [4, 3]
    assert [path for path in (run.checkpoints).iterdir() if path.name.endswith(".part")] == []


def test_a_step_that_is_not_finite_is_skipped_and_many_stop_the_run(run, monkeypatch):
    measure, calls = Engine.measure, 0

    def fail_on(numbers):
        def broken(self, batch):
            nonlocal calls
            calls += 1
            result = measure(self, batch)
            return (math.nan, math.nan) if calls in numbers else result

        return broken

    monkeypatch.setattr(Engine, "measure", fail_on({3, 4}))
    metrics = read_table(run() / "metrics.parquet").to_pydict()
    assert metrics["skipped"] == [0, 0, 1, 1, *[0] * 8] and math.isnan(metrics["loss"][2])
    calls = 0
    monkeypatch.setattr(Engine, "measure", fail_on(range(3, 100)))
    with pytest.raises(Failure, match=r"train\.learning_rate: 0\.02 seems too high"):
        run(budget="40 steps")


def test_a_budget_on_the_clock_anneals_to_its_end(run, monkeypatch):
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: next(ticks) / 100)  # a machine on which each look at it takes 10 ms
    monkeypatch.setattr("charmer.training.run.time", clock)
    out = run(budget="0.1 minutes", checkpoint_seconds=60)
    metrics = read_table(out / "metrics.parquet").to_pydict()
    assert metrics["seconds"] == sorted(metrics["seconds"]) and 50 < len(metrics["step"]) < 200
    assert metrics["learning_rate"][-1] < 0.05 * max(metrics["learning_rate"]) == 0.05 * 0.02
    assert read_json(out / "training.json")["seconds"] == pytest.approx(6, abs=0.15)


def test_a_run_on_the_clock_is_repeated_from_its_tables(run):
    out = run(budget="0.02 minutes")
    again = run("again", budget=f"as {out}")
    assert digest(out / "model.safetensors") == digest(again / "model.safetensors")
    once, repeated = (read_table(folder / "metrics.parquet").to_pydict() for folder in (out, again))
    assert once["learning_rate"] == repeated["learning_rate"] and once["loss"] == repeated["loss"]


def test_training_stops_early_where_held_out_text_gets_no_better(run):
    knobs = {"budget": "400 steps", "evaluations": 40, "learning_rate": 0.05, "patience": 2}
    held_out = read_table(run(**knobs) / "held_out.parquet").to_pydict()
    bits = held_out["bits_per_byte"]
    assert len(bits) < 40 and min(bits) == bits[-3]


def test_bad_input_is_refused_before_training(run):
    with pytest.raises(Failure, match=r"train\.batch_tokens: 100 is no multiple of pack\.context_length 32"):
        run(batch_tokens=100)
    with pytest.raises(Failure, match=r'train\.budget: .* write "8 minutes"'):
        run(budget="0 steps")
    if not torch.cuda.is_available():
        with pytest.raises(Failure, match=r"train\.device: PyTorch finds no cuda"):
            run(device="cuda")
    with pytest.raises(Failure, match=r"train\.micro_batch_tokens: training needs about .* GB are free"):
        check_memory(
            ModelConfig(4096, layers=48, width=2**14, heads=128, kv_heads=8, hidden=2**16, context_length=2048),
            workers=2,
            micro_tokens=4096,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )


def test_files_that_do_not_belong_together_are_refused(run):
    other = run.folder / "other.json"
    Tokenizer.characters("äöü").save(other)
    right = run.data["tokenizer"]
    run.data["tokenizer"] = other
    with pytest.raises(Failure, match="another vocabulary"):
        run()
    run.data["tokenizer"] = right
    starts = np.array(open_array(run.data["train_windows"]))
    write_array(run.data["train_windows"], np.append(starts, starts[-1] + 5000))
    with pytest.raises(Failure, match="train-windows"):
        run()
    run.data["train_windows"].write_bytes(run.data["train_windows"].read_bytes()[:90])
    with pytest.raises(Failure, match="train-windows"):
        run()


def test_a_share_of_repair_is_learnt_from_the_data_set_alone(run):
    plain, mending = (read_table(run(f"out{share}", repair_share=share) / "metrics.parquet") for share in (0.0, 0.9))
    assert plain["loss"].to_pylist() != mending["loss"].to_pylist()
    rows = read_table(run.data["train_broken"]).to_pylist()
    write_table(run.data["train_broken"], pa.Table.from_pylist([row | {"source": "elsewhere"} for row in rows]))
    with pytest.raises(Failure, match=r"train\.repair_share: the data set holds no broken code"):
        run("none", repair_share=0.9)
