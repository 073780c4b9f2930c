"""The job of a metric that fails: a table that says why, so that the rest of the report is made."""

from __future__ import annotations

import logging
import runpy
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer.common.files import read_json, read_table, write_table
from charmer.evaluation.support.table import gap_of
from charmer.pipeline.catalogue import SCRIPTS
from charmer.pipeline.job import REASONS, reasons


class Named(dict):
    """Files by name, also as attributes, as Snakemake gives them to scripts."""

    __getattr__ = dict.__getitem__


@pytest.fixture(autouse=True)
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of its own; afterwards the handlers of signals and of the log as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(REASONS, "reasons.jsonl")
    handler, root = signal.getsignal(signal.SIGTERM), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    signal.signal(signal.SIGTERM, handler)
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def evaluate(metric: str, knobs: dict, **inputs: Path) -> None:
    """Run the script of the rule `evaluate`."""
    job = SimpleNamespace(
        rule="evaluate",
        threads=1,
        scriptdir=str(SCRIPTS),
        log=["evaluate.log"],
        input=Named(inputs),
        output=Named(table="table.parquet", settings="settings.json"),
        params=SimpleNamespace(job={"settings": {"evaluate": {metric: knobs}}}),
    )
    runpy.run_path(str(SCRIPTS / "evaluate.py"), {"snakemake": job})


def test_problems_that_cannot_be_read_are_a_gap_with_the_reason_in_table_and_log(world: dict[str, Path]):
    Path("bad.jsonl").write_text("{no json\n")
    evaluate("synthesis", {"problems": "bad.jsonl"}, weights=world["model"] / "model.safetensors")
    assert str(gap_of(read_table(Path("table.parquet")))).startswith("bad.jsonl")
    assert "synthesis is a gap in the report: bad.jsonl" in Path("evaluate.log").read_text()
    assert read_json(Path("settings.json")) == {"evaluate": {"synthesis": {"problems": "bad.jsonl"}}}
    assert reasons() == []


def test_an_empty_split_is_a_gap(world: dict[str, Path]):
    write_table(Path("empty.parquet"), read_table(world["test_documents"]).slice(0, 0))
    inputs = {"test_tokens": world["test_tokens"], "test_documents": Path("empty.parquet")}
    evaluate("calibration", {"max_mb": 1.0}, weights=world["model"] / "model.safetensors", **inputs)
    assert "empty.parquet: holds no text to measure on" in str(gap_of(read_table(Path("table.parquet"))))


@pytest.mark.parametrize("error", [ZeroDivisionError("a defect"), KeyboardInterrupt()], ids=["defect", "interrupted"])
def test_a_defect_and_an_interruption_still_fail_the_job(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch, error: BaseException
):
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("charmer.evaluation.calibration.evaluate", fail)
    with pytest.raises(SystemExit):
        evaluate("calibration", {}, weights=world["model"] / "model.safetensors")
    assert not Path("table.parquet").exists()
    assert len(reasons()) == 1
