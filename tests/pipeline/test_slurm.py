"""What Slurm did to a job, or will not do, is said in one line."""

import math
import time
from pathlib import Path

import pytest
from charmer.pipeline import slurm
from charmer.pipeline.slurm import Bounds, Watch, endings, left_behind, limits, waiting

TIMEOUT = """\
Error in rule train:
    message: SLURM-job '12' failed, SLURM status is: 'TIMEOUT'. Reason: Unknown.For further error details see the log.
    jobid: 7
    log: results/models/x/train.log (check log file(s) for error details)
"""
REFUSED = """\
Error in rule scrape:
    message: SLURM sbatch failed. The error message was 'sbatch: error: invalid partition specified: x
sbatch: error: Batch job submission failed: Invalid partition name specified'.
    sbatch call:
    jobid: 3
"""


def test_a_job_at_its_time_limit_says_so_once_and_what_to_do():
    (line,) = endings(TIMEOUT + "Trying to restart job 7.\n" + TIMEOUT)
    assert line.startswith("train: Slurm ended it at its time limit; the same command goes on from here")
    assert "--set-resources train:runtime=MINUTES" in line


def test_what_slurm_refused_is_told_in_its_own_words():
    assert endings(REFUSED) == [
        "scrape: Slurm refused the job: Batch job submission failed: Invalid partition name specified; sinfo lists "
        "those that there are; --default-resources slurm_partition=NAME"
    ]


def test_a_job_that_came_back_and_succeeded_is_not_told():
    assert endings(TIMEOUT + "Trying to restart job 7.\nFinished jobid: 7 (Rule: train)\n") == []


def test_files_that_a_node_wrote_and_nobody_saw_are_one_line():
    late = (
        'MissingOutputException in rule scrape in file "/shared/project/workflow/rules/scrape.smk", line 4:\n'
        "Job 3  completed successfully, but some output files are missing. Missing files after 60 seconds. This\n"
    )
    (line,) = endings(late)
    assert line.startswith(
        "scrape: it ended well, but what it wrote was not seen here within 60 s; does its node share"
    )
    assert endings(late + "Trying to restart job 3.\nFinished jobid: 3 (Rule: scrape)\n") == []


def test_a_job_that_ended_by_itself_is_not_slurms():
    assert endings("Error in rule pack:\n    message: None\n    jobid: 2\n") == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Requested time limit is invalid (missing or exceeds some limit)", "--set-resources scrape:runtime=MINUTES"),
        ("More processors requested than permitted", "--max-threads"),
        ("Invalid generic resource (gres) specification", "scrape:slurm_partition=NAME"),
        ("Requested node configuration is not available", "--set-resources scrape:mem_mb=MB, or --max-threads"),
        ("Invalid account or account/partition combination specified", "slurm_account=NAME"),
        ("Invalid qos specification", "Invalid qos specification"),
    ],
)
def test_what_slurm_refused_comes_with_what_to_do_about_it(said, told):
    (line,) = endings(REFUSED.replace("Invalid partition name specified", said))
    assert told in line.removeprefix("scrape: Slurm refused the job: ")


# What squeue of Slurm 22.05 says of jobs in the queue, with FIELDS.
QUEUE = """\
3|PENDING|short|PartitionTimeLimit|1:00:00|10M|1|rule_train_wildcards_bpe512|/work
4|PENDING|main|PartitionConfig|1:00|64000M|8|rule_curate_wildcards_one-two|/work
5|RUNNING|main|None|1:00|10M|1|rule_scrape_wildcards_one|/work
6|PENDING|main|ReqNodeNotAvail, UnavailableNodes:north|1:00|10M|1|rule_grid|/work
7|PENDING|short|PartitionTimeLimit|1:00:00|10M|1|rule_train_wildcards_bpe1024|/work
8|PENDING|short|PartitionTimeLimit|1:00:00|10M|1|rule_train_wildcards_bpe512|/elsewhere
9|PENDING|main|QOSMaxCpuPerJobLimit|1:00|10M|64|rule_vocab|/work
10|PENDING|main|Priority|1:00|10M|1|(null)|/work
"""


