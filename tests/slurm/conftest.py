"""Fixtures: a Slurm, and an interpreter that has Snakemake's executor for it."""

import importlib.util
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from cluster import Cluster, NoSlurm, install
from project import ROOT


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A controller and two nodes; the test is skipped, with the reason, where they can't be had."""
    running = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        install()
        running.start()
    except NoSlurm as reason:
        running.stop()
        pytest.skip(f"no Slurm: {reason}")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def python(tmp_path_factory) -> str:
    """An interpreter with the extra `slurm`: this one, or a thin layer over it.

    The plugin is no part of the environment of development: Snakemake loads every plugin at every start, and this one
    loads pandas.
    """
    if importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        return sys.executable
    layer = tmp_path_factory.mktemp("layer")
    subprocess.run([sys.executable, "-m", "venv", layer], check=True)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(layer), "platbase": str(layer)})
    Path(packages, "below.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["slurm"]
    pip = [f"{layer}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the extra `slurm` cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return f"{layer}/bin/python"
