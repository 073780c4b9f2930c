"""What jobs are compared by beside settings and code: the content of files that no rule makes."""

from pathlib import Path

import pytest
from charmer.common.files import sha256_of
from charmer.pipeline import catalogue


def test_benchmarks_of_one_name_in_two_folders_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("first", "second"):
        Path(folder).mkdir()
        Path(folder, "problems.jsonl").write_text(folder)
    found = catalogue._digests(["*/problems.jsonl"])
    expected = (Path("first/problems.jsonl"), Path("second/problems.jsonl"))
    assert found == {path.as_posix(): sha256_of(path) for path in expected}
