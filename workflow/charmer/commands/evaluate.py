"""`charmer evaluate`: a metric on anybody's code, or any problems in HumanEval's format.

The metric is the one that a run measures, with the knobs of config/config.yaml unless `--set` says otherwise; the files
stand for the test split, and are broken as `break` does it where a metric asks for faults. One that asks for a run's
own data as well (memorisation asks what the model was trained on) is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    import pyarrow as pa

HELP = "measure a model on code of yours, or on problems with tests"
CONFIG = models.CHECKOUT / "config" / "config.yaml"
GIVEN = ("test_shards", "test_tokens", "test_documents")  # what files alone can stand for
BROKEN = "test_broken"  # and what is made of them: copies with a fault in each
HIDDEN = "excerpt"  # a slice that is there to be looked at


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--metric", metavar="NAME", help="one of evaluate.metrics in config/config.yaml")
    what.add_argument("--problems", type=Path, metavar="FILE.jsonl", help="problems in HumanEval's format, .gz or not")
    parser.add_argument("--on", nargs="+", type=Path, metavar="PATH", help="files and directories to measure on")
    parser.add_argument("--samples", type=models.positive, metavar="N", help="programs written for each problem")
    parser.add_argument(
        "--set", action="append", type=knob, default=[], metavar="KNOB=VALUE", help="another value for a knob"
    )
    parser.add_argument(
        "--allow-unsandboxed", action="store_true", help="run generated code even where nothing can isolate it"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object a line, the main figure first")
    models.add_arguments(parser)


def knob(text: str) -> tuple[str, str]:
    """Name and value of a knob, for argparse."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KNOB=VALUE")
    return name, value


def run(options: argparse.Namespace) -> int:
    """Measure and print; 2 where arguments do not go together.

    Raises:
        Failure: the metric, a path or the model is not there; a knob is wrong; or the metric can't be measured here.
    """
    from charmer.evaluation.support import subject
    from charmer.evaluation.support.table import gap_of

    metric = "synthesis" if options.problems else options.metric
    knobs: dict[str, Any] = dict(options.set)
    said = {"problems": options.problems and str(options.problems), "samples": options.samples}
    said = {name: value for name, value in said.items() if value is not None}
    settings = knobs_of(metric, knobs | (said if options.problems else {}))
    settings |= {"allow_unsandboxed": True} if options.allow_unsandboxed else {}
    if wrong := ignored(metric, knobs.keys() & said.keys(), options):
        print(f"charmer evaluate: {wrong}", file=sys.stderr)
        return 2
    subject.use(models.device(options.device))
    with tempfile.TemporaryDirectory(prefix="charmer-") as folder:
        found = measure(metric, settings, options, Path(folder))
    if reason := gap_of(found):
        raise Failure(f"{metric}: {reason}")
    show(found, options.json)
    return 0


def ignored(metric: str, twice: set[str], options: argparse.Namespace) -> str | None:
    """Why one of the arguments would have no effect beside the others; None where each has one."""
    from charmer.pipeline.needs import needs

    if options.samples and not options.problems:
        return f"--samples: goes with --problems alone, not with --metric {metric}"
    if twice:
        return f"--set {min(twice)}=...: --{min(twice)} says so already"
    if options.on and not needs(metric):
        return f"--on: {'--problems' if options.problems else f'--metric {metric}'} reads no code; leave it out"
    return None


def knobs_of(metric: str, knobs: dict[str, Any]) -> dict[str, Any]:
    """The checked knobs of one metric: those of config/config.yaml, whose file of problems is that of the checkout from
    whatever folder, and `knobs` before them.

    Raises:
        Failure: there is no such metric, or a knob is unknown or out of its bounds.
    """
    from charmer.pipeline import settings

    config = settings.read(CONFIG)
    if metric not in settings.schema()["properties"]["evaluate"]["properties"]["metrics"]["items"]["enum"]:
        raise Failure(
            f"--metric {metric}: there is no such metric; there are {', '.join(config['evaluate']['metrics'])}"
        )
    own = config["evaluate"].get(metric, {})
    for name in {"problems", "bugs"} & own.keys():
        own[name] = str(models.CHECKOUT / own[name]) if own[name] else ""
    return settings.resolve(settings.merged(config, {"evaluate": {metric: knobs}}))["evaluate"].get(metric, {})


