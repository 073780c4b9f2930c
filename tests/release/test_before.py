"""A model that went on from a released one: what it takes to make it again ships with it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
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


def test_it_ships_with_the_settings_of_every_training_before_it(released: Path, further, outputs, tmp_path: Path):
    first, weights = (released / "settings.yaml").read_text(), sha256_of(released / "model.safetensors")
    for stage in (1, 2):
        build.release(released, outputs, further, most_mb=40)
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
    assert "It was trained from nothing in 3 stages, each with an end of its own, and the last of them on" in card
    assert "1. [settings.1.yaml](settings.1.yaml): 4k tokens in 1 h 02 min, 1.2e+12 FLOPs, left the weights" in card
    assert f"`{weights}`" in card and "In the last stage, read were" in card
    again = "release --configfile settings.1.yaml snakemake --cores all release --configfile settings.2.yaml snakemake"
    assert again in card


def test_a_model_released_before_costs_were_kept_is_gone_on_from(released: Path, further, outputs):
    content = json.loads((released / "release.json").read_text())
    del content["cost"], content["before"]
    (released / "release.json").write_text(json.dumps(content))
    build.release(released, outputs, further, most_mb=40)
    assert "(settings.1.yaml): 4k tokens, left the weights" in (released / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("section", ["sources", "curate"])
def test_one_that_read_another_corpus_is_refused(released: Path, further, outputs, section: str):
    further[section] = [] if section == "sources" else {}
    before = {path.name: path.read_bytes() for path in released.iterdir()}
    with pytest.raises(Failure, match=rf"a model whose {section} were not these"):
        build.release(released, outputs, further, most_mb=40)
    assert {path.name: path.read_bytes() for path in released.iterdir()} == before


def test_one_that_was_never_released_is_refused(released: Path, further, outputs, tmp_path: Path):
    further["train"]["init_from"] = str(tmp_path / "models" / "m-1")
    with pytest.raises(Failure, match=r"m-1, which was not released, so nobody could make it again"):
        build.release(released, outputs, further, most_mb=40)


def test_a_damaged_release_is_refused_by_name(released: Path, further, outputs):
    (released / "release.json").write_text("[]")
    with pytest.raises(Failure, match=r"release\.json: is damaged"):
        build.release(released, outputs, further, most_mb=40)
