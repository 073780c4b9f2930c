"""`check` on texts: a pure function of text, model and threshold."""

import itertools
import math
import threading

import pytest
import torch
from charmer.common.files import write_json
from charmer.errors import calibration, shown, suspicious, weights
from charmer.errors.calibration import Calibration, Sound
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


SCRIPT = """import sys

SIZES = [1, 2, 3]


def mean(values):
    return sum(values) / len(values)


if sys.version_info < (3, 9):
    import old
total = 0
for size in SIZES:
    total = size
print(mean(total))
if __name__ == "__main__":
    import new
    sys.exit(1)
"""


def test_what_runs_at_the_top_of_a_module_is_looked_into_beside_its_functions():
    lines = {SCRIPT.count("\n", 0, edit.start) + 1 for edit in slips(Source(SCRIPT))}
    assert lines == {7, 13, 14, 15, 16, 18}  # no table, no import, no plain number
    texts = [apply(SCRIPT, edit) for edit in slips(Source(SCRIPT))]
    assert SCRIPT.replace("total = size", "total += size") in texts
    assert SCRIPT.replace("mean(total)", "mean(size)") in texts


def test_nothing_returns_at_the_top_of_a_module():
    for text in ("print(3)\n", SCRIPT):
        assert not any(
            edit.replacement == "return " and edit.start > text.find("return") for edit in slips(Source(text))
        )


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
    assert check(*uniform, BOX, calibration=calibration.of([("toy", 500, [1000.0] * 40)])) == []


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


def test_an_excerpt_shows_what_a_block_lacks():
    finding = Finding("a.py", 1, 6, 1, 6, "syntax", 1.5, "this block has no body.", "\n    pass")
    assert shown.excerpt(finding, "if a:\nb = 1\n").split("\n")[2] == "      |      ^ pass"


def test_sarif_has_place_and_fix():
    report = shown.sarif([FINDING])
    (result,) = report["runs"][0]["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert report["version"] == "2.1.0"
    assert region == {"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 5}
    assert result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "=="}


def test_the_threshold_lets_through_what_was_asked_for_and_no_more():
    files = [(f"package {at % 10}", 500, [float(score + at % 3) for score in range(12)]) for at in range(40)]
    known = calibration.of(files)
    threshold = known.threshold(1.0)
    above = sum(score > threshold for *_, scores in files for score in scores)
    assert 10 <= above <= 40, "at most one in each of 40 times 500 lines"
    assert known.rate(threshold) <= 1.0
    assert known.threshold(0.0) > 13 > known.threshold(1.0) > known.threshold(5.0)


def test_packages_that_differ_ask_for_a_higher_threshold_than_ones_alike():
    alike = [(f"p{at}", 500, [5.0, 4.0, 3.0, 2.0]) for at in range(12)]
    differ = [(f"p{at}", 500, [5.0, 4.0, 3.0, 2.0] * 4 if at % 4 == 0 else []) for at in range(12)]
    assert calibration.of(alike).rate(2.5) < calibration.of(differ).rate(2.5)
    assert calibration.of(alike).threshold(4.0) < calibration.of(differ).threshold(4.0)


def test_alarms_in_code_that_the_model_was_trained_on_count_more():
    files = [(f"p{at}", 500, [5.0, 4.0]) for at in range(12)]
    assert calibration.of(files, seen=True).rate(4.5) == pytest.approx(1.5 * calibration.of(files).rate(4.5))


def test_a_calibration_comes_back_from_its_file(tmp_path):
    assert calibration.read(tmp_path) == Calibration()
    known = calibration.of([("toy", 600, [1.0, 3.0, 2.0])], seen=True)
    calibration.write(tmp_path / calibration.NAME, known)
    assert calibration.read(tmp_path) == known == Calibration((Sound("toy", 600, (3.0, 2.0, 1.0), True),))


def test_a_model_without_one_takes_that_of_the_model_that_it_started_from(tmp_path):
    for name in ("before", "after", "scratch"):
        (tmp_path / name).mkdir()
    calibration.write(tmp_path / "before" / calibration.NAME, calibration.of([("toy", 600, [1.0])]))
    write_json(tmp_path / "after" / "settings.json", {"train": {"init_from": str(tmp_path / "before")}})
    write_json(tmp_path / "scratch" / "settings.json", {"train": {"init_from": ""}})
    assert calibration.read(tmp_path / "after") == calibration.read(tmp_path / "before") != Calibration()
    assert calibration.read(tmp_path / "scratch") == Calibration()


def test_a_calibration_to_other_weights_is_none(tmp_path):
    calibration.write(tmp_path / calibration.NAME, calibration.of([("toy", 600, [1.0])]))
    path = tmp_path / calibration.NAME
    path.write_text(path.read_text().replace(weights.digest(), "0" * 64))
    assert calibration.read(tmp_path) == Calibration()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Edit(0, 0, "    @property\n", "decorator"), "The decorator `@property` looks forgotten before this function."),
        (
            Edit(0, 0, "f", "format"),
            "This text has names in braces, but is no f-string: the `f` before it looks forgotten.",
        ),
        (Edit(0, 0, "el", "word"), "`elif` looks meant here, as the `if` before asks first."),
        (Edit(1, 5, "", "off-by-one"), "This looks off by one: the model would expect it without `+ 1`."),
        (Edit(0, 1, "b", "name"), "`a` looks like the wrong variable: the model would expect `b`."),
    ],
)
def test_a_finding_says_what_is_wrong(edit, said):
    assert suspicious.sentence("a + 1\n", edit) == said


