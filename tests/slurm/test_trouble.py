"""What goes wrong on a Slurm, is said in one line, and keeps nobody from going on."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from calls import MINUTES, at_work, calling, last_lines, newest, on, submitted
from project import Project, copy_project, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def fresh(cluster, python, tmp_path) -> Project:
    """A project in which nothing has run yet."""
    copy_project(tmp_path)
    return on(cluster, python, tmp_path)


def test_a_partition_that_is_not_there_is_one_line(fresh):
    result = fresh.snakemake("--retries", "0", "--default-resources", "slurm_partition=attic")
    assert result.returncode != 0
    assert last_lines(result.stderr)[-1] == (
        "error: scrape: Slurm refused the job: Batch job submission failed: Invalid partition name specified; "
        "sinfo lists those that there are; --default-resources slurm_partition=NAME"
    )


def test_a_job_that_asks_for_more_time_than_its_partition_allows_is_named_while_it_waits_and_at_the_end(fresh):
    line = (
        "scrape: Slurm will not start it in partition short (PartitionTimeLimit): asks for 2:00:00, more than the "
        "partition allows; --set-resources scrape:runtime=MINUTES"
    )
    with calling(fresh, "--default-resources", "slurm_partition=short") as (process, said):
        wait_for(lambda: line in said.read_text(errors="replace"), 10 * MINUTES)
        process.send_signal(signal.SIGINT)
        assert process.wait(5 * MINUTES) != 0
    assert last_lines(said.read_text(errors="replace"))[-1] == f"error: {line}"
    more = ["slurm_partition=short", "--set-resources", "scrape:runtime=5"]
    assert fresh.snakemake("--until", "scrape", "--default-resources", *more).returncode == 0, "nothing was lost"


def test_a_job_that_comes_back_asks_for_twice_the_time_but_no_more_than_its_partition_allows(fresh, cluster):
    partition = ["--default-resources", "slurm_partition=longer"]
    with calling(fresh, "--until", "scrape", "--jobs", "1", *partition) as (process, said):
        wait_for(lambda: at_work(process, said) and cluster.jobs("scrape", "RUNNING"), 5 * MINUTES)
        ((first, limit),) = cluster.jobs("scrape", "RUNNING", "%l").items()
        assert limit == "2:00:00"
        cluster.ask("scancel", first)
        assert process.wait(10 * MINUTES) == 0, said.read_text(errors="replace")[-6000:]
    later = {job: limit for job, limit in cluster.jobs("scrape", "all", "%l").items() if int(job) > int(first)}
    assert sorted(later.values()) == ["2:00:00", "2:30:00"], "the other source's, and the one that came back"


def test_jobs_that_outlived_their_call_are_named_by_the_next(fresh, cluster):
    short = ["--default-resources", "slurm_partition=short"]  # in which they wait for ever
    with calling(fresh, *short) as (process, said):
        wait_for(lambda: at_work(process, said) and len(cluster.jobs("scrape", "PENDING")) == 2, 5 * MINUTES)
        process.kill()
    left = cluster.jobs("scrape", "PENDING")
    again = fresh.snakemake("--until", "scrape")
    assert again.returncode != 0 and submitted(again.stdout + again.stderr) == 0
    line = "error: Slurm still has jobs of a call that is gone; wait for them, or: scancel "
    assert last_lines(again.stderr)[-1].startswith(line)
    assert set(last_lines(again.stderr)[-1].removeprefix(line).split()) == left.keys()
    cluster.ask("scancel", *left)
    assert fresh.snakemake("--until", "scrape").returncode == 0


def test_what_a_node_wrote_where_nobody_else_sees_it_is_one_line(fresh, cluster):
    results = fresh.folder / "results"
    results.mkdir()
    scrape = ["--until", "scrape", "--retries", "0", "--latency-wait", "3"]
    with cluster.unshared(results):
        result = fresh.snakemake(*scrape)
    assert result.returncode != 0
    assert last_lines(result.stderr)[-1].startswith(
        "error: scrape: it ended well, but what it wrote was not seen here within 3 s; does its node share this folder?"
    )
    assert fresh.snakemake(*scrape).returncode == 0, "the next call goes on"


@pytest.mark.parametrize("difference", ["-4 minutes", "4 minutes"])
def test_nodes_whose_clocks_differ_make_nothing_run_again(fresh, cluster, difference):
    with cluster.other_clock(difference):
        assert fresh.snakemake("corpus").returncode == 0
    again = fresh.snakemake("corpus")
    assert again.returncode == 0 and submitted(again.stdout + again.stderr) == 0
    assert "Nothing to be done" in again.stdout + again.stderr


def test_a_training_at_its_time_limit_says_so_and_goes_on_with_more(fresh):
    long = {"train": "{budget: 1M steps, checkpoint_seconds: 0.5}"}
    limit = ["--retries", "0", "--set-resources", "train:runtime=1"]
    began = time.monotonic()
    result = fresh.snakemake("model", *limit, config=long)
    assert result.returncode != 0 and time.monotonic() - began > 60
    assert last_lines(result.stderr)[-1].startswith("error: train: Slurm ended it at its time limit; the same command")
    assert newest(fresh) > 0


def test_a_full_disk_is_one_line_and_the_same_call_goes_on(fresh, cluster):
    (fresh.folder / "results").symlink_to(cluster.disk)
    (cluster.disk / "ballast").write_bytes(b"x" * 2_900_000)
    result = fresh.snakemake("corpus", "--retries", "0")
    assert result.returncode != 0
    assert "the disk is full; free some room and run the same command again" in last_lines(result.stderr)[-1]
    (cluster.disk / "ballast").unlink()
    assert fresh.snakemake("corpus").returncode == 0


def test_where_there_is_no_slurm_the_call_says_so(fresh, tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name not in {"sbatch", "squeue", "sacct", "sinfo", "scontrol", "scancel", "srun"}:
            (programs / program.name).symlink_to(program)
    fresh.environment["PATH"] = str(programs)
    result = fresh.snakemake()
    assert result.returncode != 0
    assert last_lines(result.stderr)[-1].startswith("error: no Slurm here: sbatch is not on the path; ")
    assert not (fresh.folder / "results").exists()
