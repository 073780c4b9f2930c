"""`charmer export`: what it writes and says, and what it refuses."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer import cli


def export(model: Path, *arguments: str | Path) -> int:
    return cli.main(["export", "--model", str(model), *map(str, arguments)])


def test_the_files_are_written_and_named(uniform: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert export(uniform.folder, "--to", "hf", "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out.splitlines()
    assert {line.split()[-1] for line in printed} == {str(file) for file in (tmp_path / "out").iterdir()}
    weights = tmp_path / "out" / "model.safetensors"
    assert f"{weights.stat().st_size:,} bytes  {weights}" in printed[0]


def test_what_cannot_be_is_one_line_with_the_cure(
    uniform: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("mine")
    for model, arguments, words in (
        (uniform.folder, ("--to", "hf", "--out", tmp_path / "out", "--type", "F16"), "use --to gguf"),
        (uniform.folder, ("--to", "hf", "--out", tmp_path / "out", "--type", "F32"), "leave it out"),
        (uniform.folder, ("--to", "hf", "--out", tmp_path / "file"), "is a file; name a folder"),
        (uniform.folder, ("--to", "hf", "--out", tmp_path / "file" / "in"), "can't be written (Not a directory)"),
        (tmp_path, ("--to", "hf", "--out", tmp_path / "out"), "holds no config.json"),
    ):
        assert export(model, *arguments) == 1
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(SystemExit) as ended:
        export(uniform.folder, "--to", "keras", "--out", tmp_path / "out")
    assert ended.value.code == 2


def test_a_package_that_is_missing_is_named_with_how_to_install_it(
    uniform: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    import sys

    for package, to in (("gguf", "gguf"), ("onnx", "onnx")):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(sys.modules, f"charmer.export.{to}", raising=False)
        assert export(uniform.folder, "--to", to, "--out", tmp_path / "out") == 1
        assert "install it with: pip install " in capsys.readouterr().err