def test_a_job_that_will_never_start_is_told_once_a_rule_and_one_that_only_waits_its_turn_is_not():
    assert waiting(QUEUE, Path("/work")) == [
        "train: Slurm will not start it in partition short (PartitionTimeLimit): asks for 1:00:00, more than the "
        "partition allows; --set-resources train:runtime=MINUTES",
        "curate: Slurm will not start it in partition main (PartitionConfig): no node there has 8 cores and 64000M for "
        "it; --max-threads, or --set-resources curate:mem_mb=MB",
        "grid: Slurm will not start it in partition main (ReqNodeNotAvail): the nodes that it could run on are down or "
        "reserved; sinfo -R says why",
        "vocab: Slurm will not start it in partition main (QOSMaxCpuPerJobLimit): asks for more than one job may have; "
        "--set-resources vocab:runtime=MINUTES, :mem_mb=MB, or --max-threads",
    ]


def test_a_queue_with_nothing_of_ours_says_nothing():
    assert waiting("", Path("/work")) == waiting("slurm_load_jobs error\n", Path("/work")) == []


@pytest.fixture
def says(tmp_path, monkeypatch):
    """Put a program on the path that says what the file of its name holds, and leaves a line a call in `asked`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def say(program: str, text: str) -> None:
        path = tmp_path / program
        path.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/asked\ncat {tmp_path}/{program}.txt\n')
        path.chmod(0o755)
        (tmp_path / f"{program}.txt").write_text(text)

    return say


def test_jobs_of_a_call_that_is_gone_are_named_with_what_ends_them(says, tmp_path):
    says("squeue", QUEUE)
    assert left_behind(Path("/work")) == [
        "Slurm still has jobs of a call that is gone; wait for them, or: scancel 3 4 5 6 7 9"
    ]
    assert left_behind(Path("/elsewhere/still")) == []
    assert "--states=PENDING,RUNNING,SUSPENDED" in (tmp_path / "asked").read_text()


# What sinfo of Slurm 22.05 says with --Node and --format=%P|%l|%m.
NODES = """\
main*|infinite|64000
short|10:00|64000
main*|infinite|128000
long|7-12:30:00|64000
odd|n/a|64000
"""


def test_the_bounds_of_a_partition_are_its_limit_in_minutes_and_its_largest_node():
    assert limits(NODES) == {
        "main": (math.inf, 128_000),
        None: (math.inf, 128_000),
        "short": (10, 64_000),
        "long": (7 * 1440 + 750, 64_000),
        "odd": (math.inf, 64_000),
    }


def test_slurm_is_asked_once_for_what_the_rules_may_have(says, tmp_path):
    says("sinfo", NODES)
    bounds = Bounds({"train": "long", "scrape": None, "report": "attic"}.__getitem__, asked=True)
    assert not (tmp_path / "asked").exists(), "not before somebody wants to know"
    assert [bounds.minutes(rule) for rule in ("train", "scrape", "report")] == [10_830, math.inf, math.inf]
    assert [bounds.megabytes(rule) for rule in ("train", "scrape", "report")] == [64_000, 128_000, math.inf]
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_where_slurm_does_not_answer_or_is_not_asked_nothing_is_bounded(tmp_path, monkeypatch, says):
    says("sinfo", NODES)
    assert Bounds({"train": "short"}.get, asked=False).minutes("train") == math.inf
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert Bounds({"train": "short"}.get, asked=True).minutes("train") == math.inf


def test_a_job_that_gave_way_for_good_is_told_until_the_end_but_not_one_of_an_earlier_call(says, monkeypatch):
    row = "{}|PREEMPTED|low|None|1:00:00|10M|1|rule_train_wildcards_bpe512|/work\n"
    says("squeue", row.format(11))
    monkeypatch.setattr(slurm, "SECONDS", 0.01)
    watch = Watch(Path("/work"))
    watch.begin()
    says("squeue", row.format(11) + row.format(12) + QUEUE.splitlines(keepends=True)[0])
    until(lambda: len(watch.stuck) == 2)
    says("squeue", "")  # which is asked for jobs that ended minutes ago
    until(lambda: len(watch.stuck) == 1)
    watch.end()
    assert watch.stuck[0].startswith("train: job 12 gave way to one of higher priority, and will not come back; Ctrl-C")


def test_the_watch_says_a_line_once_and_forgets_it_when_the_job_has_started(says, monkeypatch, capsys):
    says("squeue", QUEUE.splitlines(keepends=True)[0])
    monkeypatch.setattr(slurm, "SECONDS", 0.01)
    watch = Watch(Path("/work"))
    watch.begin()
    until(lambda: watch.stuck)
    (line,) = watch.stuck
    says("squeue", "")
    until(lambda: not watch.stuck)
    watch.end()
    assert capsys.readouterr().err == line + "\n"


def until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
