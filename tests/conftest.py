"""Settings of the whole test run."""

import os
from pathlib import Path

import pytest

# Before torch is loaded: tests run side by side, and OpenMP threads that spin while they wait starve one another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Files that take minutes begin, so that no process is left with one of them when all others are done. Most of the
# workflow's tests wait for one finished DAG: while one process makes it, the other has work that does not.
FIRST = ("workflow/test_rerun.py", "workflow/test_scatter.py", "training/", "workflow/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `FIRST` first, in its order; all else stays."""
    tests = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        path = item.path.relative_to(tests).as_posix()
        return next((number for number, first in enumerate(FIRST) if path.startswith(first)), len(FIRST))

    items.sort(key=turn)
