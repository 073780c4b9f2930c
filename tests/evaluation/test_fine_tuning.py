"""Before and after: own code and that of others apart, each case asked of both models, recitation of own code alone."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from charmer.common.failure import Failure
from charmer.common.files import read_table, write_json, write_table
from charmer.evaluation import fine_tuning
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache
from charmer.model import folder
from charmer.model.network import Transformer
from charmer.report import headline

KNOBS = {"max_mb": 1.0, "lines": 2, "passages": 2}


@pytest.fixture
def data(world: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """The world, in which the package red is a person's own in test, and all is in train."""
    found = {**world, "start": world["model"] / "model.safetensors"}
    for split in ("train", "test"):
        rows = read_table(world["test_shards"].parent / split / "shard-00000.parquet").to_pylist()
        rows = [{**row, "own": split == "train" or row["package"] == "red"} for row in rows]
        write_table(tmp_path / split / "shard-00000.parquet", pa.Table.from_pylist(rows))
        found[f"{split}_shards"] = tmp_path / split
    np.save(tmp_path / "windows.npy", np.arange(4) * 128)
    return {**found, "train_windows": tmp_path / "windows.npy"}


def measured(model: Path, data: dict[str, Path]) -> dict[str, dict]:
    return {row["slice"]: row for row in fine_tuning.evaluate(model, data, KNOBS, threads=1).to_pylist()}


def test_a_model_that_did_not_change_shows_no_change(data: dict[str, Path]):
    found = measured(data["model"], data)
    assert found["own code, change"]["value"] == found["other code, change"]["value"] == 0.0
    assert (found["own code, before"]["cases"], found["other code, before"]["cases"]) == (2, 2)
    assert found["recited, after"]["value"] == 0.0


def test_a_changed_model_is_compared_with_the_one_before(data: dict[str, Path], tmp_path: Path):
    network, _ = folder.load(data["model"])
    assert isinstance(network, Transformer)
    torch.manual_seed(0)
    torch.nn.init.normal_(network.embed_tokens.weight)
    folder.save(tmp_path / "after", network, data["model"] / "tokenizer.json")
    found = measured(tmp_path / "after", data)
    before, after = (found[f"own code, {when}"]["value"] for when in ("before", "after"))
    assert found["own code, change"]["value"] == pytest.approx(after / before - 1)
    assert after > before, "a model that guesses at random is worse than one that guesses evenly"


def test_both_models_are_asked_with_the_n_gram_cache_of_the_one_before(data: dict[str, Path], tmp_path: Path):
    shutil.copytree(data["model"], tmp_path / "start")
    ngram_cache.write(tmp_path / "start" / "ngram_cache.json", NgramCache((0.0,) * 4, (1.0,) * 4))
    found = measured(data["model"], {**data, "start": tmp_path / "start" / "model.safetensors"})
    before, after = (found[f"own code, {when}, with n-gram cache"]["value"] for when in ("before", "after"))
    assert before == after < found["own code, before"]["value"], "what a file repeats costs less"
    assert found["other code, change, with n-gram cache"]["value"] == 0.0


def test_the_share_of_the_windows_that_training_read_stands_beside_what_is_recited(
    data: dict[str, Path], tmp_path: Path
):
    shutil.copytree(data["model"], tmp_path / "model")
    write_json(tmp_path / "model" / "training.json", {"tokens": 256})
    found = measured(tmp_path / "model", data)
    assert json.loads(found["recited, after"]["detail"])["read"] == 0.5
    assert "read" not in json.loads(found["recited, before"]["detail"])


def test_without_own_files_nothing_is_compared(data: dict[str, Path], world: dict[str, Path], tmp_path: Path):
    rows = [{**row, "own": False} for row in read_table(data["test_shards"] / "shard-00000.parquet").to_pylist()]
    write_table(tmp_path / "none/shard-00000.parquet", pa.Table.from_pylist(rows))
    with pytest.raises(Failure, match="holds no file of your own"):
        fine_tuning.evaluate(data["model"], {**data, "test_shards": tmp_path / "none"}, KNOBS, threads=1)


def test_a_model_that_recites_what_it_did_not_know_is_warned_of():
    def rows(before: float, after: float) -> list[dict]:
        return [
            {"slice": f"recited, {when}", "value": value, "cases": 100}
            for when, value in (("before", before), ("after", after))
        ]

    assert headline.recites(rows(0.02, 0.02)) == ""
    assert "recites 3 of 100 passages of your code that it did not know before" in headline.recites(rows(0.02, 0.05))


def test_where_nobody_elses_code_is_held_out_only_ones_own_is_shown(data: dict[str, Path], tmp_path: Path):
    rows = [{**row, "own": True} for row in read_table(data["test_shards"] / "shard-00000.parquet").to_pylist()]
    write_table(tmp_path / "all/shard-00000.parquet", pa.Table.from_pylist(rows))
    found = measured(data["model"], {**data, "test_shards": tmp_path / "all"})
    assert "own code, change" in found and "other code, change" not in found
