"""Git repositories, read from the object store at a revision."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from charmer.common.failure import Failure
from charmer.corpus.sources import digest

from .test_archives import MIT, reasons
from .test_scrape import SETTINGS, scraped, write

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

IDENTITY = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *IDENTITY, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = write(
        tmp_path / "repository", {"pkg/a.py": "x = 1\n", "pkg/deep/b.py": "y = 1\n", "LICENSE": MIT, "README": "hello"}
    )
    (root / "pkg/link.py").symlink_to("a.py")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    git(root, "tag", "first")
    write(root, {"pkg/a.py": "x = 2\n"})
    git(root, "commit", "-q", "-a", "-m", "two")
    write(root, {"pkg/a.py": "x = 'not committed'\n"})
    return root


def source(path: Path, **more: Any) -> dict[str, Any]:
    return {"name": "project", "kind": "git", "path": str(path), **more}


def test_a_revision_is_read_without_its_work_tree(repository: Path, tmp_path: Path) -> None:
    rows, refused = scraped(tmp_path, source(repository, revision="first"))
    assert dict(zip(rows["path"].to_pylist(), rows["text"].to_pylist(), strict=True)) == {
        "pkg/a.py": "x = 1\n",
        "pkg/deep/b.py": "y = 1\n",
    }
    assert rows.select(["package", "version", "licence", "licence_from"]).to_pylist()[0] == {
        "package": "project",
        "version": git(repository, "rev-parse", "first"),
        "licence": "MIT",
        "licence_from": "LICENSE",
    }
    assert reasons(refused) == {"pkg/link.py": "not a regular file"}


def test_without_a_revision_it_is_head(repository: Path, tmp_path: Path) -> None:
    rows, _ = scraped(tmp_path, source(repository))
    assert rows["text"].to_pylist()[0] == "x = 2\n"


def test_a_bare_repository_will_do(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repository), "bare.git")
    rows, _ = scraped(tmp_path, source(tmp_path / "bare.git", include=["deep/"]))
    assert rows["path"].to_pylist() == ["pkg/deep/b.py"]


def test_packed_objects_are_read(repository: Path, tmp_path: Path) -> None:
    git(repository, "gc", "-q")
    rows, _ = scraped(tmp_path, source(repository))
    assert rows["path"].to_pylist() == ["pkg/a.py", "pkg/deep/b.py"]


def object_file(repository: Path, name: str) -> Path:
    object_id = git(repository, "rev-parse", name)
    path = repository / ".git" / "objects" / object_id[:2] / object_id[2:]
    path.chmod(0o600)
    return path


def test_a_missing_file_object_is_refused_and_the_rest_goes_on(repository: Path, tmp_path: Path) -> None:
    object_file(repository, "HEAD:pkg/a.py").unlink()
    rows, refused = scraped(tmp_path, source(repository))
    assert rows["path"].to_pylist() == ["pkg/deep/b.py"]
    assert reasons(refused) == {"pkg/a.py": "missing object", "pkg/link.py": "not a regular file"}


def test_a_missing_folder_object_is_refused_and_the_rest_goes_on(repository: Path, tmp_path: Path) -> None:
    object_file(repository, "HEAD:pkg/deep").unlink()
    rows, refused = scraped(tmp_path, source(repository))
    assert rows["path"].to_pylist() == ["pkg/a.py"]
    assert reasons(refused)["pkg/deep"] == "missing object"


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty"])
def test_a_damaged_object_is_refused_and_the_rest_goes_on(repository: Path, tmp_path: Path, damage: str) -> None:
    path = object_file(repository, "HEAD:pkg/a.py")
    content = path.read_bytes()
    path.write_bytes({"garbage": bytes(50), "cut": content[:-6], "empty": b""}[damage])
    rows, refused = scraped(tmp_path, source(repository))
    assert rows["path"].to_pylist() == ["pkg/deep/b.py"]
    assert reasons(refused)["pkg/a.py"] in {"damaged", "missing object"}


def test_a_submodule_is_named(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{commit},vendored")
    git(repository, "commit", "-q", "-m", "submodule")
    _, refused = scraped(tmp_path, source(repository))
    assert reasons(refused)["vendored"] == "submodule"


def test_the_digest_follows_the_commit_alone(repository: Path) -> None:
    before = digest(source(repository), SETTINGS)
    write(repository, {"pkg/more.py": "z = 1\n"})
    assert digest(source(repository), SETTINGS) == before
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "three")
    after = digest(source(repository), SETTINGS)
    assert after != before
    git(repository, "checkout", "-q", "HEAD~1")
    assert digest(source(repository), SETTINGS) == before


def test_what_is_not_there_is_a_failure_that_names_it(repository: Path, tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(Failure, match=r"source project: git finds no commit nonsense in .*repository"):
        digest(source(repository, revision="nonsense"), SETTINGS)
    with pytest.raises(Failure, match=r"source project: .*nowhere is not a directory"):
        digest(source(tmp_path / "nowhere"), SETTINGS)
    with pytest.raises(Failure, match=r"source project: git finds no commit HEAD in .*pkg"):  # a folder inside one
        digest(source(repository / "pkg"), SETTINGS)
    monkeypatch.setitem(os.environ, "PATH", "")
    with pytest.raises(Failure, match=r"needs the command git, which is not installed"):
        digest(source(repository), SETTINGS)
