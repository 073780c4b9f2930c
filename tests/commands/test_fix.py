"""`charmer fix` as a person types it: what is proved, what is left alone, and what is refused in one line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from charmer import cli
from charmer.errors.command_tests import CommandTests
from charmer.errors.document import alone
from charmer.sandbox.run import unavailable

AREA = b"def area(width, height):\r\n    return width + height  # \xc3\xbc\r\n"
TEST = "from area import area\n\nassert area(3, 4) == 12, area(3, 4)\nassert area(1, 5) == 5\n"
PLAIN = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"  # pytest starts faster without plugins
PYTEST = """from area import area


def test_area():
    assert area(3, 4) == 12


def test_two():
    assert area(2, 2) == 4
"""


@pytest.fixture(autouse=True)
def isolation() -> None:
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no isolation here: {reason}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one wrong file and a test, which is also where we are."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text("")
    (tmp_path / "project" / "area.py").write_bytes(AREA)
    (tmp_path / "project" / "check.py").write_text(TEST)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def fix(model: Path, *arguments: str) -> int:
    return cli.main(["fix", *arguments, "--model", str(model), "--threads", "1"])


def test_a_bug_is_mended_proved_and_written_only_when_told(uniform: SimpleNamespace, project: Path, capsys):
    command = ["area.py", "--test", f"{sys.executable} check.py"]
    assert fix(uniform.folder, *command, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fixed"] is True and found["verified_by"] == "tests" and found["attempts"] >= 1
    assert "+    return width * height  # ü\r\n" in found["patch"] and found["patch"].startswith("--- a/area.py\n")
    assert (project / "area.py").read_bytes() == AREA
    (project / "area.py").chmod(0o700)
    assert fix(uniform.folder, *command, "--write") == 0
    assert (project / "area.py").read_bytes() == AREA.replace(b"+", b"*")
    assert (project / "area.py").stat().st_mode & 0o777 == 0o700
    said = capsys.readouterr().out
    assert "failed before, twice, and ends with exit status 0 now" in said and "An exit status is the word" in said
    assert fix(uniform.folder, *command) == 1
    assert "passes already" in capsys.readouterr().err


def test_git_takes_the_patch_whatever_stands_in_the_lines_and_wherever_we_are(
    uniform: SimpleNamespace, project: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    marked = '\ufeff"""One\x0cpage.\u2028"""\n\x0c\ndef area(width, height):\n    return width + height  # \x85\n'
    (project / "area.py").write_text(marked, newline="")
    (project / "docs").mkdir()
    monkeypatch.chdir(project / "docs")
    assert fix(uniform.folder, "../area.py", "--test", f"{sys.executable} ../check.py", "--json") == 0
    patch = json.loads(capsys.readouterr().out)["patch"]
    assert patch.startswith("--- a/area.py\n+++ b/area.py\n") and "No newline" not in patch
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=project, check=True)
    assert (project / "area.py").read_text() == marked.replace("+", "*")


@pytest.mark.slow
def test_where_pytest_reports_its_tests_are_counted(uniform: SimpleNamespace, project: Path, capsys):
    (project / "test_area.py").write_text(PYTEST)
    command = f"{PLAIN} {sys.executable} -m pytest -q --assert=plain test_area.py"
    assert fix(uniform.folder, "area.py", "--test", command, "--timeout", "200") == 0
    said = capsys.readouterr().out
    assert "Failed before and pass now, twice: test_area.test_area." in said
    assert "The 1 tests that passed before pass still, of 2." in said


REFUSED = {
    "passes": ("true", "passes already"),
    "hangs": ("sleep 300", "did not end within"),
    "floods": ("yes", "limit of output"),
    "no such command": ("no-such-command-here", "cannot be run in the sandbox"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_command_that_tells_nothing_is_refused_and_nothing_runs_on(
    uniform: SimpleNamespace, project: Path, capsys, case: str
):
    command, said = REFUSED[case]
    began = time.monotonic()
    assert fix(uniform.folder, "area.py", "--test", command, "--timeout", "4", "--write") == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert said in error and error.startswith("charmer fix: --test:")
    assert (project / "area.py").read_bytes() == AREA
    assert time.monotonic() - began < 60
    assert not [process for process in psutil.Process().children(recursive=True) if process.name() in ("sleep", "yes")]


def test_a_refusal_is_an_object_too(uniform: SimpleNamespace, project: Path, capsys):
    assert fix(uniform.folder, "area.py", "--test", "true", "--json") == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found.pop("seconds") >= 0 and said.err == f"charmer fix: {found['error']}\n"
    assert found == {
        **{"fixed": False, "patch": "", "attempts": 0, "verified_by": None, "proved": [], "suggestions": []},
        "error": "--test: `true` passes already; there is nothing to fix in area.py",
    }
    assert fix(uniform.folder, "nothing.py", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"] == "nothing.py: there is no such file"


def test_variables_reach_the_tests_by_their_names(
    uniform: SimpleNamespace, project: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
    monkeypatch.delenv("MODE", raising=False)
    command = ["area.py", "--test", 'test "$DJANGO_SETTINGS_MODULE $MODE" = "shop.settings a=b"', "--timeout", "3"]
    assert fix(uniform.folder, *command, "--env", "DJANGO_SETTINGS_MODULE", "--env", "MODE=a=b") == 1
    assert "passes already" in capsys.readouterr().err
    assert fix(uniform.folder, *command, "--env", "MODE=a=b") == 1
    assert "passes already" not in capsys.readouterr().err
    assert fix(uniform.folder, *command, "--env", "MODE") == 1
    assert capsys.readouterr().err == (
        "charmer fix: --env MODE: is not set here; export it, or write --env MODE=VALUE\n"
    )


def test_an_edit_that_no_time_is_left_to_prove_is_a_suggestion(
    uniform: SimpleNamespace, project: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    def late(tests: CommandTests, text: str) -> None:
        raise TimeoutError

    monkeypatch.setattr(CommandTests, "prove", late)
    command = ["area.py", "--test", f"{sys.executable} check.py", "--write"]
    assert fix(uniform.folder, *command, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["fixed"], found["patch"], found["verified_by"]) == (False, "", None)
    assert found["error"] == "an edit made the tests pass, but --timeout left no time to prove that; raise it"
    assert "+    return width * height" in found["suggestions"][0]["patch"]
    assert (project / "area.py").read_bytes() == AREA


def test_the_time_is_for_the_reading_too(uniform: SimpleNamespace, project: Path, capsys):
    (project / "area.py").write_text("def area(width, height):\n    return width + height\n\n\n" * 4000)
    began = time.monotonic()
    assert fix(uniform.folder, "area.py", "--timeout", "1") == 1
    assert capsys.readouterr().err == "charmer fix: area.py: could not be read within 1 s; raise --timeout\n"
    assert time.monotonic() - began < 20


def test_a_command_that_deletes_everything_deletes_its_copy(uniform: SimpleNamespace, project: Path, capsys):
    assert fix(uniform.folder, "area.py", "--test", f"rm -rf * {project}/*; exit 1", "--timeout", "3") == 1
    assert sorted(os.listdir(project)) == ["area.py", "check.py", "pyproject.toml"]  # noqa: PTH208
    assert (project / "area.py").read_bytes() == AREA


def test_nothing_is_proved_without_tests(uniform: SimpleNamespace, project: Path, capsys):
    assert fix(uniform.folder, "area.py", "--json", "--write") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["fixed"], found["patch"], found["verified_by"]) == (False, "", None)
    assert 1 <= len(found["suggestions"]) <= 3
    assert (project / "area.py").read_bytes() == AREA
    assert fix(uniform.folder, "area.py") == 1
    assert "# unproven suggestions" in capsys.readouterr().out


def test_what_does_not_parse_is_mended_as_far_as_the_parser_can_tell(uniform: SimpleNamespace, project: Path, capsys):
    (project / "open.py").write_text("values = [1, 2\n\n\ndef first():\n    return values[0]\n")
    assert fix(uniform.folder, "open.py", "--write") == 0
    said = capsys.readouterr().out
    assert "It parses. That it does what was meant is not proved" in said
    compile((project / "open.py").read_text(), "open.py", "exec")


def test_tests_read_only_files_and_files_at_work_are_refused(uniform: SimpleNamespace, project: Path, capsys):
    (project / "test_area.py").write_text(PYTEST)
    assert fix(uniform.folder, "test_area.py", "--test", "false") == 1
    assert "is a test, which is never edited" in capsys.readouterr().err
    (project / "area.py").chmod(0o444)
    assert fix(uniform.folder, "area.py", "--test", "false", "--write") == 1
    assert "read-only" in capsys.readouterr().err
    with alone(project / "area.py"):
        assert fix(uniform.folder, "area.py", "--test", "false") == 1
    assert "another `charmer fix` is at work" in capsys.readouterr().err


def test_a_test_cannot_be_left_out_to_pass(uniform: SimpleNamespace, project: Path, capsys):
    """The only edit that helps takes the tests away: with a count of tests it does not."""
    (project / "area.py").write_text("def load_tests():\n    return 1\n")
    (project / "test_it.py").write_text(
        "import area, unittest\n\n\nclass T(unittest.TestCase):\n    if area.load_tests() == 1:\n"
        "        def test_wrong(self):\n            self.assertEqual(area.load_tests(), 7)\n"
        "    def test_right(self):\n        pass\n"
    )
    command = f"{sys.executable} -m unittest -q test_it"
    assert fix(uniform.folder, "area.py", "--test", command, "--timeout", "5", "--json") == 1
    assert json.loads(capsys.readouterr().out)["fixed"] is False
