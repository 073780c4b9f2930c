"""The workflow on a real Slurm of two nodes: what a node's death costs, what a second call submits, what is said."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from cluster import Cluster
from project import SOURCES, Project, clean_environment, copy_project, wait_for

pytestmark = pytest.mark.slow

MINUTES = 60.0
CONFIG = SOURCES | {
    "train": "{budget: 600 steps, checkpoint_seconds: 0.5, precision: float32}",
    "evaluate": "{metrics: [bits_per_byte, parses, samples]}",
}
TIMES = {"seconds", "tokens_per_second", "mfu", "waited"}  # columns of the tables of training, and others' bytes
STAGES = ("sources", "corpus", "vocab", "tokens", "windows", "models", "metrics")
GRID = """
name: seeds
title: Three seeds
base: smoke
axes:
  train.seed: [1, 2, 3]
"""


def on(cluster: Cluster, python: str, folder: Path) -> Project:
    """The project in `folder`, called as from a login node of the cluster."""
    how = (python, "-m", "snakemake", "--profile", "profiles/slurm", "--max-threads", "1")
    how += ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1")
    slurm = {"SLURM_CONF": cluster.environment["SLURM_CONF"]}
    return Project(folder, CONFIG, how, slurm, patience=30 * MINUTES)


@contextlib.contextmanager
def calling(project: Project, *arguments: str, **config: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A call of Snakemake at work, and the file that holds what it says."""
    said = project.folder / "said.txt"
    with said.open("wb") as file:
        process = subprocess.Popen(
            project.command(*arguments, config=config),
            cwd=project.folder,
            env=clean_environment() | project.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # it cancels its jobs
            process.wait(5 * MINUTES)


def newest(project: Project) -> int:
    """The step of the newest checkpoint; 0: there is none."""
    found = project.folder.glob("results/checkpoints/*/step-*.safetensors")
    return max((int(path.name.split("-")[1]) for path in found), default=0)


def log_of_training(project: Project) -> str:
    return "".join(log.read_text(encoding="utf-8") for log in project.folder.glob("results/models/*/train.log"))


def at_work(process: subprocess.Popen[bytes], said: Path) -> bool:
    """True; a call that has ended fails the test with what it said."""
    assert process.poll() is None, said.read_text(errors="replace")[-6000:]
    return True


def contents(project: Project) -> dict[str, object]:
    """What each stage made, by path: tables and summaries without their times, all else by its bytes."""
    found: dict[str, object] = {}
    for path in sorted(file for stage in STAGES for file in project.folder.glob(f"results/{stage}/**/*")):
        name = path.relative_to(project.folder).as_posix()
        if path.is_dir() or path.suffix in {".log", ".tsv"}:
            continue
        if path.name in {"metrics.parquet", "held_out.parquet"}:
            table = pandas.read_parquet(path)
            found[name] = table.drop(columns=TIMES & set(table.columns)).to_json()
        elif path.name == "training.json":
            summary = json.loads(path.read_text(encoding="utf-8"))
            found[name] = {key: value for key, value in summary.items() if key not in {"seconds", "matrix_peak"}}
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def submitted(said: str) -> int:
    return len(re.findall(r"has been submitted with SLURM jobid", said))


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Project:
    """The DAG, run without Slurm."""
    folder = tmp_path_factory.mktemp("local")
    copy_project(folder)
    project = Project(folder, CONFIG, patience=30 * MINUTES)
    result = project.snakemake()
    assert result.returncode == 0, result.stderr[-6000:]
    return project


@pytest.fixture(scope="module")
def bereaved(cluster, python, tmp_path_factory) -> Project:
    """The DAG, run on Slurm, whose training was cancelled once and lost its node once."""
    folder = tmp_path_factory.mktemp("bereaved")
    copy_project(folder)
    project = on(cluster, python, folder)
    with calling(project) as (process, said):

        def going_on() -> bool:
            """Whether the training that runs now went on from a checkpoint, and has written another."""
            found = re.search(r"going on from step (\d+)", log_of_training(project))
            return at_work(process, said) and found is not None and newest(project) > int(found[1])

        wait_for(lambda: at_work(process, said) and newest(project) > 0, 20 * MINUTES)
        (first,) = cluster.jobs("train", "RUNNING")
        cluster.ask("scancel", first)
        wait_for(going_on, 20 * MINUTES)
        ((second, node),) = cluster.jobs("train", "RUNNING").items()
        cluster.kill_node(node)
        wait_for(lambda: second in cluster.jobs("train", "NODE_FAIL"), 5 * MINUTES)
        assert newest(project) < 600, "it was in the middle"
        cluster.start_node(node)
        assert process.wait(20 * MINUTES) == 0, said.read_text(errors="replace")[-6000:]
    assert list(cluster.jobs("train", "CANCELLED")) == [first]
    return project


def test_a_dag_that_lost_a_job_and_a_node_ends_with_the_bytes_of_a_local_run(bereaved, local):
    expected, found = contents(local), contents(bereaved)
    assert found.keys() == expected.keys()
    assert {name for name in expected if found[name] != expected[name]} == set()
    assert any(name.endswith("model.safetensors") for name in found)
    assert re.search(r"going on from step \d+", log_of_training(bereaved))


def test_a_second_call_submits_nothing(bereaved):
    again = bereaved.snakemake()
    assert again.returncode == 0, again.stderr[-3000:]
    assert "Nothing to be done" in again.stdout + again.stderr
    assert submitted(again.stdout + again.stderr) == 0
    assert "bits per byte" in again.stdout


def test_a_grid_trains_on_both_nodes_and_submits_only_what_is_not_there(bereaved, cluster):
    (bereaved.folder / "config/grids/seeds.yaml").write_text(GRID)
    before = cluster.jobs("train")
    first = bereaved.snakemake("grid", config={"grid": "seeds"})
    assert first.returncode == 0, first.stderr[-6000:]
    # The finished run is the cell of seed 1, but for its page. So: two trainings, each with three metrics, three pages,
    # and the grid's.
    assert submitted(first.stdout + first.stderr) == 2 + 2 * 3 + 3 + 1
    assert "Three seeds: 3 of 3 runs" in first.stdout

    trained = cluster.jobs("train").keys() - before.keys()
    lines = cluster.ask("squeue", "--noheader", "--states=all", "--format=%i %N %S %e").splitlines()
    (_, one, began, ended), (_, other, began_too, ended_too) = [
        line.split() for line in lines if line.split()[0] in trained
    ]
    assert one != other, "a node each"
    assert max(began, began_too) < min(ended, ended_too), "side by side"

    again = bereaved.snakemake("grid", config={"grid": "seeds"})
    assert again.returncode == 0, again.stderr[-3000:]
    assert submitted(again.stdout + again.stderr) == 0
    assert "Three seeds: 3 of 3 runs" in again.stdout


def test_two_ranks_on_two_nodes_give_the_losses_of_one(local, cluster, python, tmp_path):
    folder = tmp_path / "ranks"
    shutil.copytree(local.folder, folder, symlinks=True)
    # Not muon, whose steps in bfloat16 make much of how a sum was rounded.
    short = {"train": "{budget: 20 steps, precision: float32, optimizer: adamw, learning_rate: 0.002}"}
    alone = Project(folder, CONFIG, patience=30 * MINUTES).snakemake("model", config=short)
    assert alone.returncode == 0, alone.stderr[-6000:]
    model = max(folder.glob("results/models/*"), key=lambda path: (path / "training.json").stat().st_mtime)
    expected = pandas.read_parquet(model / "metrics.parquet")

    shape = ["train:nodes=2", "train:tasks=2", "train:mpi=srun"]
    together = on(cluster, python, folder).snakemake(
        "model", "--forcerun", "train", "--set-resources", *shape, config=short
    )
    assert together.returncode == 0, together.stdout[-3000:] + together.stderr[-6000:]
    assert "2 ranks on 2 nodes" in (model / "train.log").read_text(encoding="utf-8")
    found = pandas.read_parquet(model / "metrics.parquet")
    assert list(found["tokens"]) == list(expected["tokens"])
    assert found["loss"].to_numpy() == pytest.approx(expected["loss"].to_numpy(), rel=1e-4)


@pytest.fixture
def fresh(cluster, python, tmp_path) -> Project:
    """A project in which nothing has run yet."""
    copy_project(tmp_path)
    return on(cluster, python, tmp_path)


def last_lines(said: str) -> list[str]:
    return said.strip().splitlines()[-3:]


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
