"""A sandbox to try things in; where nothing isolates, the tests of isolation are skipped with the reason."""

import pytest
from charmer.sandbox.run import Sandbox, unavailable


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no isolation here: {reason}")
    return Sandbox()
