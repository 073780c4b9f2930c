"""`charmer evaluate`: metrics that need only files, on anybody's code."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer import cli
from charmer.commands import evaluate
from charmer.common.failure import Failure

ARGUMENTS = ("--threads", "1", "--device", "cpu", "--json")


def measured(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict]:
    assert cli.main(["evaluate", *ARGUMENTS, *map(str, arguments)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_bits_per_byte_of_anybodys_code(uniform: SimpleNamespace, code: Path, capsys: pytest.CaptureFixture[str]):
    rows = measured(capsys, "--metric", "bits_per_byte", "--model", uniform.folder, "--on", code)
    assert (rows[0]["metric"], rows[0]["slice"], rows[0]["cases"]) == ("bits_per_byte", "overall", 2)
    assert rows[0]["value"] == pytest.approx(uniform.bits, abs=1e-3)
    assert rows[0]["low"] == pytest.approx(uniform.bits, abs=1e-3)
    slices = [row["slice"] for row in rows]
    assert "baseline=xz -9" in slices and not any("Kneser" in name or name == "excerpt" for name in slices)


def test_a_part_that_is_measured_is_said_to_be_one(
    uniform: SimpleNamespace, code: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["--metric", "bits_per_byte", "--model", str(uniform.folder), "--on", str(code)]
    assert cli.main(["evaluate", *ARGUMENTS, *arguments]) == 0
    assert "measures" not in capsys.readouterr().err
    assert cli.main(["evaluate", *ARGUMENTS, *arguments, "--set", "max_mb=0.00001"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[0])["cases"] == 1
    assert re.search(r"bits_per_byte: measures [\d.e-]+ of [\d.e-]+ MB, .*--set max_mb=N", said.err)


def test_a_knob_can_be_set(uniform: SimpleNamespace, code: Path, capsys: pytest.CaptureFixture[str]):
    asked = ("--metric", "characters_saved", "--model", uniform.folder, "--on", code, "--set", "max_bytes=3")
    assert measured(capsys, *asked, "--set", "lines=4")[0] | {"high": 0} == {
        **{"metric": "characters_saved", "slice": "characters saved", "value": 0.0, "low": 0.0, "high": 0},
        **{"cases": 4, "unit": "share"},
    }


def test_code_is_broken_where_a_metric_asks_for_faults(
    uniform: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "sums.py").write_text("".join(f"def add{n}(a, b):\n    return a + b\n\n\n" for n in range(30)))
    asked = ("--metric", "syntax_repair", "--model", uniform.folder, "--set", "cases=3", "--on")
    found = {row["slice"]: row for row in measured(capsys, *asked, tmp_path / "sums.py")}
    assert found["parses"]["cases"] == 3
    found = measured(capsys, "--metric", "bug_finding", *asked[2:], tmp_path / "sums.py")
    assert {row["cases"] for row in found} == {3}  # nothing here can be broken by a withheld operator
    (tmp_path / "short.py").write_text("x = 1\n" * 99)
    assert cli.main(["evaluate", *ARGUMENTS, *map(str, asked), str(tmp_path / "short.py")]) == 1
    assert "none of the files can be broken: it takes 100 to 500 lines that parse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "memorisation", "--on", "."], "train_tokens"),
        (["--metric", "calibration"], "--on"),
        (["--metric", "beauty", "--on", "."], "bits_per_byte"),
        (["--metric", "calibration", "--on", ".", "--set", "max_mb=-1"], "max_mb"),
        (["--metric", "calibration", "--on", ".", "--set", "speed=1"], "speed"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(arguments, words, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["evaluate", *ARGUMENTS, *arguments]) == 1
    line = capsys.readouterr().err
    assert words in line and line.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "calibration", "--on", ".", "--samples", "3"], "--samples"),
        (["--metric", "synthesis", "--samples", "3"], "--samples"),
        (["--metric", "synthesis", "--on", "."], "--on"),
        (["--problems", "p.jsonl", "--on", "."], "--on"),
        (["--problems", "p.jsonl", "--samples", "3", "--set", "samples=4"], "--set samples"),
    ],
)
def test_arguments_that_would_be_ignored_are_wrong_usage(arguments, words, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["evaluate", *ARGUMENTS, *arguments]) == 2
    line = capsys.readouterr().err
    assert words in line and line.count("\n") == 1


def test_a_knob_without_a_value_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["evaluate", *ARGUMENTS, "--metric", "calibration", "--on", ".", "--set", "lines"])
    assert "'lines' is not of the form KNOB=VALUE" in capsys.readouterr().err


def test_the_shipped_problems_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert Path(evaluate.knobs_of("synthesis", {})["problems"]).is_file()
    assert evaluate.knobs_of("synthesis", {"problems": "mine.jsonl"})["problems"] == "mine.jsonl"


def test_a_folder_without_code_is_refused(uniform: SimpleNamespace, code: Path, tmp_path: Path):
    with pytest.raises(Failure, match="none of the paths"):
        evaluate.data_of([code / "nothing.py"], uniform.folder, tmp_path / "made", threads=1)
