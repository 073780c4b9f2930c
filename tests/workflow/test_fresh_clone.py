"""README's two commands as they stand, in a fresh clone: what a new user's machine would see."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from project import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def clone(tmp_path) -> Path:
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    return folder


def make(clone: Path, *targets: str) -> tuple[str, float]:
    """Run make as a new user would: no virtual environment active, no variable of this test run."""
    keep = {"PATH", "HOME", "LANG", "TMPDIR"}
    environment = {
        key: value for key, value in os.environ.items() if key in keep or key.startswith(("PIP_", "SSL_", "OPENBLAS_"))
    }
    active = os.environ.get("VIRTUAL_ENV")
    if active:
        environment["PATH"] = os.pathsep.join(
            part for part in environment["PATH"].split(os.pathsep) if not part.startswith(active)
        )
    started = time.monotonic()
    result = subprocess.run(
        ["make", *targets], cwd=clone, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return result.stdout + result.stderr, time.monotonic() - started


def test_make_trains_a_model_within_twenty_minutes_and_a_second_make_runs_nothing(clone):
    output, seconds = make(clone)
    assert seconds < 20 * 60
    bits = float(re.search(r"([0-9.]+) +bits per byte on packages it never saw", output).group(1))
    xz = float(re.search(r"([0-9.]+) +bits per byte that xz -9 needs", output).group(1))
    assert bits < 1.5
    assert bits < xz
    assert "results/index.html" in output
    again, seconds = make(clone)
    assert seconds < 15
    assert "Nothing to be done" in again
    assert f"{bits:.3f}" in again, "the summary is printed also when nothing ran"


def test_make_test_passes_within_ten_minutes_without_make_before_it(clone):
    output, seconds = make(clone, "test")
    assert seconds < 10 * 60
    assert re.search(r"\d+ passed", output)
    assert not re.search(r"\d+ failed", output)
