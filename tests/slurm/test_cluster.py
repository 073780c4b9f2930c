"""The workflow on a real Slurm of two nodes: what a node's death costs, and what a second call submits."""

from __future__ import annotations

import hashlib
import json
import re
import shutil

import pandas
import pytest
from calls import CONFIG, MINUTES, at_work, calling, newest, on, submitted
from project import Project, copy_project, wait_for

pytestmark = pytest.mark.slow

TIMES = {"seconds", "tokens_per_second", "mfu", "waited"}  # columns of the tables of training, and others' bytes
STAGES = ("sources", "corpus", "vocab", "tokens", "windows", "models", "metrics")
GRID = """
name: seeds
title: Seeds
base: smoke
axes:
  train.seed: {seeds}
"""


def log_of_training(project: Project) -> str:
    return "".join(log.read_text(encoding="utf-8") for log in project.folder.glob("results/models/*/train.log"))


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
    grid = bereaved.folder / "config/grids/seeds.yaml"
    grid.write_text(GRID.format(seeds=[1, 2, 3]))
    before = cluster.jobs("train")
    first = bereaved.snakemake("grid", config={"grid": "seeds"})
    assert first.returncode == 0, first.stderr[-6000:]
    # The finished run is the cell of seed 1, but for its page. So: two trainings, each with three metrics, three pages,
    # and the grid's.
    assert submitted(first.stdout + first.stderr) == 2 + 2 * 3 + 3 + 1
    assert "Seeds: 3 of 3 runs" in first.stdout

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
    assert "Seeds: 3 of 3 runs" in again.stdout

    grid.write_text(GRID.format(seeds=[1, 2, 3, 4]))
    before = cluster.jobs("train")
    more = bereaved.snakemake("grid", config={"grid": "seeds"})
    assert more.returncode == 0, more.stderr[-6000:]
    assert submitted(more.stdout + more.stderr) == 1 + 3 + 1 + 1, "a training, its metrics and its page, and the grid's"
    assert len(cluster.jobs("train").keys() - before.keys()) == 1
    assert "Seeds: 4 of 4 runs" in more.stdout


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
