"""`charmer evaluate`: metrics that need only files, on anybody's code."""

import json
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


def test_a_knob_can_be_set(uniform: SimpleNamespace, code: Path, capsys: pytest.CaptureFixture[str]):
    asked = ("--metric", "characters_saved", "--model", uniform.folder, "--on", code, "--set", "max_tokens=3")
    assert measured(capsys, *asked, "--set", "lines=4")[0] | {"high": 0} == {
        **{"metric": "characters_saved", "slice": "characters saved", "value": 0.0, "low": 0.0, "high": 0},
        **{"cases": 4, "unit": "share"},
    }


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


def test_a_folder_without_code_is_refused(uniform: SimpleNamespace, code: Path, tmp_path: Path):
    with pytest.raises(Failure, match="none of the paths"):
        evaluate.data_of([code / "nothing.py"], uniform.folder, tmp_path / "made", threads=1)
