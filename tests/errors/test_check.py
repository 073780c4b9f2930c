"""`check` on texts: a pure function of text, model and threshold."""

import itertools
import math
import threading

import pytest
import torch
from charmer.errors import calibration, shown, suspicious
from charmer.errors.calibration import Calibration
from charmer.errors.candidates.source import Source
from charmer.errors.check import check, ignored
from charmer.errors.edits import Edit, apply
from charmer.errors.finding import Finding, offset, place
from charmer.errors.slips import slips

BOX = """
class Box:
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def rows(self, lines):
        for number in range(len(lines)):
            if number < self.height and lines[number:]:
                lines.append(number)
        return max(lines)
"""
SLIPS = {  # what was meant -> what was written
    "return self.width * self.height": "self.width * self.height",
    "self.width * self": "self.height * self",
    "width * self.height": "width + self.height",
    "number < self": "number <= self",
    "height and lines": "height or lines",
    "if number": "if not number",
    "range(len(lines))": "range(len(lines) - 1)",
    "lines[number:]": "lines[:number]",
    "max(lines)": "min(lines)",
    "def area(self)": "def area()",
    "self.height and": "height and",
    "lines.append(number)": "number.append(lines)",
    "range(len(lines)":  "range(len(number)",
}  # fmt: skip
UNDONE = [meant for meant in SLIPS if meant not in ("if number", "range(len(lines))", "lines.append(number)")]


@pytest.mark.parametrize("meant", UNDONE)
def test_a_slip_is_undone_by_one_of_the_edits(meant):
    assert BOX.count(meant) == 1
    written = BOX.replace(meant, SLIPS[meant])
    assert BOX in [apply(written, edit) for edit in slips(Source(written))]


def test_edits_stay_inside_of_functions_and_away_from_docstrings():
    text = 'LIMIT = 3 + 4\n\n\ndef first(rows):\n    """Gives 1."""\n    return rows[0]\n'
    assert {text.count("\n", 0, edit.start) + 1 for edit in slips(Source(text))} == {6}
    assert {edit.start for edit in slips(Source("total = 3 + 4\n"))} >= {8, 10}


def test_with_the_threshold_off_every_spot_is_a_finding_the_surest_first(uniform):
    found = check(*uniform, BOX, "box.py", false_alarms=math.inf)
    assert [finding.score for finding in found] == sorted((finding.score for finding in found), reverse=True)
    assert len(found) == len(suspicious.spots(*uniform, BOX)) > 5
    for finding in found:
        start, end = (
            offset(BOX, *at) for at in ((finding.line, finding.column), (finding.end_line, finding.end_column))
        )
        assert Source(apply(BOX, Edit(start, end, finding.suggestion))).tree
    assert found == check(*uniform, BOX, "box.py", false_alarms=math.inf)


def test_a_calibration_keeps_it_quiet(uniform):
    assert check(*uniform, BOX, calibration=Calibration(500, (1000.0,) * 40)) == []


def test_a_comment_silences_its_line(uniform):
    silent = BOX.replace("return max(lines)", "return max(lines)  # charmer: ignore")
    line = silent[: silent.index("max")].count("\n") + 1
    assert ignored(silent) == {line}
    loud = check(*uniform, BOX, false_alarms=math.inf)
    assert line in {finding.line for finding in loud}
    assert line not in {finding.line for finding in check(*uniform, silent, false_alarms=math.inf)}
    assert ignored('text = "# charmer: ignore"\n') == set()
    assert check(*uniform, "rows = (1  # charmer: ignore\n") == []


@pytest.mark.parametrize("text", [BOX, BOX.replace("return max(", "return (max(")], ids=["parses", "does not"])
def test_who_is_told_to_give_up_does_so_at_once(uniform, text):
    class Enough(Exception):
        pass

    asked = itertools.count(1)

    def go_on():
        if next(asked) >= 3:
            raise Enough

    with pytest.raises(Enough):
        check(*uniform, text, false_alarms=math.inf, go_on=go_on)
    assert next(asked) <= 4 + torch.get_num_threads(), "each thread may have been about to ask"


def test_a_check_asks_before_each_pass_in_all_its_threads(uniform):
    model, _ = uniform
    asked: list[int] = []
    passes: list[int] = []
    hook = model.norm.register_forward_pre_hook(lambda *_: passes.append(threading.get_ident()))
    check(*uniform, BOX, false_alarms=math.inf, go_on=lambda: asked.append(threading.get_ident()))
    hook.remove()
    assert passes and set(passes) <= set(asked) and len(asked) > len(passes)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
def test_an_empty_text_is_clean(uniform, text):
    assert check(*uniform, text, false_alarms=math.inf) == []


@pytest.mark.parametrize("text", ["x = '\x00'\n", "(" * 5000, "print 'a'\nprint 'b'\nprint 'c'\nexcept E, e:\n"])
def test_what_no_parser_takes_has_one_finding(uniform, text):
    (finding,) = check(*uniform, text)
    assert finding.kind == "syntax"
    assert ("Python 2" in finding.message) == ("print" in text)


def test_places_count_characters_from_1():
    text = "a = 'ä'\nbé = a\n"
    assert place(text, text.index("= a")) == (2, 4)
    assert offset(text, 2, 4) == text.index("= a")
    assert offset(text, 9, 1) == len(text)


FINDING = Finding("a b.py", 2, 4, 2, 5, "operator", 1.5, "`=` looks odd.", "==")


def test_the_record_has_the_keys_in_their_order():
    assert list(FINDING.record()) == [
        "path", "line", "column", "end_line", "end_column", "kind", "score", "message", "suggestion",
    ]  # fmt: skip


def test_an_excerpt_marks_the_place():
    assert shown.excerpt(FINDING, "a = 1\nbe = a\n").split("\n") == [
        "a b.py:2:4: operator `=` looks odd.",
        "    2 | be = a",
        "      |    ^ ==",
    ]


def test_sarif_has_place_and_fix():
    report = shown.sarif([FINDING])
    (result,) = report["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert report["version"] == "2.1.0"
    assert region == {"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 5}
    assert result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "=="}


def test_the_threshold_lets_through_what_was_asked_for_and_no_more():
    scores = tuple(float(score) for score in range(100, 0, -1))
    known = Calibration(5000, scores)  # ten alarms are accepted at one in 500 lines
    threshold = known.threshold(1.0)
    above = sum(score > threshold for score in scores)
    assert 5 <= above < 10
    assert calibration.upper(above) <= 10 < calibration.upper(above + 1)
    assert known.threshold(0.0) > 100 > known.threshold(1.0) > known.threshold(5.0)
    assert Calibration(5000, scores[:3]).threshold(1.0) == -math.inf


def test_a_calibration_comes_back_from_its_file(tmp_path):
    assert calibration.read(tmp_path) == Calibration()
    known = calibration.of([1.0, 3.0, 2.0], 600)
    calibration.write(tmp_path / calibration.NAME, known)
    assert calibration.read(tmp_path) == known == Calibration(600, (3.0, 2.0, 1.0))


def test_expressions_inside_of_f_strings_have_no_tokens_of_their_own():
    text = "def line(rows):\n    return f'{rows[len(rows) - 1]} of {len(rows) == 3}'"
    assert all(apply(text, edit) != text for edit in slips(Source(text)))
