"""The command line as a whole: what it loads, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from charmer import cli
from charmer.commands.support import models
from charmer.common.failure import Failure
from charmer.common.files import write_json

SLOW = {"torch", "numpy", "pyarrow", "pandas", "altair", "tokenizers", "yaml"}


def test_help_loads_nothing_that_takes_time():
    program = f"import sys; from charmer import cli; cli.parser(); print(*({SLOW!r} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert found.stdout.strip() == ""


def test_every_command_says_what_it_does_in_one_line():
    for name, module in cli.modules().items():
        assert "\n" not in module.HELP and len(module.HELP) < 80, name


def test_a_failure_is_one_line_and_wrong_usage_is_told_apart(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["score", "no\nsuch"]) == 1
    assert capsys.readouterr().err == "charmer score: no such: there is no such file or directory\n"
    with pytest.raises(SystemExit) as ended:
        cli.main(["score", "--threads", "0", "x"])
    assert ended.value.code == 2


def test_a_model_whose_file_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "config.json").mkdir()
    assert cli.main(["complete", "--model", str(tmp_path), "--threads", "1", __file__]) == 1
    assert "holds no config.json" in capsys.readouterr().err


def test_a_model_without_a_tokenizer_is_refused_by_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_json(tmp_path / "config.json", {})
    for command in (["complete"], ["score"], ["evaluate", "--metric", "bits_per_byte", "--on"]):
        assert cli.main([*command, __file__, "--model", str(tmp_path)]) == 1
        assert "holds no tokenizer.json; name a model's folder" in capsys.readouterr().err


def test_a_file_that_may_not_be_read_is_named(monkeypatch, capsys: pytest.CaptureFixture[str]):
    def run(options):
        raise PermissionError(13, "Permission denied", "a.json")

    monkeypatch.setattr("charmer.commands.score.run", run)
    assert cli.main(["score", "x"]) == 1
    assert capsys.readouterr().err == "charmer score: a.json: Permission denied; make it a file that may be read\n"


@pytest.mark.parametrize(("error", "code", "words"), [(KeyboardInterrupt, 130, ""), (MemoryError, 1, "memory")])
def test_an_interruption_and_a_lack_of_memory_leave_no_traceback(monkeypatch, capsys, error, code, words):
    def run(options):
        raise error

    monkeypatch.setattr(cli.modules()["score"], "run", run)
    assert cli.main(["score", "x"]) == code
    assert words in capsys.readouterr().err


def test_a_package_of_the_workflow_that_is_not_installed_is_named(monkeypatch, capsys):
    def run(options):
        raise ModuleNotFoundError("No module named 'altair.vegalite'", name="altair.vegalite")

    monkeypatch.setattr(cli.modules()["score"], "run", run)
    assert cli.main(["score", "x"]) == 1
    said = capsys.readouterr().err
    assert said == "charmer score: needs the package altair, which a checkout of Charmer has after `make install`\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    """`head` closes the pipe while much is still to be printed."""
    program = "from charmer import cli; m = cli.modules()['score']; m.run = lambda o: print('x\\n' * 10**6); "
    program += "raise SystemExit(cli.main(['score', 'x']))"
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1]), "PROGRAM": program}
    command = f'{sys.executable} -c "$PROGRAM" | head -1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("x\n0\n", "")


def write_run(results: Path, name: str, model: str, seconds: int) -> Path:
    """A finished run and its model; `seconds` is its age in reverse."""
    write_json(results / "models" / model / "config.json", {})
    summary = results / "runs" / name / "summary.json"
    write_json(summary, {"paths": {"model": f"../../models/{model}"}})
    os.utime(summary, (seconds, seconds))
    return results / "models" / model


def test_latest_is_the_newest_run_that_is_neither_a_smoke_test_nor_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(models, "PRETRAINED", tmp_path / "pretrained")
    write_run(tmp_path / "results", "laptop-00000001", "first", seconds=1000)
    wanted = write_run(tmp_path / "results", "laptop-00000002", "second", seconds=2000)
    write_run(tmp_path / "results", "smoke-00000003", "third", seconds=3000)
    write_run(tmp_path / "results", "laptop-00000005", "fourth", seconds=4000)
    cell = tmp_path / "results" / "grids" / "rates-1" / "cells" / "rate~0.01" / "seed~1" / "summary.json"
    write_json(cell, {"run": "laptop-00000005"})
    (tmp_path / "results" / "runs" / "broken-00000004").mkdir()
    (tmp_path / "results" / "runs" / "broken-00000004" / "summary.json").write_text("{")
    assert models.folder("latest") == models.folder(None) == wanted.relative_to(tmp_path)
    write_json(tmp_path / "pretrained" / "config.json", {})
    assert models.folder(None) == models.folder("pretrained") == tmp_path / "pretrained"


def test_a_model_that_is_not_there_is_answered_with_what_to_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "runs").mkdir(parents=True)
    monkeypatch.setattr(models, "PRETRAINED", tmp_path / "pretrained")
    for name, words in ((None, "make"), ("latest", "make"), ("pretrained", "latest"), ("there", "config.json")):
        with pytest.raises(Failure, match=words):
            models.folder(name)
