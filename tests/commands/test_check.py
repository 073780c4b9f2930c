"""`charmer check` and `charmer explain`, through the command line."""

import io
import json
import os
import signal
import sys
from types import SimpleNamespace

import pytest
from charmer.cli import main
from charmer.errors import many

BROKEN = "def first(rows):\n    return rows[0\n"
TRACE = 'Traceback (most recent call last):\n  File "{}", line {}, in first\nIndexError: list index out of range\n'


def kill(task: many.Task) -> None:
    """What a worker does whom the system's memory killer has chosen."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def model(uniform):
    return ["--model", str(uniform.folder), "--threads", "1"]


def test_sound_code_is_clean(code, model, capsys):
    assert main(["check", str(code / "clip.py"), str(code / "nothing.py"), *model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_finding_has_the_keys_and_the_exit_code_of_linters(tmp_path, model, capsys):
    (tmp_path / "a.py").write_text(BROKEN)
    assert main(["check", str(tmp_path), *model, "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert list(finding) == [
        "path", "line", "column", "end_line", "end_column", "kind", "score", "message", "suggestion",
    ]  # fmt: skip
    assert (finding["path"], finding["line"], finding["kind"]) == (str(tmp_path / "a.py"), 2, "syntax")
    assert main(["check", str(tmp_path), *model]) == 1
    assert "    2 |     return rows[0\n" in capsys.readouterr().out
    assert main(["check", str(tmp_path), *model, "--sarif"]) == 1
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"][0]["level"] == "error"


def test_without_a_threshold_the_spots_are_shown(code, model, capsys):
    assert main(["check", str(code / "clip.py"), *model, "--false-alarms", "inf", "--json"]) == 1
    assert {finding["line"] for finding in json.loads(capsys.readouterr().out)} == {7, 8, 9}


def test_many_files_are_checked_in_processes_with_the_same_findings(code, uniform, capsys, monkeypatch):
    for name in ("broken.py", "again.py"):
        (code / name).write_text(BROKEN)
    asked = ["check", str(code), "--model", str(uniform.folder), "--false-alarms", "inf", "--json"]
    outputs = []
    for lines in (many.LINES, 1):
        monkeypatch.setattr(many, "LINES", lines)
        assert main([*asked, "--threads", "2"]) == 1
        outputs.append(json.loads(capsys.readouterr().out))
    assert outputs[0] == outputs[1]
    assert {"again.py", "broken.py", "clip.py"} < {finding["path"].rpartition("/")[2] for finding in outputs[0]}


def test_a_file_whose_process_was_killed_is_checked_all_the_same(code, uniform, monkeypatch):
    monkeypatch.setattr(many, "_checked", kill)
    tasks = [many.Task(uniform.folder, "", name, 1.0) for name in ("a.py", "b.py", "c.py")]
    assert list(many.checked(tasks, 2, lambda task: [task.path])) == [["a.py"], ["b.py"], ["c.py"]]


@pytest.mark.parametrize(
    ("files", "lines", "processes", "memory", "worth"),
    [
        (4, 2000, 2, 4e9, True),
        (4, 1900, 2, 4e9, False),  # too little to do
        (3, 9000, 2, 4e9, False),  # a core would be left over
        (4, 9000, 1, 4e9, False),
        (4, 9000, 2, 1e9, False),
    ],
)
def test_processes_are_started_where_they_are_worth_it(files, lines, processes, memory, worth, monkeypatch):
    monkeypatch.setattr(many.psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))
    assert many.worth(["x = 1\n" * lines] * files, processes) is worth


def test_what_cannot_be_read_is_named(tmp_path, code, model, capsys):
    (tmp_path / "binary.py").write_bytes(b"\x00\x01\xff")
    assert main(["check", str(tmp_path / "binary.py"), *model]) == 2
    assert "binary.py: NUL bytes" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "gone.py"), *model]) == 2
    assert capsys.readouterr().err.startswith("charmer check: ")
    assert main(["check", str(code / "inner" / "latin.py"), *model]) == 0
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(code), *model, "--false-alarms", "-1"])
    assert stopped.value.code == 2


def test_explain_checks_the_function_in_which_the_traceback_ends(code, model, capsys, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(TRACE.format(code / "clip.py", 8))
    assert main(["explain", str(log), *model, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["frame"] == {"path": str(code / "clip.py"), "line": 8, "function": "first"}
    assert record["meaning"].startswith("the index is beyond the end of the list")
    assert 1 <= len(record["findings"]) <= 3


def test_explain_reads_standard_input(monkeypatch, model, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TRACE.format("gone.py", 1).encode())))
    assert main(["explain", *model]) == 0
    assert "None of the files is here." in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"all is well\n")))
    assert main(["explain", *model]) == 2
    assert "holds no traceback" in capsys.readouterr().err
