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
from charmer.model.manifest import MANIFEST
from charmer.model.shape import WEIGHTS

KEY, COST = "before", "cost"  # of the manifest
SAME = ("sources", "curate")  # what the card says of the corpus and of what was held out, it says of every training


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


def earlier(start: Path, own: str) -> list[Earlier]:
    """The trainings of the released model in `start`, the first one first.

    Args:
        start: a folder that was released.
        own: name of the file with a release's own settings.

    Raises:
        Failure: it holds no release, or a damaged one.
    """
    if not (start / MANIFEST).is_file():
        raise Failure(
            f"release: the model went on from {start}, which was not released, so nobody could make it again; release "
            "that one first, and go on from where it ships"
        )
    try:
        content = files.read_json(start / MANIFEST)
        found = [Earlier(_text(start / one["settings"]), one["weights"], one["cost"]) for one in content.get(KEY, [])]
        return [*found, Earlier(_text(start / own), content["files"][WEIGHTS]["sha256"], content.get(COST, {}))]
    except (KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{start / MANIFEST}: is damaged; put the released files back, or start from another") from error


def write(folder: Path, trainings: Sequence[Earlier], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Put their settings into a folder, and give the manifest's entries for them.

    Args:
        settings: of the training that went on from them.

    Raises:
        Failure: one of them read another corpus, of which the card would say nothing.
    """
    entries = []
    for number, training in enumerate(trainings, 1):
        theirs = yaml.safe_load(training.settings)
        for section in SAME:
            if theirs.get(section) != settings.get(section):
                raise Failure(
                    f"release: train.init_from names a model whose {section} were not these, so the card could not say "
                    f"what it has read; give {section} as its settings.yaml does"
                )
        name = f"settings.{number}.yaml"
        files.write_text(folder / name, training.settings)
        entries.append({"settings": name, "weights": training.weights, COST: training.cost})
    return entries


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: cannot be read ({error}); put the released files back") from error
