"""A grid as a person runs it: cells share stages, a cell that fails is a gap, and two of its runs are compared."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest
from project import Project

TEXT = """
name: pair
title: Two by two
base: smoke
metrics: [bits_per_byte]
axes:
  window:
    fits: {pack.context_length: 128}
    other: {pack.context_length: 65536, train.batch_tokens: 65536}
  train.seed: [1, 2]
"""
PAIR = {"grid": "pair"}


def write(project: Project, text: str) -> None:
    (project.folder / "config/grids").mkdir(exist_ok=True)
    (project.folder / "config/grids/pair.yaml").write_text(text)


@pytest.fixture(scope="module")
def failed(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The grid's first call: one window fits, the other is longer than the text that is held out."""
    project = Project(tmp_path_factory.mktemp("grid") / "project", finished.config)
    shutil.copytree(finished.folder, project.folder, symlinks=True)
    write(project, TEXT)
    scheduled = project.scheduled("grid", config=PAIR)
    result = project.snakemake("grid", config=PAIR)
    (folder,) = project.folder.glob("results/grids/pair-*")
    return SimpleNamespace(project=project, folder=folder, scheduled=scheduled, result=result)


def test_cells_share_the_stages_that_they_have_in_common_with_one_another_and_with_other_runs(failed: SimpleNamespace):
    # The run of seed 1 with the window that fits is the finished one's: only its page, of one metric, is new.
    assert failed.scheduled == {"pack": 2, "train": 3, "ngrams": 3, "evaluate": 3, "report": 4, "cell": 4, "grid": 1}


def test_a_cell_that_fails_is_a_gap_with_its_reason_and_the_page_is_made_all_the_same(failed: SimpleNamespace):
    assert failed.result.returncode != 0
    last = "\n".join(failed.result.stderr.strip().splitlines()[-16:])
    assert "Two by two: 2 of 4 runs" in last
    assert "error: pack: pack.context_length: one window of 65536 takes 65537 tokens" in last
    table = pandas.read_csv(failed.folder / "runs.csv")
    assert list(table["window"]) == ["fits", "fits", "other", "other"]
    assert list(table["train.seed"]) == [1, 2, 1, 2]
    assert table["bits_per_byte"].notna().tolist() == [True, True, False, False]
    assert table["bits_per_byte"][0] != table["bits_per_byte"][1]
    assert table["missing"].fillna("").str.startswith("pack: pack.context_length").tolist() == [
        False,
        False,
        True,
        True,
    ]
    page = (failed.folder / "index.html").read_text(encoding="utf-8")
    assert page.count("is missing.</b> pack: pack.context_length") == 2
    index = (failed.project.folder / "results/index.html").read_text(encoding="utf-8")
    assert f"grids/{failed.folder.name}/index.html" in index


def test_another_value_on_an_axis_schedules_its_own_cells_alone(failed: SimpleNamespace):
    write(failed.project, TEXT.replace("65536", "64", 1).replace(", train.batch_tokens: 65536", ""))
    expected = {"pack": 2, "train": 2, "ngrams": 2, "evaluate": 2, "report": 2, "cell": 4, "grid": 1}
    assert failed.project.scheduled("grid", config=PAIR) == expected
    write(failed.project, TEXT)


def test_a_whole_grid_ends_with_its_table_and_a_second_call_runs_nothing(failed: SimpleNamespace):
    project = failed.project
    write(project, TEXT.replace("    other: {pack.context_length: 65536, train.batch_tokens: 65536}\n", ""))
    assert project.scheduled("grid", config=PAIR) == {"cell": 2, "grid": 1}
    result = project.snakemake("grid", config=PAIR)
    assert result.returncode == 0, result.stderr
    assert "Two by two: 2 of 2 runs" in result.stdout
    (folder,) = set(project.folder.glob("results/grids/pair-*")) - {failed.folder}
    points = sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob("cells/*/*/summary.json"))
    assert points == ["cells/window~fits/seed~1", "cells/window~fits/seed~2"]
    assert project.scheduled("grid", config=PAIR) == {}


def test_two_runs_are_compared_by_what_lies_on_disk(failed: SimpleNamespace):
    one, other = sorted(Path(failed.project.folder).glob("results/runs/pair-fits-*"))
    result = failed.project.snakemake("compare", config={"runs": f"{one.name},pair-fits-2"})
    assert result.returncode == 0, result.stderr
    assert "train.seed: 1 -> 2" in result.stdout
    page = failed.project.folder / f"results/compare/{one.name}-{other.name}/index.html"
    assert "The same prompts" in page.read_text(encoding="utf-8")
    assert failed.project.scheduled("compare", config={"runs": f"{one.name},{other.name}"}) == {}


def test_a_target_without_its_name_says_which_there_are(failed: SimpleNamespace):
    result = failed.project.snakemake("grid")
    assert result.returncode != 0
    assert "name it, as in --config grid=NAME; there are: " in result.stderr
    assert "learning-rate, pair" in result.stderr


def test_a_call_that_forgot_the_target_runs_nothing_and_names_it(fresh: Project):
    write(fresh, TEXT)
    result = fresh.snakemake(config=PAIR)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: --config grid=pair ") and "snakemake --cores all grid --config grid=pair" in last
    assert not (fresh.folder / "results").exists()
