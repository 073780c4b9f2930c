"""Run a person's test command on a copy of their project, again and again, with one file changed each time.

    with ProjectTests(Sandbox(), Path("src/area.py"), "pytest -q") as tests:
        run = tests.run(b"def area(): ...")

Notable here:
- The copy stands where the project stands (in a file system of the sandbox's own), so absolute paths and packages that
  were installed in place find the changed file. Environments and interpreters are seen as they are, read-only.
- Every run begins with a fresh copy: what a test deletes or writes is gone afterwards, pytest's cache included. The
  project's own cache is copied with it, so that `pytest --lf` means the same tests here, every time.
- Of the environment's variables only those come in that Python and pytest are told by, and those that are asked for.
- Where the command runs pytest, its own report counts the tests; where it runs unittest, the line "Ran N tests".
  An exit status can be forged by the code under test, which shares a process with the tests; so can a report, by code
  that sets out to do it. Edits that nobody wrote to deceive are told by both.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from charmer.common.failure import Failure
from charmer.sandbox import interpreters, traced
from charmer.sandbox.limits import MB, Limits, Status
from charmer.sandbox.run import Sandbox

LEFT_OUT = {".git", ".hg", ".svn", "node_modules", ".tox", ".nox", ".snakemake"}
MARKERS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "pytest.ini")
MAX_MB = 100  # of a project
MAX_FILES = 20_000
MEMORY_MB = 2048
TESTS = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)  # what unittest writes

SCRIPT = """
mkdir -p "$CHARMER_TRACE" && cd "$1" || exit 125
sh -c "$2" </dev/null
code=$?
for file in "$CHARMER_TRACE"/*; do
  case "$file" in *.json|*.xml) printf '\\n%s %s\\n' "$3" "${file##*.}"; cat "$file";; esac
done
exit $code
"""


@dataclass(frozen=True)
class Run:
    """How one run of the command ended.

    Attributes:
        status, returncode, seconds: as in `Outcome`.
        output: standard output and error.
        tests: "passed", "failed" or "skipped" by the name of each test; None where the command told of none.
        count: tests that were run, as far as the command told.
        lines: lines of the file that ran, by test ("" where nobody says which); empty unless they were asked for.
    """

    status: Status
    returncode: int | None
    seconds: float
    output: str
    tests: dict[str, str] | None = None
    count: int | None = None
    lines: dict[str, set[int]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the command said so, with exit status 0."""
        return self.status == "ok"

    def named(self, outcome: str) -> set[str]:
        """The tests that ended so."""
        return {name for name, how in (self.tests or {}).items() if how == outcome}


def root_of(file: Path) -> Path:
    """The project's folder: the nearest above the file that a version control or a build system marks; else the present
    folder if the file lies in it, or the file's own."""
    here = Path.cwd().resolve()
    for folder in file.parents:
        if any((folder / marker).exists() for marker in MARKERS):
            return folder
    return here if file.is_relative_to(here) else file.parent


class ProjectTests:
    """A test command, and a copy of the project to run it on. Use it as a context manager.

    Args:
        sandbox: where the command runs.
        file: the file that changes from run to run, an absolute path without links.
        command: as typed to a shell.
        root: the project; None: `root_of(file)`.
        environment: variables that the command sees beside those of Python and pytest, and before these.

    Raises:
        Failure: the project is too large to be copied, or cannot be read.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        file: Path,
        command: str,
        root: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.sandbox, self.file, self.command = sandbox, file, command
        self.environment = dict(environment or {})
        self.root = (root or root_of(file)).resolve()
        if self.root in (Path("/"), Path.home()):
            raise Failure(f"{self.root}: is too large a project to be copied for tests; name its folder with --project")
        if not file.is_relative_to(self.root):
            raise Failure(f"{file}: does not lie in the project {self.root}; name another with --project")
        here = Path.cwd().resolve()
        self.here = here if here.is_relative_to(self.root) else self.root
        self._scratch = Path(tempfile.mkdtemp(prefix="charmer-project-"))
        try:
            self.found = interpreters.find(command, self.root, self.here)
            self.mounts = [  # what else lies in the project is in its copy: a mount would hide that
                path
                for path in self.found.mounts
                if not path.is_relative_to(self.root) or interpreters.is_environment(path)
            ]
            self.copy = self._scratch / "project"
            self._copy()
            (self._scratch / "tracer").mkdir()
            (self._scratch / "tracer" / "sitecustomize.py").write_text(inspect.getsource(traced), encoding="utf-8")
        except BaseException:
            self.close()
            raise

    def _copy(self) -> None:
        files = size = 0
        for place, folders, names in os.walk(self.root):
            to = self.copy / Path(place).relative_to(self.root)
            to.mkdir()
            for name in list(folders):
                path = Path(place, name)
                if name in LEFT_OUT or interpreters.is_environment(path):
                    folders.remove(name)
                    if not self.sandbox.isolated and interpreters.is_environment(path):
                        (to / name).symlink_to(path)  # nothing can be mounted there
            for name in [*names, *folders]:
                path = Path(place, name)
                try:
                    if path.is_symlink():
                        (to / name).symlink_to(path.readlink())
                    elif path.is_file():
                        files, size = files + 1, size + path.stat().st_size
                        if files > MAX_FILES or size > MAX_MB * MB:
                            raise Failure(
                                f"{self.root}: is too large a project to be copied for tests ({MAX_MB} MB, "
                                f"{MAX_FILES:,} files); name a smaller folder with --project"
                            )
                        shutil.copy2(path, to / name)
                except OSError as error:
                    raise Failure(f"{path}: cannot be copied for the tests ({error.strerror})") from error

    def run(self, content: bytes, seconds: float, trace: bool = False, hasty: bool = False) -> Run:
        """Run the command with `content` as the file's, for `seconds` on the clock at most.

        Args:
            trace: find out which lines of the file run.
            hasty: pytest ends with the first test that fails, and does not rewrite assertions, which takes it longer
                than most tests.
        """
        token = secrets.token_hex(16)
        # Its own folder, as the sandbox sees it; without isolation the variable is read by no shell but ours.
        report = "/tmp/charmer-report" if self.sandbox.isolated else str(self._scratch / f"report-{token}")
        place = self.root if self.sandbox.isolated else None
        options = "-x --assert=plain " if hasty else ""
        options += f"--junitxml={report}/report.xml -o junit_family=xunit2 -o junit_logging=no"
        environment = {
            **self.found.variables,
            "PATH": os.pathsep.join(self.found.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_ADDOPTS": os.environ.get("PYTEST_ADDOPTS", ""),
            **self.environment,
            "CHARMER_TRACE": report,
        }
        environment["PYTEST_ADDOPTS"] = f"{environment['PYTEST_ADDOPTS']} {options}".strip()
        before = [environment["PYTHONPATH"]] if "PYTHONPATH" in environment else []
        if not self.sandbox.isolated:  # packages that were installed in place lead back to the project itself
            before = ["src", ".", *before]
        if trace:
            before = [str(self._scratch / "tracer"), *before]
            environment["CHARMER_TRACED"] = str(self.file) if place else str(self.file.relative_to(self.root))
        if before:
            environment["PYTHONPATH"] = os.pathsep.join(before)
        outcome = self.sandbox.run(
            ["sh", "-c", SCRIPT, "sh", str(self.here.relative_to(self.root)), self.command, token],
            files={str(self.file.relative_to(self.root)): content},
            folder=self.copy,
            mounts=[*self.mounts, *([self._scratch / "tracer"] if trace else [])],
            environment=environment,
            limits=Limits(
                cpu_seconds=4 * seconds,
                wall_seconds=seconds,
                memory_mb=MEMORY_MB,
                processes=256,
                file_mb=64,
                disk_mb=4 * MAX_MB,
                files=4 * MAX_FILES,
                output_mb=8,
            ),
            place=place,
        )
        output, *told = outcome.stdout.split(f"\n{token} ")
        output += outcome.stderr
        tests, lines = _reported(told)
        counted = [int(number) for number in TESTS.findall(output)]
        count = len(tests) if tests is not None else sum(counted) if counted else None
        return Run(outcome.status, outcome.returncode, outcome.seconds, output, tests, count, lines)

    def close(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> ProjectTests:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _reported(told: list[str]) -> tuple[dict[str, str] | None, dict[str, set[int]]]:
    """The reports behind the command's output: how each test ended, and which lines ran."""
    tests: dict[str, str] | None = None
    lines: dict[str, set[int]] = {}
    for part in told:
        kind, _, text = part.partition("\n")
        with contextlib.suppress(ValueError, ElementTree.ParseError, AttributeError, TypeError):
            if kind == "json":
                for test, ran in json.loads(text).items():
                    lines.setdefault(name_of(test), set()).update(map(int, ran))
            else:
                tests = (tests or {}) | _of_junit(text)
    return tests, lines


def name_of(test: str) -> str:
    """pytest's "tests/test_a.py::TestB::test_c[x]" as its report writes it: "tests.test_a.TestB.test_c[x]"."""
    path, colons, rest = test.partition("::")
    return f"{path.removesuffix('.py').replace('/', '.')}.{rest.replace('::', '.')}" if colons else test


def _of_junit(text: str) -> dict[str, str]:
    found = {}
    for case in ElementTree.fromstring(text.strip()).iter("testcase"):
        inner = {child.tag for child in case}
        name = ".".join(part for part in (case.get("classname"), case.get("name")) if part)
        found[name] = "failed" if inner & {"failure", "error"} else "skipped" if "skipped" in inner else "passed"
    return found
