"""Training that starts from another model: its weights, its shape, its vocabulary."""

from __future__ import annotations

import shutil

import pytest
import torch
from charmer.common.failure import Failure
from charmer.common.files import read_json, read_table
from charmer.model import folder
from charmer.tokens.tokenizer import Tokenizer
from charmer.training.train import train


def losses(model):
    return read_table(model / "metrics.parquet")["loss"].to_pylist()


def test_training_goes_on_from_the_weights_of_the_other_model(run):
    first = run("first", budget="60 steps")
    second = run("second", budget="2 steps", init_from=str(first), learning_rate=1e-9, embedding_rate=1.0)
    assert losses(first)[0] > 5 and losses(second)[0] == pytest.approx(losses(first)[-1], abs=0.3)
    (before, _), (after, _) = folder.load(first), folder.load(second)
    for weight, other in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(weight, other, atol=1e-6, rtol=1e-5)


def test_a_share_of_the_first_weights_stays_in_what_is_saved(run):
    first = run("first", budget="30 steps")
    knobs = {"budget": "20 steps", "init_from": str(first), "evaluations": 1}
    whole, blended = run("whole", **knobs), run("blended", start_share=0.25, **knobs)
    networks = [folder.load(path)[0] for path in (first, whole, blended)]
    for before, after, between in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(between, 0.25 * before + 0.75 * after, atol=1e-6, rtol=1e-5)
    assert losses(whole) == losses(blended)  # what is trained is the same
    scored = [read_json(path / "training.json")["bits_per_byte"] for path in (whole, blended)]
    assert scored[0] != scored[1]


def test_what_never_gets_better_ends_as_it_began(run):
    first = run("first", budget="30 steps")
    second = run("second", budget="6 steps", init_from=str(first), learning_rate=5.0, evaluations=2)
    table = read_table(second / "held_out.parquet")
    assert table["step"].to_pylist() == [0, 3, 6]
    assert table["bits_per_byte"][0].as_py() == min(table["bits_per_byte"].to_pylist())
    (before, _), (after, _) = folder.load(first), folder.load(second)
    assert all(torch.equal(*pair) for pair in zip(before.parameters(), after.parameters(), strict=True))


@pytest.mark.parametrize("context", [16, 64])
def test_the_context_may_be_another_than_that_of_the_model(run, context):
    first = run("first")
    settings = run.settings(init_from=str(first))
    settings["pack"] = settings["pack"] | {"context_length": context}
    train(run.data | repacked(run, context), settings, run.folder / "second", run.checkpoints, threads=1)
    assert folder.load(first)[0].config.context_length == 32
    assert folder.load(run.folder / "second")[0].config.context_length == context


def repacked(run, context):
    from charmer.tokens.pack import pack

    found = {}
    for split in ("train", "val"):
        found[f"{split}_windows"] = run.folder / f"{split}-windows-{context}"
        settings = run.settings()["pack"] | {"context_length": context}
        tokens, documents = run.data[f"{split}_tokens"], run.data[f"{split}_documents"]
        pack(tokens, documents, settings, split, found[f"{split}_windows"], run.folder / f"{split}-{context}.json")
    return found


def test_a_model_of_another_shape_is_refused_by_knob_and_both_values(run):
    first = run("first")
    settings = run.settings(init_from=str(first)) | {"model": run.settings()["model"] | {"layers": 5}}
    message = rf"model\.layers: 5, but the model of train\.init_from, {first}, has 2; set model\.layers: 2"
    with pytest.raises(Failure, match=message):
        train(run.data, settings, run.folder / "second", run.checkpoints, threads=1)


def test_a_model_of_another_vocabulary_or_with_damaged_weights_is_refused(run):
    first, other = run("first"), run.folder / "other"
    shutil.copytree(first, other)
    Tokenizer.characters("äöü").save(other / "tokenizer.json")
    with pytest.raises(Failure, match=r"train\.init_from: the vocabulary of .*other is not the one"):
        run("second", init_from=str(other))
    weights = first / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(Failure, match=r"model\.safetensors: is damaged or cut short"):
        run("second", init_from=str(first))
