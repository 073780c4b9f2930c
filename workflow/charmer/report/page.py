"""A run's page: everything that was measured, on one self-contained page that works from disk without a network.

Notable here:
- The script that draws plots stands in the page once; each plot is a specification that it draws in the reader's
  color scheme. A content security policy lets nothing else run and nothing be fetched, since the page shows paths
  and code from corpora, which are hostile.
- What is missing is named where it would stand (see `inputs`).
- The same plots lie beside the page as SVG, and the numbers as `summary.json`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from charmer.common import files
from charmer.report import code, doctor, headline, numbers, plots, provenance, style
from charmer.report.inputs import Inputs

TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = ("sources", "scrape", "curate", "break", "vocab", "pack", "model", "train", "fine_tune")

PACKAGE_COLUMNS = ["package", "version", "licence", "own", "split", "files", "bytes"]
STATISTICS_KEYS = ["kind", "entries", "bytes_per_token", "whitespace_share", "most_frequent", "longest"]
TRAINING_KEYS = ["parameters", "tokens", "steps", "seconds", "flops", "device", "precision"]
CURVES = ["tokens", "loss", "learning_rate", "gradient_norm", "tokens_per_second"]


def write(run: Path, inputs: Mapping[str, Path], settings: dict[str, Any]) -> None:
    """Write a run's `report/index.html`, `report/plots/*.svg`, `summary.json`, `config.yaml` and `provenance.json`.

    Args:
        run: the run's folder.
        inputs: what the run made, by name: `counts`, `card` and `packages` of the corpus, `statistics` of the
            vocabulary, `windows` (summary of the training windows), `weights` (in the model's folder), and
            `metric_<name>` for each metric's table. Whatever is missing or damaged is shown as a gap.
        settings: the sections of the configuration that the run depends on; `evaluate` maps each metric to its knobs.

    Raises:
        Failure: the folder cannot be written.
    """
    found = Inputs(inputs)
    expected = list(dict.fromkeys([*settings.get("evaluate", {}), *found.metrics()]))
    tables = {name: found.metric(name) for name in expected}
    training, curves, held_out = _training(found)
    shown = headline.figures(tables)
    samples = headline.samples(tables.get("samples", []))
    verdicts = doctor.verdicts(tables.get("doctor", []))
    warning = headline.recites(tables.get("fine_tuning", []))
    warning = warning or headline.gained_nothing(tables.get("fine_tuning", []))
    warning = warning or headline.learned_little(tables.get("bits_per_byte", []), training)
    counts, card = found.document("counts", ["in", "kept"]), found.document("card", ["bytes"])
    groups = {
        "corpus": plots.corpus(counts, card),
        "training": plots.training(curves, held_out),
        **{f"metric_{name}": plots.metric(name, rows) for name, rows in tables.items()},
    }
    origin = provenance.record(found)
    files.write_json(run / "provenance.json", origin)
    files.write_text(run / "config.yaml", configuration(run.name, settings))
    for plot in (plot for group in groups.values() for plot in group):
        files.write_text(run / "report" / "plots" / f"{plot.name}.svg", style.svg(plot.specification))
    context = {
        **drawing(),
        "run": run.name,
        "figures": shown,
        "own": any(source.get("own") for source in settings.get("sources", [])),
        "warning": warning,
        "samples": samples,
        "verdicts": verdicts,
        "training": training,
        "start": settings.get("train", {}).get("init_from", ""),
        "counts": counts,
        "packages": found.table("packages", PACKAGE_COLUMNS),
        "statistics": found.document("statistics", STATISTICS_KEYS),
        "windows": found.document("windows", ["windows"]),
        "metrics": tables,
        "groups": groups,
        "provenance": origin,
        "settings": settings,
        "configuration": configuration(run.name, settings),
        "gaps": found.gaps,
    }
    told = [*shown, *headline.others(tables, training)]
    files.write_json(
        run / "summary.json", headline.summary(run, found, training, told, samples, tables, verdicts, warning)
    )
    files.write_text(run / "report" / "index.html", render("page.html", context))


def configuration(name: str, settings: Mapping[str, Any]) -> str:
    """The run's settings as a configuration file that makes the same run again."""
    readable = name.rpartition("-")[0] or name
    config: dict[str, Any] = {"name": readable, "code": []}
    config |= {section: settings[section] for section in SECTIONS if section in settings}
    metrics = settings.get("evaluate", {})
    config["evaluate"] = {"metrics": list(metrics), **metrics}
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100)


def _training(inputs: Inputs) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The training's summary, its steps and its evaluations."""
    if inputs.model is None:
        inputs.gaps["training"] = "there is no model"
        return {}, [], []
    return (
        inputs.document("training", TRAINING_KEYS, inputs.model / "training.json"),
        inputs.table("curves", CURVES, inputs.model / "metrics.parquet"),
        inputs.table("held_out", ["tokens", "bits_per_byte"], inputs.model / "held_out.parquet"),
    )


def render(template: str, context: Mapping[str, Any]) -> str:
    """Fill a template of the report; everything that is not markup of ours is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": numbers.number,
        "scaled": numbers.scaled,
        "size": numbers.size,
        "duration": numbers.duration,
        "surprise": code.surprise,
        "breakable": code.breakable,
    }
    environment.globals |= {
        "highlight": code.highlight,
        "title_of": plots.title_of,
        "basis": plots.basis,
        "interval": numbers.interval,
        "stylesheet": (TEMPLATES / "page.css").read_text(encoding="utf-8"),
    }
    return environment.get_template(template).render(context)


def drawing() -> dict[str, Any]:
    """What a page needs that draws plots: the scripts, the expressions that allow them, and both color schemes."""
    scripts = {"vega": style.javascript(), "draw": (TEMPLATES / "draw.js").read_text(encoding="utf-8")}
    return {
        "scripts": scripts,
        "script_hashes": " ".join(script_hash(script) for script in scripts.values()),
        "themes": {"light": style.theme(dark=False), "dark": style.theme(dark=True)},
    }


def script_hash(script: str) -> str:
    """The source expression by which a content security policy allows exactly this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
