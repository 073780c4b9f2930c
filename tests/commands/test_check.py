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


def test_what_parses_and_is_no_program_is_found(tmp_path, model, capsys):
    cases = {
        "return 1\n": (1, 1, "'return' outside function", None),
        "def f(a, a):\n    pass\n": (1, 10, "duplicate argument 'a' in function definition", None),
        "x = 1\nfor y in []:\n    pass\nbreak\n": (4, 1, "'break' outside loop", "    "),
    }
    for text, (line, column, message, suggestion) in cases.items():
        (tmp_path / "a.py").write_text(text)
        assert main(["check", str(tmp_path / "a.py"), *model, "--json"]) == 1
        (finding,) = json.loads(capsys.readouterr().out)
        assert (finding["line"], finding["kind"], finding["suggestion"]) == (line, "syntax", suggestion)
        assert finding["column"] == column and finding["message"].endswith(f"Python refuses line {line}: {message}.")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            "name = 'Grüße aus Köln, schöne Größe'\n".encode("latin-1"),
            "Python reads a file as UTF-8 unless its first line",
        ),
        ("x = 'Grüße'\n".encode("utf-16"), "Python reads no utf-16-le; save this file as UTF-8."),
    ],
)
def test_an_encoding_that_python_does_not_read_is_found(tmp_path, model, capsys, content, told):
    (tmp_path / "a.py").write_bytes(content)
    assert main(["check", str(tmp_path / "a.py"), *model, "--json"]) == 1
    first, *_ = json.loads(capsys.readouterr().out)
    assert (first["kind"], first["line"], first["column"]) == ("encoding", 1, 1) and first["message"].startswith(told)


def test_notebooks_are_left_out_and_named_and_what_cannot_be_read_is_no_clean_end(tmp_path, model, capsys):
    cell = {"cell_type": "code", "source": "x = (", "metadata": {}, "outputs": [], "execution_count": None}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "a.ipynb").write_text(json.dumps(book))
    (tmp_path / "good.py").write_text("x = 1\n")
    assert main(["check", str(tmp_path), *model]) == 0
    assert "a.ipynb: is a notebook, whose lines are not its file's" in capsys.readouterr().err
    (tmp_path / "binary.py").write_bytes(b"\x00\x01\xff")
    assert main(["check", str(tmp_path), *model]) == 2


def test_places_in_sarif_are_uris(tmp_path, model, capsys):
    (tmp_path / "my dir").mkdir()
    (tmp_path / "my dir" / "a#b.py").write_text(BROKEN)
    main(["check", str(tmp_path / "my dir"), *model, "--sarif"])
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("/my%20dir/a%23b.py")


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
    assert {"again.py", "broken.py", "clip.py"} == {finding["path"].rpartition("/")[2] for finding in outputs[0]}


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