def test_expressions_inside_of_f_strings_have_no_tokens_of_their_own():
    text = "def line(rows):\n    return f'{rows[len(rows) - 1]} of {len(rows) == 3}'"
    assert all(apply(text, edit) != text for edit in slips(Source(text)))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("class A:\n    def f(b):\n        return b\n", "def f(self, b)"),
        ("class A:\n    @property\n    def f():\n        return 1\n", "def f(self)"),
        ("class A:\n    def f(\n        b: int,\n    ):\n        return b\n", "f(\n        self,\n        b: int,"),
        ("from contextlib import contextmanager\n\n\ndef f():\n    yield 1\n", "\n@contextmanager\ndef f"),
        ("import contextlib\n\n\ndef f():\n    yield 1\n", "\n@contextlib.contextmanager\ndef f"),
        ("class A:\n    def f(**kw):\n        return kw\n", "def f(self, **kw)"),
        ("class A:\n    def f(a, /):\n        return a\n", "def f(self, a, /)"),
    ],
)
def test_what_a_functions_head_lost_is_put_back_as_people_write_it(written: str, meant: str):
    assert sum(meant in apply(written, edit) for edit in slips(Source(written))) == 1


@pytest.mark.parametrize(
    "written",
    [
        "class A(Interface):\n    def f(b):\n        return b\n",
        "class A(Enum):\n    def _generate_next_value_(name, start, count, last):\n        return name\n",
        "from contextlib import contextmanager\n\n\nasync def f():\n    yield 1\n",
        "import contextlib\nfrom contextlib import contextmanager\n\n\n@contextmanager\ndef f():\n    yield 1\n",
        "from contextlib import contextmanager\n\n\ndef f():\n    def g():\n        yield 1\n    return g\n",
    ],
)
def test_heads_that_lost_nothing(written: str):
    found = [edit.replacement for edit in slips(Source(written)) if edit.kind in ("self", "decorator")]
    assert not any("self" in one or "contextmanager" in one for one in found)


def test_variables_of_a_modules_top_are_those_that_it_assigns_to():
    text = "import re\na = 1\nb = [c for c in (a, 2)]\n\n\ndef f(d):\n    e = d\n    return e\n\n\nprint(a)\n"
    meant = {edit.replacement for edit in slips(Source(text)) if edit.start == text.rindex("a)")}
    assert meant == {"b"}


def test_a_sign_turned_round_is_turned_back():
    text = "def f(a, b):\n    a =+ b\n    return a\n"
    assert text.replace("=+", "+=") in [apply(text, edit) for edit in slips(Source(text))]


@pytest.mark.parametrize("decorator", ["staticmethod", "validator('b')", "fixture"])
def test_a_method_whose_decorator_may_bring_another_first_argument_lacks_no_self(decorator: str):
    written = f"class A:\n    @{decorator}\n    def f(b):\n        return b\n"
    assert not any("self" in edit.replacement for edit in slips(Source(written)))
