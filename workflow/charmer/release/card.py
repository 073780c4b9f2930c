"""The model card and the notice: Markdown made from tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from charmer.common import files
from charmer.common.failure import Failure
from charmer.model.network import ModelConfig
from charmer.release import limits
from charmer.release.before import Earlier
from charmer.release.notice import by_licence, plain
from charmer.release.weights import Rounding
from charmer.report import doctor, headline, numbers
from charmer.report.inputs import Inputs, Rows
from charmer.report.page import PACKAGE_COLUMNS, STATISTICS_KEYS, TRAINING_KEYS
from charmer.report.plots import title_of

TEMPLATES = Path(__file__).parent / "templates"
APART = ("samples", "doctor")  # metrics that the card tells of in other ways than by a row a value
WHOLE = ("baseline",)  # of slices that have members, those that stand in the card; the others are in metrics.csv
SAMPLES, SAMPLE_LINES = 2, 12


@dataclass(frozen=True)
class Facts:
    """What the run says of itself: its training, corpus, vocabulary and windows, and the machine."""

    training: dict[str, Any]
    counts: dict[str, Any]
    statistics: dict[str, Any]
    windows: dict[str, Any]
    processor: str
    versions: dict[str, str]

    @classmethod
    def read(cls, inputs: Inputs, model: Path, run: Path) -> Facts:
        """Read them; what cannot be read is empty, with its gap in `inputs`."""
        inputs.table("packages", PACKAGE_COLUMNS)
        try:
            origin = files.read_json(run / "provenance.json")
        except Failure:  # left by another version; the card does without it
            origin = {}
        return cls(
            inputs.document("training", TRAINING_KEYS, model / "training.json"),
            inputs.document("counts", ["in", "kept", "out"]),
            inputs.document("statistics", STATISTICS_KEYS),
            inputs.document("windows", ["bytes", "predicted"]),
            origin.get("processor", ""),
            {"Python": origin.get("python", ""), **origin.get("versions", {})},
        )


def context(
    facts: Facts,
    settings: dict[str, Any],
    tables: Mapping[str, Rows],
    gaps: Mapping[str, str],
    packages: list[dict[str, Any]],
    rounding: Rounding,
    described: Mapping[str, dict[str, Any]],
    config: ModelConfig,
    folder: Path,
    trainings: Sequence[Earlier] = (),
) -> dict[str, Any]:
    """What the card's template shows.

    Args:
        settings: of the run, without places of this machine.
        tables: rows by metric, in the order of the card; empty for a gap, whose reason is in `gaps`.
        packages: as `notice.packages` gives them.
        described: bytes and SHA-256 of the files that are there already.
        folder: where it will lie.
        trainings: those that the model went on from, the first one first.
    """
    bytes_per_token = facts.statistics["bytes_per_token"]
    training = facts.training
    machine = training["device"].partition(":")[0]
    rate = training["flops"] / training["seconds"] / training["matrix_peak"] if training.get("matrix_peak") else None
    return {
        "facts": facts,
        "settings": settings,
        "config": config,
        "machine": {"cpu": "a processor", "cuda": "CUDA GPUs", "mps": "an Apple GPU"}.get(machine, machine),
        "rate": rate,
        "passes": training["tokens"] / max(facts.windows["predicted"], 1),
        "metrics": {name: _shown(rows) for name, rows in tables.items() if name not in APART},
        "gaps": gaps,
        "rounding": rounding,
        "trainings": trainings,
        "timed": any("minute" in budget for budget in [training.get("budget", ""), *(one.budget for one in trainings)]),
        "packages": packages,
        "licences": by_licence(row for row in packages if row["split"] == "train"),
        "sources": _sources(settings["sources"], packages),
        "trained": {row["package"] for row in packages if row["split"] == "train"},
        "held_out": {
            split: rows for split in ("val", "test") if (rows := [row for row in packages if row["split"] == split])
        },
        "samples": [_sample(sample) for sample in headline.samples(tables.get("samples", []))[:SAMPLES]],
        "doctor": limits.doctors_words(doctor.verdicts(tables.get("doctor", []))) if "doctor" in tables else None,
        "fills_in": limits.fills_in(tables),
        "bad_at": list(limits.bad_at(tables, config.context_length, bytes_per_token)),
        "never": limits.NEVER,
        "files": described,
        "place": folder.name if folder.is_absolute() else folder.as_posix(),
        "scaling": (folder.parent / "speedrun.md").is_file(),
    }


def render(context: Mapping[str, Any]) -> str:
    """The card."""
    return _filled("MODEL_CARD.md.j2", context)


def notice(packages: list[dict[str, Any]]) -> str:
    """The notice: every package with version, licence, source, size and copyright lines."""
    return _filled("NOTICE.md.j2", {"packages": packages, "licences": by_licence(packages)})


def _filled(template: str, context: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": numbers.number,
        "scaled": numbers.scaled,
        "size": numbers.size,
        "duration": numbers.duration,
        "plain": plain,
    }
    environment.globals |= {"interval": numbers.interval, "title_of": title_of}
    return environment.get_template(template).render(context).replace(numbers.SPACE, " ")


def _shown(rows: Rows) -> Rows:
    """The rows of a metric that stand in the card."""
    return [row for row in rows if row["slice"] != "excerpt" and ("=" not in row["slice"] or _whole(row["slice"]))]


def _whole(name: str) -> bool:
    return name.partition("=")[0] in WHOLE


def _sources(sources: list[dict[str, Any]], packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name, kind, packages and bytes of what each source gave to the training split."""
    found = []
    for source in sources:
        own = [row for row in packages if row["split"] == "train" and source["name"] in row["sources"]]
        found.append(
            {"name": source["name"], "kind": source["kind"], "packages": len(own)}
            | {"files": sum(row["files"] for row in own), "bytes": sum(row["bytes"] for row in own)}
        )
    return found


def _sample(sample: dict[str, Any]) -> list[str]:
    """The first lines of a sample; what no editor shows is a question mark."""
    lines = (sample["prompt"] + sample["completion"]).strip("\n").expandtabs(4).split("\n")
    shown = lines[:SAMPLE_LINES] + (["..."] if len(lines) > SAMPLE_LINES else [])
    return ["".join(character if character.isprintable() else "?" for character in line) for line in shown]
