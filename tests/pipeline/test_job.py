"""The frame of a job: errors end in one line, interruptions end quietly, nothing is swallowed."""

import os
import signal
from types import SimpleNamespace

import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_json
from charmer.pipeline.job import forget_reasons, job, reasons


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    forget_reasons()

    class Output(dict):
        settings = "out/settings.json"

    return SimpleNamespace(
        rule="train",
        threads=2,
        log=["logs/train.log"],
        output=Output(settings=Output.settings),
        params=SimpleNamespace(job={"settings": {"seed": 1}, "code": "ab"}),
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
    assert reasons() == []
    assert "Traceback" not in capsys.readouterr().err
