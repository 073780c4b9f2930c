"""The trainings that a model went on from (`train.init_from`): what each was told, so that all of it can be made again.

A released model keeps the settings of every training before its own beside its own, in order: settings.1.yaml is the
first one's. The weights that each left are named by their digest alone; only the last ones ship.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from charmer.common import files
from charmer.common.failure import Failure
from charmer.model import manifest
from charmer.model.manifest import MANIFEST
from charmer.model.shape import WEIGHTS

KEY, COST, MADE_FROM = "before", "cost", "made_from"  # of the manifest
PACKAGES = "packages.parquet"  # what the card says of the corpus and of what was held out, it says of every training


@dataclass(frozen=True)
class Earlier:
    """One training before.

    Attributes:
        settings: its configuration, as YAML.
        weights: SHA-256 of the weights that were gone on from.
        cost: its tokens, seconds and flops; empty for a model that was released before these were kept.
    """

    settings: str
    weights: str
    cost: dict[str, float] = field(default_factory=dict)

    @property
    def budget(self) -> str:
        """What it was allowed."""
        return str(yaml.safe_load(self.settings)["train"]["budget"])


def earlier(start: Path, folder: Path, training: Mapping[str, Any], packages: Path, own: str) -> list[Earlier]:
    """The trainings of the released model in `start`, the first one first.

    Args:
        start: the model that was gone on from.
        folder: where the one that went on from it is to ship: only what ships there can be gone on from.
        training: what the training says of itself.
        packages: the table of the packages of its corpus.
        own: name of the file with a release's own settings.

    Raises:
        Failure: `start` holds no release, a damaged one, or another one than the training began with, or it read
            another corpus.
    """
    if not (start / MANIFEST).is_file() or start.resolve() != folder.resolve():
        raise Failure(
            f"release: the model went on from {start}, and only what ships in {folder} can be gone on from, or nobody "
            "could make it again; release that model there first"
        )
    manifest.check(start)
    try:
        content = files.read_json(start / MANIFEST)
        weights = content["files"][WEIGHTS]["sha256"]
        if training.get("start", weights) != weights:
            raise Failure(
                f"release: {start} holds another model than the one that the training began with; put that one back "
                "(`git checkout` has it, if it was committed), or train once more"
            )
        theirs = {digest for path, digest in content[MADE_FROM].items() if path.endswith(f"/{PACKAGES}")}
        if theirs != {files.sha256_of(packages)}:
            raise Failure(
                f"release: the model in {start} read another corpus than the training that went on from it (sources, "
                "versions, or what was held out), so no card could say what it has read; take the sources and the "
                f"section curate of its {own}, with the same packages installed"
            )
        found = [Earlier(_text(start / one["settings"]), one["weights"], one[COST]) for one in content.get(KEY, [])]
        return [*found, Earlier(_text(start / own), weights, content.get(COST, {}))]
    except (KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{start / MANIFEST}: is damaged; put the released files back") from error


def write(folder: Path, trainings: Sequence[Earlier]) -> list[dict[str, Any]]:
    """Put their settings into a folder, and give the manifest's entries for them."""
    entries = []
    for number, training in enumerate(trainings, 1):
        name = f"settings.{number}.yaml"
        files.write_text(folder / name, training.settings)
        entries.append({"settings": name, "weights": training.weights, COST: training.cost})
    return entries


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: cannot be read ({error}); put the released files back") from error
