"""What sources find, and when their digest changes."""

from __future__ import annotations

import importlib.metadata
import inspect
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from charmer.common.failure import Failure
from charmer.corpus import sources
from charmer.corpus.found import Found
from charmer.corpus.refusal import Refusal

from .test_archives import METADATA, MIT, tar
from .test_scrape import SETTINGS, directory, write


def listed(source: dict[str, Any], **knobs: Any) -> dict[str, Found | Refusal]:
    return {file.path: file for file in sources.files(source, {**SETTINGS, **knobs})}


def found(source: dict[str, Any], **knobs: Any) -> list[str]:
    return [path for path, file in listed(source, **knobs).items() if isinstance(file, Found)]


# --- directories -----------------------------------------------------------------------------------------------

TREE = {
    "setup.py": "", "pkg/__init__.py": "", "pkg/stubs.pyi": "", "pkg/tests/test_a.py": "", "pkg/x_pb2.py": "",
    "pkg/data.json": "", "pkg/__pycache__/a.cpython-311.py": "", "docs/conf.py": "", "notes.ipynb": "{}",
    "bin/tool": "#!/usr/bin/python3\n", ".git/hooks/hook.py": "", "UPPER.PY": "",
}  # fmt: skip


def test_python_files_in_a_fixed_order(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", TREE)
    assert found(directory(root)) == [
        "UPPER.PY", "docs/conf.py", "pkg/__init__.py", "pkg/stubs.pyi", "pkg/tests/test_a.py", "pkg/x_pb2.py",
        "setup.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("globs", "left"),
    [
        ({"include": ["pkg/"]}, ["pkg/__init__.py", "pkg/stubs.pyi", "pkg/tests/test_a.py", "pkg/x_pb2.py"]),
        ({"include": ["pkg/"], "exclude": ["tests/", "*_pb2.py"]}, ["pkg/__init__.py", "pkg/stubs.pyi"]),
        ({"include": ["/*.py"]}, ["setup.py"]),
        ({"include": ["pkg/**/test_*.py"]}, ["pkg/tests/test_a.py"]),
        ({"exclude": ["*", "!docs/", "!docs/conf.py"]}, ["docs/conf.py"]),
        ({"include": ["*.json"]}, []),
    ],
)
def test_globs_are_those_of_gitignore_and_only_narrow(tmp_path: Path, globs: dict[str, Any], left: list[str]) -> None:
    assert found(directory(write(tmp_path / "tree", TREE), **globs)) == left


def test_a_malformed_glob_is_a_failure_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"^source mine: exclude: \['!'\] is not a list of .gitignore globs"):
        sources.digest(directory(tmp_path, exclude=["!"]), SETTINGS)


