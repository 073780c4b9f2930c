"""Fixtures: a project whose DAG has run, and one in which nothing has run yet."""

import fcntl
import shutil

import pytest
from project import SOURCES, Project, copy_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Project:
    """A project whose DAG has run to its end. Tests leave it as they found it.

    Test processes side by side share one run: the first makes it, and each takes a copy, dates included.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "finished"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "results/index.html").exists():
            shutil.rmtree(shared, ignore_errors=True)
            shared.mkdir()
            project = copy_project(shared)
            result = project.snakemake()
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    folder = tmp_path_factory.mktemp("copy") / "finished"
    shutil.copytree(shared, folder, symlinks=True)
    return Project(folder, SOURCES)


@pytest.fixture
def own(finished, tmp_path) -> Project:
    """A finished project of the test's own, whose results it may add to."""
    folder = tmp_path / "own"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Project(folder, SOURCES)


@pytest.fixture
def packed(own) -> Project:
    """A project whose data are made and whose model is not."""
    for path in (own.folder / "results").iterdir():
        if path.name in {"checkpoints", "models", "metrics", "runs"}:
            shutil.rmtree(path)
    return own


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A project in which nothing has run yet."""
    return copy_project(tmp_path)
