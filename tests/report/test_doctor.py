"""What the doctor's table says on the page and at the end of a run."""

from types import SimpleNamespace

import pytest
from charmer.evaluation.support.signs import Sign
from charmer.report import doctor, summary


def row(failure, name, value, bound, judged=True, low=False, unit="share", cure="lower it") -> dict:
    sign = Sign(failure, name, value, unit, bound, f"{name} is {value}", cure, judged, low)
    return {"value": value, "unit": unit, "detail": sign.detail()}


def test_one_bad_sign_names_its_failure_and_stands_first_with_its_cure_once():
    rows = [row("learning rate", "spikes", 0.0, 0.02), row("learning rate", "peak", 5.0, 1.5, unit="times")]
    rows += [row("learning rate", "risen", 2.0, 0.5, unit="nats"), row("repetition", "repeated", 0.1, 0.2)]
    rate, repetition = doctor.verdicts(rows)
    assert (rate.state, repetition.state) == ("found", "not found")
    assert rate.title == "The learning rate is too high, or rises too fast"
    assert [sign["says"] for sign in rate.signs] == ["peak is 5.0", "risen is 2.0", "spikes is 0.0"]
    assert rate.cures == ["lower it"] and repetition.cures == []
    assert doctor.summary([rate, repetition]) == [f"{rate.title}: peak is 5.0; lower it"]


def test_a_bound_from_below_is_passed_downwards():
    low = [doctor.verdicts([row("masking or data", "context", value, 0.05, low=True)])[0] for value in (0.01, 0.4)]
    assert [verdict.state for verdict in low] == ["found", "not found"]
    assert low[0].signs[0]["bound"].replace("\N{NARROW NO-BREAK SPACE}", " ") == "at least 5 %"


@pytest.mark.parametrize(
    ("judged", "words"), [(True, "found nothing"), (False, "found nothing; too short a run to judge repetition")]
)
def test_nothing_found_is_said_and_what_could_not_be_judged(judged, words):
    rows = [
        row("memorisation", "apart", 1.0, 2.5),
        row("repetition", "repeated", 0.9, 0.2 if not judged else 1, judged),
    ]
    assert doctor.summary(doctor.verdicts(rows)) == [words]


def test_rows_of_another_shape_and_no_rows_say_nothing():
    assert doctor.verdicts([{"value": 1.0, "unit": "share", "detail": {"text": "x"}}]) == []
    assert doctor.summary([]) == []


def test_page_and_summary_show_the_verdict(report: SimpleNamespace):
    assert "The model has learned its text by heart" in report.html
    assert "held-out text takes 1.1 times the bits a byte" in report.html
    assert "doctor  found nothing\n" in summary.text(report.run)
