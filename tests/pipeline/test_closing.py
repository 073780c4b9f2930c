"""The last words: what a person reads at the end of a call."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer.common.failure import Failure
from charmer.pipeline.closing import Call
from charmer.pipeline.job import INTERRUPTED


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("atexit.register", lambda *arguments, **named: None)
    (tmp_path / ".snakemake").mkdir()
    workflow = SimpleNamespace(dryrun=False, execution_settings=None)
    return Call(workflow, SimpleNamespace(plans=()), others=["another Snakemake is at work: process 7"])


def leave(*reasons):
    with Path(os.environ["CHARMER_REASONS"]).open("a") as file:
        file.writelines(json.dumps(reason) + "\n" for reason in reasons)


def last_words(call, capsys, tmp_path) -> str:
    call.close(tmp_path / "none")
    return capsys.readouterr().err.strip()


def test_a_reason_is_repeated_once(call, capsys, tmp_path):
    leave("pack: too small", "pack: too small", "evaluate: no tokenizer")
    call.fail([])
    assert last_words(call, capsys, tmp_path) == "error: pack: too small\nerror: evaluate: no tokenizer"


def test_an_interruption_is_no_error(call, capsys, tmp_path):
    leave("train: something", INTERRUPTED)
    call.fail([])
    assert last_words(call, capsys, tmp_path) == "stopped; the same command goes on from here"


def test_a_job_that_could_not_say_why_is_named_from_snakemakes_log(call, capsys, tmp_path):
    log = tmp_path / "snakemake.log"
    log.write_text("Error in rule train:\n    jobid: 1\n    log: x/train.log (check log file(s))\n")
    call.fail([str(log)])
    assert last_words(call, capsys, tmp_path) == (
        "error: train: ended without a word (killed from outside, or out of memory?); its log: x/train.log"
    )


def test_a_call_for_slurm_where_there_is_none_is_refused(call, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    call.workflow.executor_plugin = SimpleNamespace(name="slurm")
    with pytest.raises(Failure, match="no Slurm here: sbatch is not on the path"):
        call.start()
    assert last_words(call, capsys, tmp_path).startswith("error: no Slurm here: sbatch is not on the path; call from a")


def test_what_slurm_would_not_start_is_said_again_at_the_end(call, capsys, tmp_path):
    call.watch = SimpleNamespace(stuck=["train: Slurm will not start it"], end=lambda: None)
    leave("pack: too small")
    call.fail([])
    assert last_words(call, capsys, tmp_path) == "error: pack: too small\nerror: train: Slurm will not start it"


def test_another_process_that_kept_this_call_from_its_work_is_named_last(call, capsys, tmp_path):
    assert last_words(call, capsys, tmp_path) == (
        "another Snakemake is at work: process 7\nwait for it, or stop it; its lock is not stale"
    )