def measure(metric: str, settings: dict[str, Any], options: argparse.Namespace, folder: Path) -> pa.Table:
    """The metric's table, on the files of `options.on` where it asks for any; `folder` holds what is made for it."""
    import importlib

    from charmer.pipeline.needs import needs

    wanted = needs(metric)
    module = importlib.import_module(f"charmer.evaluation.{metric}")
    missing = set(wanted) - {*GIVEN, BROKEN} - set(getattr(module, "OPTIONAL", ()))
    if missing:
        raise Failure(f"--metric {metric}: asks for {', '.join(sorted(missing))}, which only a run has; see its report")
    if wanted and not options.on:
        raise Failure(f"--metric {metric}: asks for code; name files or directories with --on")
    model = models.folder(options.model)
    data = data_of(options.on, model, folder, options.threads) if wanted else {}
    if BROKEN in wanted:
        data[BROKEN] = broken(data["test_shards"], folder, options.threads)
    if data and "max_mb" in settings:
        _tell_part(metric, data["test_documents"], settings["max_mb"])
    return module.evaluate(model=model, data=data, settings=settings, threads=options.threads)


def _tell_part(metric: str, documents: Path, max_mb: float) -> None:
    """Say on standard error how much of the files is measured, where that is not all."""
    from charmer.common.files import read_table
    from charmer.evaluation.support import heldout

    whole = sum(read_table(documents, ["bytes"])["bytes"].to_pylist())
    part = sum(row["bytes"] for row in heldout.chosen(documents, max_mb * 1e6))
    if part < whole:
        said = f"{metric}: measures {part / 1e6:.3g} of {whole / 1e6:.3g} MB, files chosen by a hash of their names"
        print(f"{said}; --set max_mb=N measures more", file=sys.stderr)


def data_of(paths: list[Path], model: Path, folder: Path, threads: int) -> dict[str, Path]:
    """The files at `paths` as a test split under the model's vocabulary.

    Raises:
        Failure: a path is not there, or none holds a file that can be read.
    """
    import pyarrow as pa

    from charmer.common.files import write_table
    from charmer.corpus import given
    from charmer.corpus.shards import ROWS
    from charmer.tokens.encode import encode

    rows, refused = given.read(paths, workers=max(threads, 2))
    given.complain(refused)
    if not rows:
        raise Failure("none of the paths holds a file that can be measured")
    shards, tokens, documents = folder / "test", folder / "test.npy", folder / "test.parquet"
    write_table(shards / "shard-00000.parquet", pa.Table.from_pylist(rows, ROWS))
    encode(shards, model / "tokenizer.json", tokens, documents, threads)
    return dict(zip(GIVEN, (shards, tokens, documents), strict=True))


def broken(shards: Path, folder: Path, threads: int) -> Path:
    """The table of the files' broken copies, made as the rule `break` makes that of the test split.

    How many files they are of is said on standard error.

    Raises:
        Failure: no file has as many lines as are asked for, or none can be broken.
    """
    from charmer.common.files import read_table
    from charmer.errors import breaking
    from charmer.pipeline import settings

    knobs, table = settings.read(CONFIG)["break"], folder / "broken.parquet"
    breaking.make(shards, knobs, "test", table, max(threads, 2))
    names = ["source", "package", "path"]
    count = len(read_table(shards / "shard-00000.parquet", names))
    found = {tuple(row.values()) for row in read_table(table, names).to_pylist()}
    lines = f"{knobs['min_lines']} to {knobs['max_lines']} lines that parse"
    if not found:
        raise Failure(f"none of the files can be broken: it takes {lines}; name others")
    print(f"faults are put into {len(found)} of {count} files, those of {lines}", file=sys.stderr)
    return table


def show(table: pa.Table, as_json: bool) -> None:
    """Print the table, whose first row is the main figure."""
    columns = ["metric", "slice", "value", "low", "high", "cases", "unit"]
    for row in table.select(columns).to_pylist():
        if row["slice"] == HIDDEN:
            continue
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            interval = "" if row["low"] is None else f"({row['low']:.3f} to {row['high']:.3f})"
            print(f"{row['value']:9.3f}  {interval:20}  {row['slice']}, {row['unit']}, {row['cases']:,} cases")
