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
    found = catalogue._compared({"curate": {"benchmarks": ["*/problems.jsonl"]}})
    expected = (Path("first/problems.jsonl"), Path("second/problems.jsonl"))
    assert found == {path.as_posix(): sha256_of(path) for path in expected}


def test_what_the_model_that_is_fitted_has_read_is_one_of_them(tmp_path: Path):
    settings = {"curate": {"benchmarks": []}, "start": str(tmp_path)}
    assert catalogue._compared(settings) == {}, "its folder does not say"
    (tmp_path / "seen.npy").write_bytes(b"digests")
    assert list(catalogue._compared(settings)) == [(tmp_path / "seen.npy").as_posix()]
