"""Failure: a reason that names file or knob, nothing half-written, and a plain call that goes on."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time

import pandas
import pytest
from project import Project, kill_group, wait_for


def last_lines(result) -> str:
    return "\n".join((result.stdout + result.stderr).strip().splitlines()[-4:])


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"model": "{width: 63}"}, ["model.width: 63", "an even multiple of 2"]),
        ({"train": "{learning_rat: 1}"}, ["train.learning_rat", "did you mean train.learning_rate?"]),
        ({"vocab": "{kind: words}"}, ["vocab.kind: 'words'", "char, byte, bpe"]),
        ({"code": "[no/such/place]"}, ["no/such/place"]),
    ],
    ids=str,
)
def test_a_wrong_knob_is_refused_by_name_before_any_job_starts(fresh: Project, config, named):
    result = fresh.snakemake(config=config)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    for text in named:
        assert text in last_lines(result)
    assert not (fresh.folder / "results").exists()


def test_an_empty_source_and_a_corpus_too_small_end_in_one_line_and_lose_nothing(fresh: Project):
    (fresh.folder / "empty").mkdir()
    result = fresh.snakemake(config={"sources": "[{name: none, kind: directory, path: empty}]"})
    assert result.returncode != 0
    assert "error: " in last_lines(result)
    assert "none" in last_lines(result)

    tiny = fresh.folder / "tiny"
    tiny.mkdir()
    for number in range(6):
        (tiny / f"m{number}.py").write_text(f"x{number} = {number}\n")
    config = {"sources": "[{name: tiny, kind: directory, path: tiny, own: true}]", "vocab": "{kind: byte}"}
    result = fresh.snakemake(config=config)
    assert result.returncode != 0
    assert "error: " in last_lines(result)
    assert "Traceback" not in result.stdout + result.stderr
    assert list(fresh.folder.glob("results/sources/tiny-*/settings.json")), "what was done before the error stays"


def test_a_job_that_dies_leaves_no_half_written_output(finished: Project, tmp_path):
    project = Project(tmp_path / "copy", finished.config)
    shutil.copytree(finished.folder, project.folder)
    (tokens,) = project.folder.glob("results/tokens/*/train.npy")
    tokens.write_bytes(tokens.read_bytes()[:-50])
    result = project.snakemake(config={"train": "{seed: 5}"})
    assert result.returncode != 0
    assert "train.npy" in last_lines(result)
    fresh_models = [
        path for path in project.folder.glob("results/models/*/*") if path.stat().st_mtime > tokens.stat().st_mtime
    ]
    assert [path.name for path in fresh_models if path.suffix != ".log"] == []


def test_what_reads_no_source_goes_on_while_one_is_away(finished: Project, tmp_path):
    project = Project(tmp_path / "copy", finished.config)
    shutil.copytree(finished.folder, project.folder, symlinks=True)
    (project.folder / "one").rename(tmp_path / "moved")
    (project.folder / "results/models/old").mkdir()

    assert "results/models/old" in project.snakemake("leftovers").stdout
    assert project.snakemake("--report", "report.html").returncode == 0
    assert "corpus_packages" in (project.folder / "report.html").read_text(encoding="utf-8")
    in_earnest, dry = project.snakemake(), project.snakemake("--dry-run")
    for result in (in_earnest, dry):
        assert last_lines(result).endswith("error: source one: one does not exist; correct its path in the config")
    assert in_earnest.returncode != 0
    assert list(project.folder.glob("results/sources/one-*/shards/*.parquet")), "what was scraped before stays"

    (tmp_path / "moved").rename(project.folder / "one")
    assert project.scheduled() == {}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB, to run a project on."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_one_line_and_after_room_was_made_the_same_call_goes_on(fresh: Project, small_disk):
    (fresh.folder / "results").symlink_to(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 2_900_000)
    result = fresh.snakemake("corpus")
    assert result.returncode != 0
    assert "the disk is full; free some room and run the same command again" in last_lines(result)
    ballast.unlink()
    result = fresh.snakemake("corpus")
    assert result.returncode == 0, result.stderr


LONG = {"train": "{budget: 100000 steps, checkpoint_seconds: 1}", "evaluate": "{metrics: [bits_per_byte]}"}
SHORT = {"train": "{budget: 150 steps, checkpoint_seconds: 1}", "evaluate": "{metrics: [bits_per_byte]}"}


def training(project: Project) -> bool:
    logs = list(project.folder.glob("results/models/*/train.log"))
    return any(re.search(r"loss", log.read_text(encoding="utf-8")) for log in logs)


def test_ctrl_c_stops_within_seconds_without_a_traceback_and_the_next_call_goes_on(packed: Project):
    process = packed.start(config=LONG)
    wait_for(lambda: training(packed))
    kill_group(process, signal.SIGINT)
    started = time.monotonic()
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - started < 8
    assert process.returncode != 0
    assert "Traceback" not in output
    assert 'File "' not in output
    assert output.strip().splitlines()[-1] == "stopped; the same command goes on from here"
    assert packed.scheduled(config=LONG) == {"train": 1, "ngrams": 1, "evaluate": 1, "report": 1}


def test_after_a_kill_of_the_whole_group_a_plain_call_goes_on_from_the_checkpoint(packed: Project):
    process = packed.start(config=SHORT)
    wait_for(lambda: list(packed.folder.glob("results/checkpoints/*/*.safetensors")) != [])
    kill_group(process, signal.SIGKILL)
    process.communicate()
    result = packed.snakemake(config=SHORT)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert "removed the lock of a Snakemake that is gone" in output
    (metrics,) = packed.folder.glob("results/models/*/metrics.parquet")
    assert list(pandas.read_parquet(metrics)["step"]) == list(range(1, 151)), "each step stands there once"
    (log,) = packed.folder.glob("results/models/*/train.log")
    assert re.search(r"resum|going on|continu", log.read_text(encoding="utf-8"), re.IGNORECASE)


@pytest.mark.slow
def test_killed_again_and_again_at_any_stage_the_dag_ends_with_the_same_bytes(fresh: Project, finished: Project):
    for seconds in (3.0, 5.0, 8.0, 12.0):
        process = fresh.start()
        time.sleep(seconds)
        kill_group(process, signal.SIGKILL)
        process.communicate()
    result = fresh.snakemake()
    assert result.returncode == 0, result.stdout + result.stderr
    for pattern in ("results/tokens/*/*.npy", "results/windows/*/*.npy", "results/models/*/model.safetensors"):
        for path in finished.folder.glob(pattern):
            again = fresh.folder / path.relative_to(finished.folder)
            assert again.read_bytes() == path.read_bytes(), again
    assert list((fresh.folder / "results").rglob(".*.part")) == []


def test_a_living_snakemake_is_respected_and_named(packed: Project):
    process = packed.start(config=LONG)
    try:
        wait_for(lambda: training(packed))
        second = packed.snakemake(config=LONG)
        assert second.returncode != 0
        assert f"another Snakemake is at work in this folder: process {process.pid}" in last_lines(second)
        assert "not stale" in last_lines(second)
        removal = packed.snakemake("remove_leftovers")
        assert f"another Snakemake is at work here: process {process.pid}" in last_lines(removal)
        assert process.poll() is None
    finally:
        kill_group(process, signal.SIGKILL)
        process.communicate()
