"""What a run prints at its end, and numbers as people read them."""

from types import SimpleNamespace

import pytest
from charmer.common.failure import Failure
from charmer.report import headline, numbers, summary


def test_the_summary_says_what_was_reached_and_where_to_look(report: SimpleNamespace):
    text = summary.text(report.run)
    assert "   1.250  (1.200 to 1.310)   bits per byte on packages" in text
    assert "   1.900  (1.800 to 2.000)   bits per byte that xz -9 needs" in text
    assert "    80 %  (65 to 90 %)       of the functions" in text
    assert "  1.23 M                     parameters, 7 B on disk" in text
    assert "    def f(x):\n        return x\n" in text
    assert f"model   {report.results}/models/m-1\n" in text
    assert f"report  {report.run}/report/index.html\n" in text
    assert "gap     calibration: was not measured\n" in text
    assert text.endswith(f"index   {report.results}/index.html\n")


def test_the_summary_fits_a_terminal_and_cannot_steer_it(report: SimpleNamespace):
    lines = summary.text(report.run).splitlines()
    assert len(lines) <= 40
    assert max(len(line) for line in lines if str(report.results) not in line) <= 80
    assert all(line.isprintable() for line in lines)


def test_a_model_that_a_compressor_beats_is_warned_of_with_what_to_do():
    training = {"tokens": 2_710_000, "seconds": 724.0}
    rows = [{"slice": "overall", "value": 2.29}, {"slice": "baseline=xz -9", "value": 2.07}]
    warning = headline.learned_little(rows, training).replace(numbers.SPACE, " ")
    assert warning.startswith("the model needs more bits than xz -9")
    assert "2.71 M tokens in 12 min 04 s are too few for it; raise train.budget, or lower train.batch_tokens" in warning
    assert not headline.learned_little([{"slice": "overall", "value": 1.5}, rows[1]], training)
    assert not headline.learned_little(rows[:1], training), "nothing to compare with"
    assert not headline.learned_little(rows, {}), "no training is known"


def test_a_fit_that_gained_nothing_is_warned_of():
    assert headline.gained_nothing([{"slice": "own code, change", "value": 0.0}]).startswith("fitting gained nothing")
    assert not headline.gained_nothing([{"slice": "own code, change", "value": -0.01}])
    assert not headline.gained_nothing([]), "nothing was fitted"


def test_a_run_without_a_summary_is_named(report: SimpleNamespace):
    with pytest.raises(Failure, match=r"summary\.json: there is no such file"):
        summary.text(report.results / "runs" / "absent")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1.23456, "bits/byte", "1.235"),
        (0.823, "share", "82 %"),
        (0.004, "share", "0.4 %"),
        (1.0, "share", "100 %"),
        (5_945_000, "parameters", "5.95 M"),
        (999_999.99, "tokens", "1 M"),
        (999_400, "tokens", "999 k"),
        (None, "share", "\N{EN DASH}"),
        (float("nan"), "bits/byte", "\N{EN DASH}"),
    ],
)
def test_each_unit_has_its_digits(value: float | None, unit: str, expected: str):
    assert numbers.number(value, unit).replace(numbers.SPACE, " ") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(4.2, "4.2 s"), (59.4, "59 s"), (483.0, "8 min 03 s"), (7800.0, "2 h 10 min")]
)
def test_durations_read_well(seconds: float, expected: str):
    assert numbers.duration(seconds).replace(numbers.SPACE, " ") == expected
