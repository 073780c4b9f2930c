"""A project's test command as a judge: an exit status of 0 alone does not make a text mended."""

import sys
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.errors.command_tests import CommandTests, error_in
from charmer.errors.document import Document
from charmer.sandbox.project import ProjectTests
from charmer.sandbox.run import Sandbox, unavailable

TESTS = """import area


def test_area():
    assert area.area(3, 4) == 12


def test_two():
    assert area.area(2, 2) == 4


if area.MORE:
    def test_more():
        assert area.area(0, 0) == 0
"""
AREA = "MORE = True\n\n\ndef area(width, height):\n    return width + height\n"


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no isolation here: {reason}")
    (tmp_path / "setup.cfg").write_text("")
    (tmp_path / "test_area.py").write_text(TESTS)
    (tmp_path / "area.py").write_text(AREA)
    monkeypatch.chdir(tmp_path)
    return Document.read(tmp_path / "area.py")


def test_pytests_report_says_what_was_mended_and_what_was_left_out(document: Document):
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q --assert=plain test_area.py"
    with ProjectTests(Sandbox(), document.path, command) as project:
        tests = CommandTests(project, document, 120.0)
        assert tests.before.tests == {
            "test_area.test_area": "failed",
            "test_area.test_two": "passed",
            "test_area.test_more": "passed",
        }
        assert tests.error == "AssertionError"
        spectrum = tests.spectrum()
        assert spectrum.lines[5] == max(spectrum.lines.values()) and 3 not in spectrum.lines
        right = AREA.replace("+ height", "* height")
        assert tests.attempt(right).passed
        assert not tests.attempt(right.replace("True", "False")).passed  # a test that passed before is gone
        assert not tests.attempt(AREA.replace("+ height", "+")).passed  # does not compile, and is not run
        assert tests.prove(right) == ["test_area.test_area"]


def test_tests_that_pass_and_fail_by_turns_prove_nothing(document: Document):
    with ProjectTests(
        Sandbox(), document.path, f"{sys.executable} -c 'import area; raise SystemExit(area.MORE)'"
    ) as project:
        tests = CommandTests(project, document, 60.0)
        assert tests.attempt(AREA.replace("True", "False")).passed
        assert tests.prove(AREA.replace("True", "2")) is None
        tests.tests.command = "true"
        with pytest.raises(Failure, match="by turns"):
            tests.prove(AREA.replace("True", "False"))


def test_the_last_exception_of_an_output_is_its_error():
    said = "E   ValueError: first\nTraceback\nmodule.SomeError: 'x' is wrong\n1 failed\n"
    assert error_in(said) == "module.SomeError: 'x' is wrong"
    assert error_in("E       AssertionError\n") == "AssertionError" and error_in("fine") == ""
