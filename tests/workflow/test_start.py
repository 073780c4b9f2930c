"""The DAG of a run that starts from another model."""

from __future__ import annotations

import json

import pytest
from project import Project
from safetensors.numpy import load_file, save_file
from test_rerun import TRAIN, VOCAB


def start(project: Project, **more: str) -> dict[str, str]:
    """The configuration that starts from the project's own model; `more` are further sections."""
    (model,) = project.folder.glob("results/models/*/model.safetensors")
    return {"train": f"{{init_from: {model.parent.relative_to(project.folder)}}}", **more}


def test_its_tokenizer_replaces_the_vocabulary_and_all_that_rests_on_it(finished: Project):
    """The corpus is curated anew as well: a person's own code that repeats what the model may know leaves."""
    assert finished.scheduled(config=start(finished)) == {"curate": 1, **VOCAB}
    assert finished.scheduled() == {}


def test_a_shape_set_otherwise_is_refused_before_any_job_starts(finished: Project):
    result = finished.snakemake(config=start(finished, model="{layers: 3}"))
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "model.layers: 3, but the model of train.init_from, results/models/" in said and "has 2; allowed: 2" in said
    assert "Error in rule" not in said


@pytest.mark.slow
def test_it_goes_on_from_the_other_models_weights_and_only_what_changed_reruns(own: Project):
    config = start(own)
    (model,) = own.folder.glob("results/models/*/model.safetensors")
    result = own.snakemake(config=config)
    assert result.returncode == 0, result.stderr[-3000:]
    (other,) = set(own.folder.glob("results/models/*/training.json")) - {model.parent / "training.json"}
    first, second = (json.loads(path.read_text())["bits_per_byte"] for path in (model.parent / "training.json", other))
    assert second < first
    assert (other.parent / "tokenizer.json").read_bytes() == (model.parent / "tokenizer.json").read_bytes()
    model.touch()
    assert own.scheduled(config=config) == {}, "a new date alone"
    weights = load_file(model)
    save_file({name: weight * 0.5 for name, weight in weights.items()}, model, metadata={"format": "pt"})
    assert own.scheduled(config=config) == TRAIN