def test_notebooks_and_scripts_are_found_by_knob(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", TREE)
    more = set(found(directory(root), notebooks=True, shebang_scripts=True)) - set(found(directory(root)))
    assert more == {"notes.ipynb", "bin/tool"}


def test_packages_are_top_level_folders_and_modules_with_their_licences(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", {"a/x/y.py": "", "a/LICENSE": MIT, "b/z.py": "", "single.py": "", "COPYING": "?"})
    files = [file for file in listed(directory(root)).values() if isinstance(file, Found)]
    assert [(file.package.name, file.package.licence, file.package.licence_from) for file in files] == [
        ("a", "MIT", "a/LICENSE"),
        ("b", None, None),
        ("single", None, None),
    ]


def test_a_persons_own_directory_is_one_package(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", {"a/y.py": "", "b/z.py": ""})
    files = [file for file in listed(directory(root, own=True)).values() if isinstance(file, Found)]
    assert [file.package.name for file in files] == ["mine", "mine"]


def test_a_directory_that_is_not_there_is_a_failure_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"^source mine: .*nowhere does not exist; correct its path in the config$"):
        sources.digest(directory(tmp_path / "nowhere"), SETTINGS)
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match=r"^source mine: .*file is not a directory"):
        sources.digest(directory(tmp_path / "file"), SETTINGS)


def test_folders_may_be_nested_deeper_than_python_recurses(tmp_path: Path) -> None:
    place = "d/" * 300 + "m.py"
    root = write(tmp_path / "tree", {place: ""})
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        assert found(directory(root)) == [place]
    finally:
        sys.setrecursionlimit(before)


# --- digests ---------------------------------------------------------------------------------------------------


def test_the_digest_sees_every_change_and_nothing_else(tmp_path: Path) -> None:
    root = write(tmp_path / "tree", {**TREE, "odd {braces}/{name}.py": "", "a b/ü.py": ""})
    odd = os.fsencode(root) + b"/\xff\xfe{}.py"
    Path(os.fsdecode(odd)).write_text("x = 1\n")
    source = directory(root, exclude=["docs/"])
    seen = [sources.digest(source, SETTINGS)]

    def changed() -> bool:
        seen.append(sources.digest(source, SETTINGS))
        return seen[-1] != seen[-2]

    assert not changed()
    write(root, {"pkg/tests/test_a.py": "edited in place, in a subfolder"})
    assert changed()
    os.utime(root / "setup.py", ns=(1, 1))
    assert changed()
    write(root, {"pkg/new.py": ""})
    assert changed()
    (root / "pkg/new.py").rename(root / "pkg/newer.py")
    assert changed()
    (root / "pkg/newer.py").unlink()
    assert changed()
    Path(os.fsdecode(odd)).write_text("x = 22\n")
    assert changed()
    write(root, {"pkg/__pycache__/b.py": "", "docs/more.py": "", "pkg/data2.json": "", ".git/x.py": ""})
    assert not changed()


def test_the_digest_of_archives_follows_the_archive(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar.gz", {"a.py": b"x = 1\n"})
    source = {"name": "packed", "kind": "archive", "path": str(path)}
    before = sources.digest(source, SETTINGS)
    tar(path, {"a.py": b"x = 1\n", "b.py": b"y = 1\n"})
    assert sources.digest(source, SETTINGS) != before


def test_a_digest_imports_nothing_heavy_and_is_quick(tmp_path: Path) -> None:
    code = (
        "import sys; from charmer.corpus.sources import digest\n"
        f"print(digest({{'name': 's', 'kind': 'stdlib'}}, {SETTINGS}))\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'torch', 'chardet', 'multiprocessing'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    root = write(tmp_path / "many", {f"p{i % 50}/m{i}.py": "" for i in range(2000)})
    started = time.process_time()
    sources.digest(directory(root), SETTINGS)
    assert time.process_time() - started < 0.5  # 13,000 files in about a second leaves 0.15


# --- installed distributions -----------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path with two made-up distributions in it."""
    root = write(
        tmp_path / "site",
        {
            "some_project/__init__.py": "x = 1\n",
            "some_project/unrecorded.py": "y = 1\n",
            "shared/a.py": "",
            "shared/b.py": "",
            "Some_Project-1.2.dist-info/METADATA": METADATA,
            "Some_Project-1.2.dist-info/RECORD": (
                "some_project/__init__.py,,\nshared/a.py,,\nsome_project/__pycache__/__init__.py,,\n"
                "some_project/gone.py,,\nSome_Project-1.2.dist-info/METADATA,,\n"
            ),
            "other-0.1.dist-info/METADATA": "Name: other\nVersion: 0.1\nClassifier: License :: OSI Approved\n",
            "other-0.1.dist-info/RECORD": "shared/b.py,,\nother-0.1.dist-info/licenses/LICENSE,,\n",
            "other-0.1.dist-info/licenses/LICENSE": MIT,
        },
    )
    monkeypatch.syspath_prepend(str(root))
    return root


def test_a_distribution_is_the_files_of_its_record(site: Path) -> None:
    files = listed({"name": "d", "kind": "distributions", "packages": ["some.project", "other"]})
    assert {path: file.package.name for path, file in files.items() if isinstance(file, Found)} == {
        "shared/b.py": "other",
        "shared/a.py": "some-project",
        "some_project/__init__.py": "some-project",
    }
    gone = files["some_project/gone.py"]
    assert isinstance(gone, Refusal) and gone.reason == "vanished"
    package = files["shared/b.py"].package
    assert tuple(package) == ("other", "0.1", "MIT", "other-0.1.dist-info/licenses/LICENSE")


def test_the_digest_of_a_distribution_sees_an_edit_in_place(site: Path) -> None:
    source = {"name": "d", "kind": "distributions", "packages": ["some-project"]}
    before = sources.digest(source, SETTINGS)
    write(site, {"some_project/unrecorded.py": "y = 2 # not of the distribution\n"})
    assert sources.digest(source, SETTINGS) == before
    write(site, {"some_project/__init__.py": "x = 2  # edited\n"})
    assert sources.digest(source, SETTINGS) != before


def test_an_editable_distribution_says_what_to_do_instead(site: Path) -> None:
    write(site, {"other-0.1.dist-info/direct_url.json": '{"dir_info": {"editable": true}, "url": "file:///x"}'})
    (refusal,) = listed({"name": "d", "kind": "distributions", "packages": ["other"]}).values()
    assert isinstance(refusal, Refusal)
    assert (refusal.package, refusal.reason) == ("other", "not in the record")
    assert refusal.detail.endswith("name its folder as a source of kind directory")


def test_all_means_everything_installed(site: Path) -> None:
    packages = {
        file.package.name
        for file in sources.files({"name": "d", "kind": "distributions", "packages": ["all"]}, SETTINGS)
        if isinstance(file, Found)
    }
    assert {"some-project", "other", "pytest", "pyarrow"} <= packages


def test_what_is_not_installed_is_a_failure_that_names_it() -> None:
    with pytest.raises(
        Failure, match=r"^source d: the distribution no-such-thing is not installed; install it with pip"
    ):
        sources.digest({"name": "d", "kind": "distributions", "packages": ["pytest", "no-such-thing"]}, SETTINGS)
    with pytest.raises(Failure, match=r"^source d: names no packages"):
        sources.digest({"name": "d", "kind": "distributions"}, SETTINGS)


def test_licences_of_what_is_installed_are_known_spdx_expressions() -> None:
    """The distributions of the default corpus each have a licence, and it is where the metadata say."""
    files = sources.files({"name": "d", "kind": "distributions", "packages": ["pytest", "pandas", "sympy"]}, SETTINGS)
    packages = {file.package for file in files if isinstance(file, Found)}
    assert {(package.name, package.licence) for package in packages} == {
        ("pytest", "MIT"),
        ("pandas", "BSD-3-Clause"),
        ("sympy", "BSD-3-Clause"),
    }
    assert {package.version for package in packages} == {
        importlib.metadata.version(name) for name in ("pytest", "pandas", "sympy")
    }


def test_the_standard_library_is_one_package_without_what_is_installed_in_it() -> None:
    files = [file for file in listed({"name": "s", "kind": "stdlib"}).values() if isinstance(file, Found)]
    assert {(file.package.name, file.package.licence) for file in files} == {("python", "PSF-2.0")}
    paths = {file.path for file in files}
    assert {"json/decoder.py", "ast.py"} <= paths
    assert not any("site-packages" in path or "__pycache__" in path for path in paths)
