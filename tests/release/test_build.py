"""The released folder: whole, small enough, opened here and by transformers, and swapped in as one."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest
import torch
import yaml
from charmer.common.failure import Failure
from charmer.common.files import sha256_of
from charmer.errors import calibration
from charmer.model import folder, manifest
from charmer.release import build, weights
from safetensors.torch import load_file


def test_it_holds_all_that_ships_and_its_manifest_names_every_file(released: Path):
    found = json.loads((released / "release.json").read_text())
    names = {"model.safetensors", "config.json", "tokenizer.json", "check.json", "ngram_cache.json", "seen.npy"}
    names |= {"MODEL_CARD.md", "NOTICE.md", "settings.yaml", "metrics.csv"}
    names |= {"tokenizer_config.json", "generation_config.json"}
    assert set(found["files"]) == names == {path.name for path in released.iterdir()} - {"release.json"}
    assert found["files"]["MODEL_CARD.md"]["sha256"] == sha256_of(released / "MODEL_CARD.md")
    assert {"models/m-1/model.safetensors", "corpus/c-1/ledger.parquet"} <= set(found["made_from"])
    manifest.check(released)


def test_its_weights_are_trainings_rounded_to_bfloat16_and_open_in_float32(released: Path, outputs):
    trained, shipped = load_file(outputs["weights"]), load_file(released / "model.safetensors")
    assert all(torch.equal(shipped[name], tensor.to(torch.bfloat16)) for name, tensor in trained.items())
    begun = time.perf_counter()
    network, tokenizer = folder.load(released)
    assert time.perf_counter() - begun < 2
    for name, weight in network.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, shipped[f"model.{name}"].float())
    assert tokenizer.vocab_size == 264
    assert json.loads((released / "config.json").read_text())["dtype"] == "bfloat16"
    assert calibration.read(released) == calibration.of([("toy", 600, [3.5, 1.25])])


def test_rounding_moves_a_weight_by_at_most_one_part_in_256(released: Path, outputs):
    found = weights.rounding(
        outputs["weights"].parent, released, outputs["test_tokens"], outputs["test_documents"], threads=1
    )
    assert 0 < found.largest <= 2**-8
    assert found.after == pytest.approx(found.before, rel=0.01)
    assert found.bytes > 100


def test_transformers_opens_it_in_bfloat16_with_our_ids(released: Path, monkeypatch: pytest.MonkeyPatch):
    transformers = pytest.importorskip("transformers", reason="the test needs transformers (extra `dev`)")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(released)
    assert {weight.dtype for weight in theirs.parameters()} == {torch.bfloat16}
    network, tokenizer = folder.load(released)
    text = "def add(first):\n    return first\n"
    ids = transformers.AutoTokenizer.from_pretrained(released)(text)["input_ids"]
    assert ids == tokenizer.encode(text).tolist()
    with torch.no_grad():
        ours, wide = network(torch.tensor([ids])), theirs.float()(torch.tensor([ids])).logits
    torch.testing.assert_close(ours, wide, atol=1e-4, rtol=1e-4)


def test_the_same_outputs_give_the_same_bytes_and_no_place_of_this_machine(released: Path, outputs, settings, tmp_path):
    build.release(tmp_path / "again" / "pretrained", outputs, settings, most_mb=40)
    for path in released.iterdir():
        content = path.read_bytes()
        assert (tmp_path / "again" / "pretrained" / path.name).read_bytes() == content, path.name
        assert b"/home/somebody" not in content and b"secret-host" not in content
        assert str(tmp_path).encode() not in content


def test_settings_are_a_configuration_and_metrics_hold_every_row(released: Path, settings):
    config = yaml.safe_load((released / "settings.yaml").read_text())
    assert config["break"] == settings["break"] and config["evaluate"]["metrics"] == list(settings["evaluate"])
    assert config["evaluate"]["humaneval"]["problems"] == "HumanEval.jsonl.gz"
    with (released / "metrics.csv").open(newline="") as file:
        rows = [(row["metric"], row["slice"], row["value"]) for row in csv.DictReader(file)]
    assert ("bits_per_byte", "package=unseen", "1.3") in rows and len(rows) == 7


def test_a_folder_that_would_be_too_large_is_refused_and_the_old_release_stays(released: Path, outputs, settings):
    before = {path.name: path.read_bytes() for path in released.iterdir()}
    for most_mb in (0.01, 0.06):  # the weights alone; the whole folder
        with pytest.raises(Failure, match=rf"more than release\.most_mb: {most_mb}"):
            build.release(released, outputs, settings, most_mb)
    assert {path.name: path.read_bytes() for path in released.iterdir()} == before
    assert [path.name for path in released.parent.iterdir()] == ["pretrained"]


def test_an_interruption_leaves_the_old_release(released: Path, outputs, settings, monkeypatch: pytest.MonkeyPatch):
    before = {path.name: path.read_bytes() for path in released.iterdir()}

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("charmer.release.card.render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build.release(released, outputs, settings, 40)
    assert {path.name: path.read_bytes() for path in released.iterdir()} == before
    assert [path.name for path in released.parent.iterdir()] == ["pretrained"]


def test_what_a_kill_between_the_renames_left_is_put_back(released: Path, outputs, settings):
    old = released.with_name(".pretrained.old")
    released.rename(old)
    with pytest.raises(Failure, match="most_mb"):
        build.release(released, outputs, settings, 0.06)
    manifest.check(released)
    assert (released / "MODEL_CARD.md").exists() and not old.exists()


def test_a_folder_of_other_files_is_left_alone(outputs, settings, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Failure, match=r"holds notes\.txt, which no release put there"):
        build.release(tmp_path, outputs, settings, 40)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_without_its_training_summary_is_refused(outputs, settings, tmp_path: Path):
    summary = outputs["weights"].parent / "training.json"
    kept = summary.read_text()
    summary.unlink()
    try:
        with pytest.raises(Failure, match=r"release: .*training\.json: there is no such file"):
            build.release(tmp_path / "pretrained", outputs, settings, 40)
    finally:
        summary.write_text(kept)
    assert not (tmp_path / "pretrained").exists()
