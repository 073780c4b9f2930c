"""A person's test command on a copy of their project, which stands where the project stands and is fresh each time."""

import json
import sys
from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.sandbox import project as projects
from charmer.sandbox.interpreters import find
from charmer.sandbox.project import ProjectTests
from charmer.sandbox.run import Sandbox

COMMAND = """
import os, sys
assert os.getcwd() == sys.argv[1], os.getcwd()
assert open("data/list.txt").read() == "kept"
os.remove("data/list.txt")
open("left.txt", "w").write("behind")
sys.path.insert(0, sys.argv[1])
import value
sys.exit(value.value)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    (place / "data").mkdir(parents=True)
    (place / "setup.cfg").write_text("")
    (place / "data" / "list.txt").write_text("kept")
    (place / "value.py").write_text("value = 3\n")
    (place / "run.py").write_text(COMMAND)
    monkeypatch.chdir(place)
    return place


def test_every_run_has_a_fresh_copy_at_the_projects_own_path(sandbox: Sandbox, folder: Path):
    with ProjectTests(sandbox, folder / "value.py", f"{sys.executable} run.py {folder}") as tests:
        assert (tests.root, tests.here) == (folder, folder)
        runs = [tests.run(content, 20) for content in (b"value = 3\n", b"value = 0\n")]
        again = tests.run(b"import os\nvalue = 0 if os.path.exists('left.txt') else 5\n", 20)
    assert [run.returncode for run in runs] == [3, 0], runs[0].output
    assert [run.passed for run in runs] == [False, True]
    assert again.returncode == 0  # left.txt is of this run
    assert sorted(path.name for path in folder.iterdir()) == ["data", "run.py", "setup.cfg", "value.py"]
    assert (folder / "data" / "list.txt").read_text() == "kept" and (folder / "value.py").read_text() == "value = 3\n"


def test_lines_are_traced(sandbox: Sandbox, folder: Path):
    (folder / "value.py").write_text("def f(x):\n    if x:\n        return 1\n    return 2\n")
    command = f"{sys.executable} -c 'import value; value.f(0)'"
    with ProjectTests(sandbox, folder / "value.py", command) as tests:
        run = tests.run((folder / "value.py").read_bytes(), 20, trace=True)
    assert run.passed, run.output
    assert run.lines[""] >= {1, 2, 4} and 3 not in run.lines[""]


def test_unittests_count_is_read_and_pytests_report(sandbox: Sandbox, folder: Path):
    (folder / "test_value.py").write_text(
        "import unittest, value\n\n\nclass T(unittest.TestCase):\n"
        "    def test_a(self):\n        self.assertTrue(value.value)\n"
        "    def test_b(self):\n        self.assertEqual(value.value, 0)\n    @unittest.skip('later')\n"
        "    def test_c(self):\n        pass\n"
    )
    with ProjectTests(sandbox, folder / "value.py", f"{sys.executable} -m unittest -q test_value") as tests:
        run = tests.run(b"value = 3\n", 20)
    assert (run.passed, run.count, run.tests) == (False, 3, None), run.output
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q test_value.py"
    with ProjectTests(sandbox, folder / "value.py", command) as tests:
        run = tests.run(b"value = 3\n", 60)
    names = {name.rpartition(".")[2]: how for name, how in (run.tests or {}).items()}
    assert names == {"test_a": "passed", "test_b": "failed", "test_c": "skipped"}, run.output


def test_a_script_of_the_project_hides_nothing_of_it(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "tools").mkdir()
    monkeypatch.chdir(folder / "tools")
    (folder / "check.py").write_text("import value\nopen('written', 'w')\nraise SystemExit(value.value)\n")
    with ProjectTests(sandbox, folder / "value.py", f"{sys.executable} ../check.py") as tests:
        run = tests.run(b"value = 7\n", 20)
    assert (run.status, run.returncode) == ("error", 7), run.output


def test_pytests_cache_is_read_and_stays_as_it_is(sandbox: Sandbox, folder: Path):
    (folder / "test_value.py").write_text("def test_a():\n    assert 0\n\n\ndef test_b():\n    assert 0\n")
    cache = folder / ".pytest_cache" / "v" / "cache" / "lastfailed"
    cache.parent.mkdir(parents=True)
    cache.write_text(json.dumps({"test_value.py::test_b": True}))
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q --lf test_value.py"
    with ProjectTests(sandbox, folder / "value.py", command) as tests:
        runs = [tests.run(b"value = 3\n", 60, hasty=hasty) for hasty in (False, True)]
    assert [run.tests for run in runs] == [{"test_value.test_b": "failed"}] * 2, runs[0].output
    assert [path.name for path in cache.parent.iterdir()] == ["lastfailed"]
    assert json.loads(cache.read_text()) == {"test_value.py::test_b": True}


def test_variables_that_are_asked_for_are_seen(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTHER", "other")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-q")
    wanted = {"SETTINGS": "a b'c", "PYTHONPATH": "/lib", "PYTEST_ADDOPTS": "-v"}
    with ProjectTests(sandbox, folder / "value.py", "env", environment=wanted) as tests:
        seen = dict(line.partition("=")[::2] for line in tests.run(b"value = 3\n", 20).output.splitlines())
    assert (seen["SETTINGS"], seen["PYTHONPATH"]) == ("a b'c", "/lib")
    assert seen["PYTEST_ADDOPTS"].startswith("-v --junitxml=") and "OTHER" not in seen


def test_a_project_too_large_is_refused(sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(projects, "MAX_FILES", 2)
    with pytest.raises(Failure, match="too large a project") as failure:
        ProjectTests(sandbox, folder / "value.py", "true")
    assert "--project" in str(failure.value)


def test_a_projects_own_environment_is_found(folder: Path):
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    found = find("pytest -q", folder, folder)
    assert folder / ".venv" in found.mounts and str(folder / ".venv" / "bin") in found.path
    assert all(path.is_absolute() for path in found.mounts)
