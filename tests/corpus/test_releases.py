"""Exact releases, fetched by the real client from a folder that stands for the package index."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from charmer.common.failure import Failure
from charmer.corpus import sources
from charmer.corpus.found import Found

SETTINGS = {"max_file_mb": 1.0, "notebooks": False, "shebang_scripts": False}


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    stem = f"{name}-{version}"
    metadata = (
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\nRequires-Dist: absent\n"
    )
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as file:
        for path, text in files.items():
            file.writestr(path, text)
        file.writestr(f"{stem}.dist-info/METADATA", metadata)
        file.writestr(
            f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{stem}.dist-info/RECORD", "")


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the client looks for packages; it asks nobody else."""
    folder = tmp_path / "index"
    wheel(folder, "some_tool", "1.0", {"some_tool/__init__.py": "VERSION = 1\n"})
    wheel(folder, "some_tool", "2.0", {"some_tool/__init__.py": "VERSION = 2\n"})
    wheel(folder, "other", "0.1", {"other.py": "x = 1\n", "other.txt": "no code"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def source(*packages: str) -> dict[str, Any]:
    return {"name": "releases", "kind": "releases", "packages": list(packages)}


def read(*packages: str) -> dict[str, tuple[str, str | None, str | None, bytes | None]]:
    found = sources.files(source(*packages), SETTINGS)
    return {
        file.path: (file.package.name, file.package.version, file.package.licence, file.content)
        for file in found
        if isinstance(file, Found)
    }


def test_the_version_that_is_named_is_read_and_nothing_that_it_depends_on() -> None:
    assert read("Some-Tool==1.0", "other == 0.1") == {
        "other-0.1/other.py": ("other", "0.1", "MIT", b"x = 1\n"),
        "some-tool-1.0/some_tool/__init__.py": ("some-tool", "1.0", "MIT", b"VERSION = 1\n"),
    }


def test_what_was_fetched_once_needs_no_index(index: Path) -> None:
    before = read("some_tool==2.0")
    for file in index.iterdir():
        file.unlink()
    assert read("some_tool==2.0") == before


def test_a_release_that_cannot_be_fetched_is_named_and_leaves_nothing_half_done() -> None:
    with pytest.raises(Failure, match=r"source releases: some-tool==3\.0 cannot be fetched \(.*; see whether"):
        read("other==0.1", "some_tool==3.0")
    assert [path.name for path in Path("results/cache/releases").iterdir()] == ["other-0.1"]


@pytest.mark.parametrize("wanted", ["other", "other>=0.1", "other==0.1; print()", "-r other==0.1", "other==--index"])
def test_what_names_no_release_is_refused_before_anything_is_fetched(wanted: str) -> None:
    with pytest.raises(Failure, match="names no release; write name==version"):
        sources.digest(source(wanted), SETTINGS)
    assert not Path("results").exists()


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(Failure, match="some-tool stands twice"):
        sources.digest(source("some_tool==1.0", "Some.Tool==2.0"), SETTINGS)


def test_the_digest_is_that_of_the_versions_and_fetches_nothing() -> None:
    one, other = (sources.digest(source(f"some_tool=={version}"), SETTINGS) for version in ("1.0", "2.0"))
    assert one != other
    assert sources.digest(source("Some_Tool==1.0"), SETTINGS) == one
    assert not Path("results").exists()
