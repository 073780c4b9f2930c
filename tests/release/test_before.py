"""A model that went on from a released one: what it takes to make it again ships with it."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from charmer.common import files
from charmer.common.failure import Failure
from charmer.common.files import sha256_of
from charmer.model import manifest
from charmer.release import build

COST = {"tokens": 4000, "seconds": 3725.0, "flops": 1.2e12}


@pytest.fixture
def further(settings: dict[str, Any], released: Path) -> dict[str, Any]:
    """Settings of a run that goes on from `released`."""
    found = copy.deepcopy(settings)
    found["train"] |= {"init_from": str(released), "seed": 2}
    return found


def began_with(outputs: dict[str, Path], weights: str, place: Path) -> dict[str, Path]:
    """The outputs of a training that says which weights it began with."""
    model = place / "m-1"
    shutil.copytree(outputs["weights"].parent, model)
    files.write_json(model / "training.json", files.read_json(model / "training.json") | {"start": weights})
    return {
        name: model / path.name if path.parent == outputs["weights"].parent else path for name, path in outputs.items()
    }


def test_it_ships_with_the_settings_of_every_training_before_it(released: Path, further, outputs, tmp_path: Path):
    first, weights = (released / "settings.yaml").read_text(), sha256_of(released / "model.safetensors")
    for stage in (1, 2):
        begun = began_with(outputs, sha256_of(released / "model.safetensors"), tmp_path / str(stage))
        build.release(released, begun, further, most_mb=40)
        kept = json.loads((released / "release.json").read_text())
        assert len(kept["before"]) == stage and kept["cost"] == COST
        manifest.check(released)
    assert kept["before"][0] == {"settings": "settings.1.yaml", "weights": weights, "cost": COST}
    assert (released / "settings.1.yaml").read_text() == first
    seeds = [
        yaml.safe_load((released / f"settings{n}.yaml").read_text())["train"].get("seed") for n in (".1", ".2", "")
    ]
    assert seeds == [None, 2, 2]
    card = " ".join((released / "MODEL_CARD.md").read_text().split())
    assert "from nothing on code of 2 packages, in 3 stages, of which the last took 1 h 02 min on a processor." in card
    assert "1. [settings.1.yaml](settings.1.yaml): 4k tokens in 1 h 02 min, 1.2e+12 FLOPs, left the weights" in card
    assert f"`{weights}`" in card and "In the last stage, read were" in card
    again = "release --configfile settings.1.yaml snakemake --cores all release --configfile settings.2.yaml snakemake"
    assert again in card and "at the commit that released each stage" in card


def test_another_start_than_the_training_began_with_is_refused(released: Path, further, outputs, tmp_path: Path):
    begun = began_with(outputs, "0" * 64, tmp_path)
    with pytest.raises(Failure, match=r"pretrained holds another model than the one that the training began with"):
        build.release(released, begun, further, most_mb=40)


def test_a_model_released_before_costs_were_kept_is_gone_on_from(released: Path, further, outputs):
    content = json.loads((released / "release.json").read_text())
    del content["cost"], content["before"]
    (released / "release.json").write_text(json.dumps(content))
    build.release(released, outputs, further, most_mb=40)
    assert "(settings.1.yaml): 4k tokens, left the weights" in (released / "MODEL_CARD.md").read_text()


def test_one_that_read_another_corpus_is_refused(released: Path, further, outputs, tmp_path: Path):
    rows = files.read_table(outputs["packages"])
    files.write_table(tmp_path / "packages.parquet", rows.slice(0, 2))
    before = {path.name: path.read_bytes() for path in released.iterdir()}
    with pytest.raises(Failure, match=r"pretrained read another corpus than the training that went on from it"):
        build.release(released, outputs | {"packages": tmp_path / "packages.parquet"}, further, most_mb=40)
    assert {path.name: path.read_bytes() for path in released.iterdir()} == before


def test_a_start_that_does_not_ship_there_is_refused(released: Path, further, outputs, tmp_path: Path):
    with pytest.raises(Failure, match=r"only what ships in \S+elsewhere can be gone on from"):
        build.release(tmp_path / "elsewhere", outputs, further, most_mb=40)
    further["train"]["init_from"] = str(outputs["weights"].parent)
    with pytest.raises(Failure, match=r"the model went on from \S+m-1, and only what ships in"):
        build.release(released, outputs, further, most_mb=40)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", r"release\.json: is damaged"),
        ('{"files": {}}', r"release\.json: is damaged; put the released files back"),
    ],
)
def test_a_damaged_release_is_refused_by_name(released: Path, further, outputs, content: str, told: str):
    (released / "release.json").write_text(content)
    with pytest.raises(Failure, match=told):
        build.release(released, outputs, further, most_mb=40)


def test_a_start_whose_files_are_not_those_that_were_released_is_refused(released: Path, further, outputs):
    (released / "settings.yaml").write_text("train: [")
    with pytest.raises(Failure, match=r"settings\.yaml: holds 8 bytes, and \d+ were released"):
        build.release(released, outputs, further, most_mb=40)
