"""Build the folder that ships from a run's outputs, check it, and put it into its place.

Notable here:
- Nothing in it is written by hand, and nothing in it names a date, a host or a path of this machine: the same outputs,
  and the same release to go on from, give the same bytes.
- Before it takes its place the folder is opened as every command opens it: held against its manifest, then loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa
import pyarrow.csv

from charmer.common import files
from charmer.common.failure import Failure
from charmer.corpus import seen
from charmer.errors import calibration
from charmer.export import hf
from charmer.inference import ngram_cache
from charmer.model import folder as models
from charmer.model import manifest
from charmer.release import before, card, notice, weights
from charmer.release.place import replacing_release
from charmer.report import numbers
from charmer.report.inputs import Inputs
from charmer.report.page import configuration

CARD, NOTICE, SETTINGS, METRICS = "MODEL_CARD.md", "NOTICE.md", "settings.yaml", "metrics.csv"
COLUMNS = ["metric", "slice", "value", "low", "high", "cases", "unit"]
NEEDED = ("training", "counts", "packages", "statistics", "windows")  # without these there is no card


def release(
    folder: Path, inputs: Mapping[str, Path], settings: dict[str, Any], most_mb: float, threads: int = 1
) -> str:
    """Replace the release in `folder` by the model of a run.

    Args:
        folder: where it ships; absent, empty, or an earlier release.
        inputs: what `charmer.pipeline.paths.release_files` names: all that the report of the run reads, and `config`,
            `tokenizer`, `calibration`, `ngram_cache`, `ledger`, `train_shards`, `test_tokens`, `test_documents`,
            `summary`.
        settings: the sections of the configuration that the run depends on; `evaluate` maps each metric to its knobs.
        most_mb: what it may hold.
        threads: of the processor.

    Returns:
        What was released, for the terminal.

    Raises:
        Failure: an input is missing or damaged, the folder would be too large, or holds something else, or the model
            went on from another one than what ships in it. What was there before is as it was.
    """
    model, run = inputs["weights"].parent, inputs["summary"].parent
    _check_size(model, most_mb)
    network, tokenizer = models.load(model)
    shown = without_places(settings)
    lines = notice.holders(inputs["train_shards"])
    packages = notice.packages(inputs["packages"], inputs["ledger"], lines)
    found = Inputs(inputs)
    tables = {name: found.metric(name) for name in settings["evaluate"]}
    facts = card.Facts.read(found, model, run)
    missing = [name for name in NEEDED if name in found.gaps]
    if missing:
        raise Failure(f"release: {found.gaps[missing[0]]}")
    start = settings["train"]["init_from"]
    trainings = before.earlier(Path(start), folder, facts.training, inputs["packages"], SETTINGS) if start else []

    with replacing_release(folder) as new:
        hf.describe(model, new, tokenizer, network.config.context_length)
        weights.write(model, new)
        calibration.write(new / calibration.NAME, calibration.read(inputs["calibration"].parent))
        if cache := ngram_cache.read(inputs["ngram_cache"].parent):
            ngram_cache.write(new / ngram_cache.NAME, cache)
        files.write_text(new / SETTINGS, configuration(run.name, shown))
        entries = before.write(new, trainings)
        seen.write(inputs["train_shards"], new)
        files.write_text(new / METRICS, _rows(inputs))
        files.write_text(new / NOTICE, card.notice(packages))
        rounding = weights.rounding(model, new, inputs["test_tokens"], inputs["test_documents"], threads)
        described = manifest.described(new, _names(new))
        context = card.context(
            facts, shown, tables, found.gaps, packages, rounding, described, network.config, folder, trainings
        )
        files.write_text(new / CARD, card.render(context))
        spent = {name: facts.training[name] for name in ("tokens", "seconds", "flops")}
        _finish(new, inputs, {"run": run.name, before.COST: spent, before.KEY: entries}, most_mb)
        manifest.check(new)
        models.load(new)
        size = _size(new)
    gaps = [f"gap     {name}: {found.gaps[name]}" for name in tables if name in found.gaps]
    told = f"release {folder}: {size / 1e6:.1f} MB, {numbers.scaled(facts.training['parameters'])} parameters"
    cost = f"        rounding to bfloat16 took bits per byte from {rounding.before:.4f} to {rounding.after:.4f}"
    return "\n".join([told, cost, *gaps, f"card    {folder / CARD}"]).replace(numbers.SPACE, " ") + "\n"


def without_places(value: Any) -> Any:
    """Settings in which a path outside of the project is its last part alone: others have no use for the rest."""
    if isinstance(value, dict):
        return {key: without_places(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_places(entry) for entry in value]
    if isinstance(value, str) and "\n" not in value and (PurePath(value).is_absolute() or value.startswith("../")):
        return PurePath(value).name
    return value


def _check_size(model: Path, most_mb: float) -> None:
    """Refuse a model whose weights alone are too large, before anything is made of it."""
    size = (model / models.WEIGHTS).stat().st_size / 2 if (model / models.WEIGHTS).is_file() else 0
    if size > most_mb * 1e6:
        raise _too_large(size, most_mb)


def _too_large(size: float, most_mb: float) -> Failure:
    return Failure(
        f"release: the folder would hold {size / 1e6:.1f} MB, more than release.most_mb: {most_mb:g}; train a smaller "
        "model (model.layers, model.width, vocab.size), or raise it"
    )


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _rows(inputs: Mapping[str, Path]) -> str:
    """Every row of every metric as CSV; a metric that is a gap has none."""
    tables = [
        files.read_table(path, COLUMNS).replace_schema_metadata()
        for name, path in inputs.items()
        if name.startswith("metric_")
    ]
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(pa.concat_tables(tables), sink)
    return sink.getvalue().to_pybytes().decode("utf-8")


def _finish(folder: Path, inputs: Mapping[str, Path], told: dict[str, Any], most_mb: float) -> None:
    """Write the manifest: what is told of the run, every file of the folder, and digests of all that it was made from.

    Raises:
        Failure: the folder is too large.
    """
    made_from = {
        f"{path.parent.parent.name}/{path.parent.name}/{path.name}": files.sha256_of(path)
        for path in sorted(set(inputs.values()))
        if path.is_file()
    }
    content = {**told, "files": manifest.described(folder, _names(folder)), "made_from": made_from}
    files.write_json(folder / manifest.MANIFEST, content)
    if (size := _size(folder)) > most_mb * 1e6:
        raise _too_large(size, most_mb)
