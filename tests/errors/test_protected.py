"""What no edit may touch: tests, assertions, docstrings, and ways around them."""

from pathlib import Path

import pytest
from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit
from charmer.errors.protected import Protected, is_test

TEXT = '''"""Doc."""


def size(items):
    """>>> size([1])"""
    assert items is not None
    return len(items)


def test_size():
    return size([]) == 0


class TestSize:
    value = 3


if __name__ == "__main__":
    test_size()
'''


def edit(old: str, new: str) -> Edit:
    start = TEXT.index(old)
    return Edit(start, start + len(old), new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Doc", "Other"),
        ("size([1])", "1"),
        ("is not None", "is None"),
        ("    assert items is not None\n", ""),
        ("== 0", "!= 0"),
        ("value = 3", "value = 4"),
        ("    test_size()", "    pass"),
        ("return len(items)", "raise SystemExit(0)"),
        ("return len(items)", "import os; os._exit(0)"),
        ("return len(items)", "pytest.skip()"),
    ],
)
def test_tests_and_assertions_stay(old: str, new: str):
    assert not Protected(Source(TEXT)).allows(edit(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return len(items)", "return len(items) + 1"),
        ("return len(items)", "return 0"),
        (
            "    assert items is not None\n    return len(items)\n",
            "    n = 0\n    assert items is not None\n    return n\n",
        ),
    ],
)
def test_the_code_itself_may_change(old: str, new: str):
    assert Protected(Source(TEXT)).allows(edit(old, new))


def test_test_files_are_known_by_their_names():
    names = ["test_a.py", "a_test.py", "tests.py", "conftest.py", "tests/data.py", "a.py", "latest.py", "testing.py"]
    found = [is_test(Path("/tests", name), Path("/tests")) for name in names]
    assert found == [True, True, True, True, True, False, False, False]
