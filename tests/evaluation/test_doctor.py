"""The doctor names each of the four classic failures, built here on purpose, and finds nothing on a healthy run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json, write_table
from charmer.evaluation import doctor
from charmer.evaluation.support import signs
from charmer.evaluation.support.runs import covered
from charmer.model.network import Transformer
from charmer.tokens.encode import encode
from charmer.tokens.pack import pack
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Windows
from charmer.training.train import train

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
CONTEXT = 32
SETTINGS = {
    "pack": {"context_length": CONTEXT, "dataset_mb": 1.0, "overlap": 0.0},
    "model": {"layers": 1, "width": 32, "heads": 2, "kv_heads": 1, "hidden": 64},
}
KNOBS = {"windows": 16, "texts": 4, "max_bytes": 192, "temperature": 1.0, "shown_temperature": 0.5, "seed": 1}
WORDS = ("apple", "bread", "cloud", "dream", "earth", "flame", "grape", "house", "ivory", "jewel", "knife", "lemon")


def module(seed: int) -> str:
    """A few functions unlike those of any other seed."""
    rng = random.Random(seed)
    lines = []
    for number in range(6):
        one, other = rng.sample(WORDS, 2)
        lines += [f"def {one}_{number}({other}):", f"    {one} = {other} {rng.choice('+-*')} {rng.randint(0, 99)}"]
        lines += [f"    return {one}  # {' '.join(rng.sample(WORDS, 3))}", ""]
    return "\n".join(lines)


def corpus(folder: Path, texts: list[str]) -> dict[str, Path]:
    """`texts` to train on and a few modules held out, encoded byte by byte and packed."""
    data = {"tokenizer": folder / "tokenizer.json"}
    Tokenizer.bytewise().save(data["tokenizer"])
    for split, own in (("train", texts), ("val", [module(10_000 + seed) for seed in range(12)])):
        rows = {"text": own, "source": ["s"] * len(own), "package": ["p"] * len(own), "path": list(map(str, own))}
        write_table(folder / split / "shard-00000.parquet", pa.table(rows))
        data |= {f"{split}_{name}": folder / f"{split}-{name}" for name in ("tokens", "documents", "windows")}
        tokens, documents, windows = (data[f"{split}_{name}"] for name in ("tokens", "documents", "windows"))
        encode(folder / split, data["tokenizer"], tokens, documents)
        pack(tokens, documents, SETTINGS["pack"], split, windows, folder / f"{split}.json")
    return data


@pytest.fixture(scope="session")
def modules(tmp_path_factory) -> dict[str, Path]:
    return corpus(tmp_path_factory.mktemp("modules"), [module(seed) for seed in range(200)])


def trained(folder: Path, data: dict[str, Path], **knobs) -> Path:
    """A model after 200 steps; keywords are knobs of `train`."""
    torch.set_num_threads(1)
    usual = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["train"] | {"budget": "200 steps", "batch_tokens": 256}
    usual |= {"optimizer": "adamw", "learning_rate": 0.01, "embedding_rate": 1.0, "warmup": 0.1, "context_warmup": 0.0}
    usual |= {"precision": "float32", "device": "cpu", "evaluations": 1, "held_out_mb": 0.004}
    train(data, SETTINGS | {"train": usual | knobs}, folder / "model", folder / "checkpoints", threads=1)
    return folder / "model"


@pytest.fixture(scope="session")
def healthy(tmp_path_factory, modules) -> Path:
    return trained(tmp_path_factory.mktemp("healthy"), modules)


def diagnosis(model: Path, data: dict[str, Path]) -> dict[str, bool | None]:
    """What was found, by "<failure>: <sign>"."""
    rows = doctor.evaluate(model, data, KNOBS, threads=1).to_pylist()
    return {row["slice"]: json.loads(row["detail"])["found"] for row in rows}


def named(found: dict[str, bool | None]) -> set[str]:
    return {name for name, bad in found.items() if bad}


def test_a_healthy_run_is_judged_by_every_sign_and_shows_none(healthy, modules):
    found = diagnosis(healthy, modules)
    assert set(found.values()) == {False}
    assert {name.partition(":")[0] for name in found} == set(signs.FAILURES)


def test_a_run_too_short_to_tell_is_not_accused(tmp_path, modules):
    found = diagnosis(trained(tmp_path, modules, budget="20 steps"), modules)
    assert named(found) == set()
    assert {name for name, bad in found.items() if bad is None} > {"learning rate: stuck", "repetition: repeated"}
    assert found["masking or data: future"] is False


def test_a_learning_rate_too_high_without_a_warm_up_is_named_with_its_knobs(tmp_path, modules):
    model = trained(tmp_path, modules, learning_rate=1.0, warmup=0.0)
    rows = doctor.evaluate(model, modules, KNOBS, threads=1).to_pylist()
    bad = [row for row in rows if json.loads(row["detail"])["found"]]
    assert {row["slice"] for row in bad} >= {"learning rate: peak", "learning rate: stuck"}
    assert {row["slice"].partition(":")[0] for row in bad} == {"learning rate"}, "a model that learned nothing"
    detail = json.loads(bad[0]["detail"])
    assert "raise train.warmup (now 0) to 0.02, or lower train.learning_rate (now 1)" in detail["cure"]
    assert f"the loss rose to {bad[0]['value']:.2f} times" in detail["says"] and bad[0]["value"] > detail["bound"]


def leaking(hidden):
    """A network whose positions see the token behind them."""

    def leak(self, tokens, *arguments, **keywords):
        following = torch.cat((tokens[:, 1:], tokens[:, -1:]), dim=1)
        return hidden(self, tokens, *arguments, **keywords) + 3 * self.embed_tokens(following)

    return leak


def test_a_network_that_sees_the_future_is_named(tmp_path, modules, monkeypatch):
    monkeypatch.setattr(Transformer, "hidden", leaking(Transformer.hidden))
    found = diagnosis(trained(tmp_path, modules, budget="30 steps"), modules)
    assert named(found) == {"masking or data: future"}


def test_a_mask_that_lets_documents_see_one_another_is_named(healthy, modules, monkeypatch):
    hidden = Transformer.hidden

    def one_document(self, tokens, segments=None, *arguments, **keywords):
        return hidden(self, tokens, None, *arguments, **keywords)

    monkeypatch.setattr(Transformer, "hidden", one_document)
    assert named(diagnosis(healthy, modules)) == {"masking or data: neighbour"}


def test_targets_that_stand_in_the_input_are_named(tmp_path, modules, monkeypatch):
    batch = Windows.batch

    def unshifted(self, *arguments):
        right = batch(self, *arguments)
        return right._replace(y=right.x)

    with monkeypatch.context() as patch:
        patch.setattr(Windows, "batch", unshifted)
        model = trained(tmp_path, modules)
        assert "masking or data: shift" in named(diagnosis(model, modules))
    # Where the mistake is in training's reader alone, the loss tells.
    assert "masking or data: head start" in named(diagnosis(model, modules))


def test_a_network_that_cannot_look_back_is_named(tmp_path, modules, monkeypatch):
    hidden = Transformer.hidden

    def alone(self, tokens, segments=None, cache=None, *more, **keywords):
        if cache is not None:
            return hidden(self, tokens, segments, cache, *more, **keywords)
        return hidden(self, tokens.reshape(-1, 1), None, None, *more, **keywords).view(*tokens.shape, -1)

    monkeypatch.setattr(Transformer, "hidden", alone)
    assert named(diagnosis(trained(tmp_path, modules), modules)) == {"masking or data: context"}


def test_a_text_learned_by_heart_is_named(tmp_path):
    data = corpus(tmp_path, [module(1)[:500]])
    found = diagnosis(trained(tmp_path, data), data)
    assert named(found) == {"memorisation: apart"}
    assert "masking or data: head start" not in found, "the text was seen twice before the first evaluation"


def test_a_model_that_repeats_itself_is_named(tmp_path):
    data = corpus(tmp_path, ["x = 1\n" * 60 + module(seed) for seed in range(100)])
    found = named(diagnosis(trained(tmp_path, data), data))
    assert found > {"repetition: repeated", "repetition: shown"}
    assert found - {"repetition: repeated", "repetition: shown"} == {"memorisation: recited"}, "the line is its text's"


def test_spikes_are_counted_against_the_noise_of_the_curve():
    noise = np.random.default_rng(0).normal(3.0, 0.1, 200)
    assert signs.spikes(noise) == 0
    noise[[50, 100, 150, 151, 190]] += 2
    assert signs.spikes(noise) == pytest.approx(5 / 175)


def test_a_loss_that_climbs_back_has_risen():
    assert signs.risen(np.linspace(5, 2, 100)) == 0
    assert signs.risen(np.concatenate([np.linspace(5, 2, 50), np.full(50, 4.0)])) == pytest.approx(1.8, abs=0.2)


def test_steps_that_were_skipped_are_counted():
    loss = np.full(400, 3.0)
    metrics = {"loss": loss, "gradient_norm": loss / 3, "progress": np.linspace(0, 1, 400)}
    metrics["loss"] = np.where(np.arange(400) % 40 == 5, np.nan, loss)
    found = {
        sign.name: sign for sign in signs.of_learning_rate(metrics, {"learning_rate": 1, "warmup": 0.1, "clip": 1}, 9)
    }
    assert found["skipped"].value == pytest.approx(0.025) and found["skipped"].found
    assert not found["spikes"].found


def test_the_share_of_a_text_that_stands_in_a_corpus_counts_each_token_once():
    stream = np.arange(100)
    text = np.array([7, *range(20, 32), 7, 7, *range(50, 55)])  # 12 and 5 in a row
    assert covered([text], stream, length=6) == 12 / 20
    assert covered([text], stream, length=5) == 17 / 20
    assert covered([text, np.arange(900, 920)], stream, length=5) == 17 / 40
    assert covered([text[:3]], stream, length=5) == 0


def test_a_model_that_does_not_say_how_it_was_trained_is_named(healthy, modules, tmp_path):
    summary = read_json(healthy / "training.json")
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((healthy / name).read_bytes())
    write_json(tmp_path / "training.json", {name: value for name, value in summary.items() if name != "knobs"})
    with pytest.raises(Failure, match=r"training\.json: does not say how the model was trained"):
        diagnosis(tmp_path, modules)
