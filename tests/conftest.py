"""Settings of the whole test run."""

import os
from pathlib import Path

import pytest

# Before torch is loaded: tests run side by side, and OpenMP threads that spin while they wait starve one another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

LONG = Path(__file__).parent / "workflow"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, so that no process is left with one of them when all others are done."""
    items.sort(key=lambda item: not item.path.is_relative_to(LONG))
