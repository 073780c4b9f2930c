"""Fixtures: a project whose DAG has run, and one in which nothing has run yet."""

import pytest
from project import Project, copy_project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose DAG has run to its end. Tests leave it as they found it."""
    project = copy_project(tmp_path_factory.mktemp("finished"))
    result = project.snakemake()
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return project


@pytest.fixture
def fresh(tmp_path) -> Project:
    """A project in which nothing has run yet."""
    return copy_project(tmp_path)
