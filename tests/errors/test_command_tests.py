"""A project's test command as a judge: an exit status of 0 alone does not make a text mended."""

import sys
import time
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


UNSTARTED = {
    "a plugin that is absent": ("-m pytest -q --absent", "unrecognized arguments: --absent"),
    "no such test file": ("-m pytest -q nothing.py", "ERROR: file or directory not found: nothing.py"),
    "no test of that name": ("-m pytest -q -k nothing", "3 deselected"),
    "no such script": ("nothing.py", "python: can't open file"),
    "no tests at all": ("-c 'print(\"NO TESTS RAN\"); exit(5)'", "NO TESTS RAN"),
}


@pytest.mark.parametrize("case", sorted(UNSTARTED))
def test_a_command_that_starts_no_tests_is_refused_in_its_own_words(document: Document, case: str):
    arguments, said = UNSTARTED[case]
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} {arguments}"
    with (
        ProjectTests(Sandbox(), document.path, command) as project,
        pytest.raises(Failure, match="could not start its tests; mend the command first") as failure,
    ):
        CommandTests(project, document, 60.0)
    assert said in str(failure.value)


def test_an_error_of_the_file_that_keeps_tests_from_starting_is_the_bug(document: Document):
    (document.path.parent / "conftest.py").write_text("import area\n")
    document.path.write_text("import absent\n")
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q"
    with ProjectTests(Sandbox(), document.path, command) as project:
        tests = CommandTests(project, Document.read(document.path), 60.0)
    assert (tests.before.returncode, tests.error) == (4, "ModuleNotFoundError: No module named 'absent'")
    (document.path.parent / "conftest.py").write_text("import absent\n")
    with ProjectTests(Sandbox(), document.path, command) as project, pytest.raises(Failure, match=r"conftest\.py"):
        CommandTests(project, document, 60.0)


def test_a_proof_takes_no_longer_than_there_is_time(document: Document):
    command = f"{sys.executable} -c 'import area; raise SystemExit(area.MORE)'"
    with ProjectTests(Sandbox(), document.path, command) as project:
        tests = CommandTests(project, document, 60.0)
        right = AREA.replace("True", "False")
        assert tests.prove(right) == [command]
        for left in (0.0, 0.2):  # over already, and over meanwhile
            tests.tests.command = f"sleep 5; {command}"
            tests.deadline = time.monotonic() + left
            with pytest.raises(TimeoutError):
                tests.prove(right)


def test_lines_that_the_error_shows_are_known_without_time_to_trace_any(document: Document):
    with ProjectTests(Sandbox(), document.path, f"{sys.executable} -c 'import area; area.area(1, None)'") as project:
        tests = CommandTests(project, document, 60.0)
        tests.deadline = time.monotonic()
        assert tests.spectrum().lines == {5: 1.0}


def test_the_last_exception_of_an_output_is_its_error():
    said = "E   ValueError: first\nTraceback\nmodule.SomeError: 'x' is wrong\n1 failed\n"
    assert error_in(said) == "module.SomeError: 'x' is wrong"
    assert error_in("E       AssertionError\n") == "AssertionError" and error_in("fine") == ""
