"""The run in a few numbers and samples: what page, index and terminal begin with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from charmer.report import doctor, numbers
from charmer.report.doctor import Verdict
from charmer.report.inputs import Inputs, Rows, pick

BASELINE = "baseline=xz -9"


@dataclass(frozen=True)
class Figure:
    """One headline number.

    Attributes:
        name: its key in summary.json.
        label: what it says, for people.
        value, low, high: None where it was not measured.
        beside: another figure that it is to be read against; "" for none.
    """

    name: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    beside: str = ""

    @property
    def text(self) -> str:
        return numbers.number(self.value, self.unit)

    @property
    def interval(self) -> str:
        return numbers.interval(self.low, self.high, self.unit)


ABILITIES = (  # metric, slice, key and label: what the model can do, in the order of the page
    ("parses", "compiles", "compiles", "of generated functions compile"),
    ("line_completion", "exact match", "line_completion", "of lines are completed exactly"),
    ("characters_saved", "characters saved", "characters_saved", "of typed characters are saved"),
    ("synthesis", "pass@1", "pass_at_1", "of small problems are solved (pass@1)"),
)
TUNED = (  # key, slice, label and unit: what a model fitted to a person's own code shows
    ("own_before", "own code, before", "bits per byte of your own held-out files before", "bits/byte"),
    ("own_after", "own code, after", "bits per byte of your own held-out files after", "bits/byte"),
    ("own_change", "own code, change", "change of these bits", "share"),
    ("other_change", "other code, change", "change of the bits of others' held-out packages", "share"),
    ("saved_before", "characters saved, before", "of your typed characters saved before", "share"),
    ("saved_after", "characters saved, after", "of your typed characters saved after", "share"),
    ("recited", "recited, after", "of passages of your training files recited word for word", "share"),
)


def recites(rows: Rows) -> str:
    """A warning where a model fitted to a person's own code can be made to recite it; "" where it cannot."""
    before, after = (pick(rows, f"recited, {when}") for when in ("before", "after"))
    if before is None or after is None or after["value"] <= before["value"]:
        return ""
    count = round((after["value"] - before["value"]) * after["cases"])
    return (
        f"given the beginning, the model recites {count} of {after['cases']} passages of your code that it did not "
        "know before; show it to nobody who may not read your code, or lower train.budget"
    )


def gained_nothing(rows: Rows) -> str:
    """A warning where a model was fitted to a person's own code in vain; "" where it was not."""
    change = pick(rows, "own code, change")
    if change is None or change["value"] < 0:
        return ""
    return (
        "fitting gained nothing: your held-out files take as many bits as with the model before, which serves as well "
        "(--model pretrained); name more code, or lower train.learning_rate"
    )


def learned_little(rows: Rows, training: Mapping[str, Any]) -> str:
    """A warning where a general compressor, which knows no Python, predicts unseen code better; "" where none does.

    Args:
        rows: of bits per byte.
        training: its summary; {} where there is none.
    """
    own, xz = pick(rows, "overall"), pick(rows, BASELINE)
    if own is None or xz is None or own["value"] <= xz["value"] or not training:
        return ""
    return (
        f"the model needs more bits than xz -9, which knows no Python: {numbers.scaled(training['tokens'])} tokens in "
        f"{numbers.duration(training['seconds'])} are too few for it; raise train.budget, or lower train.batch_tokens "
        "and model.width, as config/presets/older.yaml does for processors without bfloat16"
    )


def figures(tables: Mapping[str, Rows]) -> list[Figure]:
    """The page's numbers: bits per byte, xz's in small print, and of the abilities those that were asked for."""
    if "fine_tuning" in tables:
        return [_figure(f"tuned_{key}", label, tables["fine_tuning"], which, unit) for key, which, label, unit in TUNED]
    bits = tables.get("bits_per_byte", [])
    first = _figure("bits_per_byte", "bits per byte of unseen code", bits, "overall", "bits/byte")
    xz = pick(bits, BASELINE)
    if xz is not None:
        first = replace(first, beside=f"xz -9: {numbers.number(xz['value'], 'bits/byte')}")
    asked = [ability for ability in ABILITIES if ability[0] in tables]
    return [first, *(_figure(key, label, tables[name], which, "share") for name, which, key, label in asked)]


def others(tables: Mapping[str, Rows], training: dict[str, Any]) -> list[Figure]:
    """What terminal and index show besides."""
    parses = tables.get("parses", [])
    bits = tables.get("bits_per_byte", [])
    return [
        _figure("xz", "bits per byte that xz -9 needs", bits, BASELINE, "bits/byte"),
        _figure("compiles", "of generated functions compile", parses, "compiles", "share"),
        _figure("names_exist", "use only names that exist", parses, "names exist", "share"),
        Figure("parameters", "parameters", training.get("parameters"), None, None, "parameters"),
    ]


def _figure(name: str, label: str, rows: Rows, which: str, unit: str) -> Figure:
    row = pick(rows, which)
    if row is None:
        return Figure(name, label, None, None, None, unit)
    return Figure(name, label, row["value"], row["low"], row["high"], unit)


def samples(rows: Rows) -> list[dict[str, Any]]:
    """The samples' prompts and completions."""
    return [row["detail"] for row in rows if {"prompt", "completion"} <= set(row["detail"])]


def summary(
    run: Path,
    inputs: Inputs,
    training: dict[str, Any],
    shown: list[Figure],
    samples: list[dict[str, Any]],
    metrics: Iterable[str],
    verdicts: list[Verdict],
    warning: str = "",
) -> dict[str, Any]:
    """What `summary.json` holds: headline numbers, samples, why a metric is a gap, the doctor's words, the model's
    size, and paths relative to the run."""
    kept = ("parameters", "tokens", "steps", "seconds", "flops", "device", "precision", "threads")
    weights = inputs.paths.get("weights")
    return {
        "run": run.name,
        "headline": {figure.name: asdict(figure) for figure in shown},
        "model": {key: training[key] for key in kept if key in training}
        | ({"bytes": weights.stat().st_size} if weights and weights.exists() else {}),
        "samples": samples,
        "gaps": {name: inputs.gaps[name] for name in metrics if name in inputs.gaps},
        "doctor": doctor.summary(verdicts),
        "warning": warning,
        "paths": {
            "report": "report/index.html",
            "model": _relative(inputs.model, run) if inputs.model else None,
            "index": "../../index.html",
        },
    }


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()
