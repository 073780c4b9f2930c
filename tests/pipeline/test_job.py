"""The frame of a job: errors end in one line, interruptions end quietly, nothing is swallowed."""

import os
import signal
from types import SimpleNamespace

import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_json
from charmer.pipeline.fingerprint import fingerprint
from charmer.pipeline.job import INTERRUPTED, REASONS, job, reasons


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(REASONS, "reasons.jsonl")
    (tmp_path / "train.py").write_text("x = 1\n")

    class Output(dict):
        settings = "out/settings.json"

    return SimpleNamespace(
        rule="train",
        threads=2,
        log=["logs/train.log"],
        input=["windows.npy"],
        output=Output(settings=Output.settings),
        scriptdir=str(tmp_path),
        params=SimpleNamespace(job={"settings": {"seed": 1}, "code": fingerprint(tmp_path / "train.py")}),
    )


def run(snakemake, body) -> int | str | None:
    with pytest.raises(SystemExit) as caught, job(snakemake):
        body()
    return caught.value.code


def test_a_job_that_succeeds_leaves_its_settings_beside_its_outputs(snakemake):
    with job(snakemake):
        pass
    assert read_json("out/settings.json") == {"seed": 1}
    assert reasons() == []


def test_a_failure_is_its_own_line_without_a_traceback(snakemake, capsys):
    def body():
        raise Failure("train.npy: is cut short; delete it")

    assert run(snakemake, body) == 1
    assert reasons() == ["train: train.npy: is cut short; delete it"]
    assert "Traceback" not in capsys.readouterr().err


def test_a_defect_keeps_its_traceback_in_the_log(snakemake, tmp_path):
    assert run(snakemake, lambda: 1 // 0) == 1
    assert "ZeroDivisionError" in (tmp_path / "logs/train.log").read_text()
    assert reasons() == [
        "train: ZeroDivisionError: integer division or modulo by zero (a defect; the traceback is in logs/train.log)"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_quietly(snakemake, capsys, number):
    assert run(snakemake, lambda: os.kill(os.getpid(), number)) == 130
    assert reasons() == [INTERRUPTED]
    assert "Traceback" not in capsys.readouterr().err


def test_code_that_was_edited_since_the_snakefile_was_read_does_not_run(snakemake, tmp_path):
    from charmer.pipeline import fingerprint as module

    (tmp_path / "train.py").write_text("x = 2\n")
    module._read.cache_clear()
    assert run(snakemake, lambda: pytest.fail("it ran")) == 1
    assert reasons() == ["train: the library was edited while the workflow ran; run the same command again"]
