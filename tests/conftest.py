"""Settings of the whole test run."""

import os

import pytest

# Before torch is loaded: tests run side by side, and OpenMP threads that spin while they wait starve one another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together, in one of the processes side by side, what shares an expensive fixture: the tests of a file, and
    all that look at the one finished DAG."""
    for item in items:
        file = item.location[0]
        shares = "finished" if "workflow" in file and "finished" in getattr(item, "fixturenames", ()) else file
        item.add_marker(pytest.mark.xdist_group(shares))
