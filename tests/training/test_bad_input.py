"""What cannot be trained on is refused before the first step, by file or knob; nothing is written then."""

from __future__ import annotations

import logging

import pytest
from charmer.common.failure import Failure
from charmer.tokens.pack import pack
from charmer.training import checkpoint
from charmer.training.engine import Engine


@pytest.fixture
def refused(run, monkeypatch):
    """Train, which must fail before any step is taken; gives what was said."""

    def attempt(**knobs) -> str:
        monkeypatch.setattr(Engine, "measure", lambda *_: pytest.fail("a step was taken"))
        with pytest.raises(Failure) as caught:
            run(**knobs)
        assert checkpoint.listing(run.checkpoints) == [] and not (run.folder / "out").exists()
        return str(caught.value)

    return attempt


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("name", ["tokens", "documents", "windows"])
def test_a_file_that_was_cut_short_is_named(run, refused, split, name):
    path = run.data[f"{split}_{name}"]
    path.write_bytes(path.read_bytes()[:-7])
    assert str(path) in refused()


def test_a_file_that_is_absent_is_named(run, refused):
    run.data["train_tokens"].unlink()
    assert str(run.data["train_tokens"]) in refused()


def test_windows_of_a_longer_context_are_named(run, refused):
    settings = run.settings()["pack"] | {"context_length": 64}
    tokens, documents, windows = (run.data[f"train_{name}"] for name in ("tokens", "documents", "windows"))
    pack(tokens, documents, settings, "train", windows, run.folder / "train.json")
    assert f"{windows}: was packed for a longer context than 32; run `pack` again" in refused()


def test_too_little_memory_names_the_knobs_that_need_it(refused, monkeypatch):
    monkeypatch.setattr("charmer.training.hardware.free_memory", lambda device: 1000)
    message = refused(micro_batch_tokens=64)
    assert (
        "train.micro_batch_tokens: training needs about" in message and "lower it (now 64), or model.width" in message
    )


def test_a_budget_that_repeats_a_folder_without_tables_names_it(run, refused):
    assert str(run.folder / "absent" / "metrics.parquet") in refused(budget=f"as {run.folder / 'absent'}")


def test_when_every_checkpoint_is_bad_training_starts_anew(run, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    whole = run("whole").joinpath("model.safetensors").read_bytes()
    measure, calls = Engine.measure, []

    def stop(self, batch):
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return measure(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "measure", stop)
        with pytest.raises(KeyboardInterrupt):
            run()
    left = checkpoint.listing(run.checkpoints)
    left[0].write_bytes(left[0].read_bytes()[:-1])
    left[1].write_bytes(b"")
    assert run().joinpath("model.safetensors").read_bytes() == whole
    assert all(f"{path}: its bytes are not those that were written" in caplog.text for path in left)
    assert "going on from step" not in caplog.text
