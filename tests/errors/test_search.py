"""The search: the most promising edit first, and what a failed attempt teaches about those that are left."""

import contextlib
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from charmer.errors.attempts import Attempt
from charmer.errors.edits import Edit, apply
from charmer.errors.proposals import LONG, UNREAD, Mender
from charmer.errors.search import Search, scores
from charmer.errors.suspicion import Hints, Spectrum, named_lines, ochiai

TEXT = "a = 1\nb = 2\nc = 3\n"
FIRST, SECOND, THIRD = 4, 10, 16  # where the numbers stand


class Told:
    """A verifier that knows what becomes of each text, and remembers which it was asked."""

    def __init__(self, become: Callable[[str], Attempt]) -> None:
        self.become, self.asked = become, list[str]()

    @contextlib.contextmanager
    def session(self) -> Iterator[Callable[[str], Attempt]]:
        def attempt(text: str) -> Attempt:
            self.asked.append(text)
            return self.become(text)

        yield attempt


def numbers(*pairs: tuple[int, str]) -> list[Edit]:
    return [Edit(start, start + 1, new, "number") for start, new in pairs]


def run(search: Search, told: Told, **more: int):
    return search.run(told, time.monotonic() + 60, **more)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_first_that_passes_ends_it(workers: int):
    edits = numbers((FIRST, "7"), (SECOND, "8"), (THIRD, "9"))
    told = Told(lambda text: Attempt("b = 8" in text, "AssertionError"))
    found = run(Search(TEXT, edits, np.array([3.0, 2.0, 1.0]), Attempt(False)), told, workers=workers)
    assert found.edit == edits[1] and found.attempts == len(told.asked) <= 1 + workers
    assert told.asked[0] == apply(TEXT, edits[0]) or workers > 1


def test_what_does_not_compile_or_was_tried_is_no_attempt():
    edits = [*numbers((FIRST, "("), (FIRST, "7")), Edit(0, 5, "a = 7", "infill")]
    told = Told(lambda text: Attempt(False))
    found = run(Search(TEXT, edits, np.array([3.0, 2.0, 1.0]), Attempt(False)), told)
    assert (found.edit, found.attempts, found.exhausted) == (None, 1, True)


def test_a_place_without_effect_waits_and_one_that_helps_goes_on():
    before = Attempt(False, "AssertionError", 1.0)
    edits = numbers((FIRST, "7"), (FIRST, "8"), (SECOND, "7"), (THIRD, "7"), (THIRD, "8"))
    points = np.array([5.0, 4.0, 3.8, 3.7, 0.0])

    def become(text: str) -> Attempt:
        return Attempt("c = 8" in text, "AssertionError", 2.0 if "c = 7" in text else 1.0)

    told = Told(become)
    run(Search(TEXT, edits, points, before), told)
    order = [text.split("\n") for text in told.asked]
    # The second edit of `a` is put off behind those of `b` and `c`, and the second of `c` profits from its first.
    assert order.index(["a = 1", "b = 7", "c = 3", ""]) < order.index(["a = 8", "b = 2", "c = 3", ""])
    told = Told(become)
    unsteered = run(Search(TEXT, edits, points, before, steered=False), told)
    assert unsteered.attempts == 5 and told.asked[1].startswith("a = 8")


def test_a_name_that_does_not_exist_is_not_tried_elsewhere():
    text = "a = b\nc = b\nd = b\n"
    edits = [Edit(start, start + 1, new, "name") for start in (4, 10, 16) for new in ("nope", "a")]
    points = np.array([5.0, 1.0, 4.0, 1.0, 3.0, 1.0])
    told = Told(lambda text: Attempt(False, "NameError: name 'nope' is not defined" if "nope" in text else ""))
    run(Search(text, edits, points, Attempt(False, "AssertionError")), told)
    assert ["nope" in text for text in told.asked] == [True, False, False, False, True, True]


def test_scores_add_up_what_is_known():
    edits = [*numbers((FIRST, "7"), (SECOND, "7")), Edit(THIRD - 4, THIRD + 2, "", "deletion")]
    even = scores(TEXT, edits, [0.0, 0.0, 0.0])
    assert even[0] == even[1] > even[2]  # what was written was meant
    suspicious = scores(TEXT, edits, [0.0] * 3, Spectrum({2: 1.0}))
    assert suspicious[1] == even[1] and suspicious[0] < even[0] - 3
    assert scores(TEXT, edits, [1.0, 0.0, 0.0])[0] == pytest.approx(even[0] + 1.0)


def test_a_line_that_failing_tests_alone_run_is_the_most_suspicious():
    spectrum = ochiai([{1, 2, 3}, {1, 3}], [{1}, {1, 2}])
    assert spectrum.lines == {1: pytest.approx(2 / 8**0.5), 2: pytest.approx(0.5), 3: pytest.approx(1.0)}
    assert spectrum.of(3) == 0.0 > spectrum.of(1) > spectrum.of(2) > spectrum.of(9)


def test_what_an_error_says_is_heard():
    hints = Hints("AttributeError: 'list' object has no attribute 'add'. Did you mean: 'append'?")
    text = "x.add(1)\ny.other(2)\n"
    meant, other, elsewhere = (
        hints.of(text, Edit(start, end, new, "attribute"))
        for start, end, new in ((2, 5, "append"), (2, 5, "pop"), (11, 16, "pop"))
    )
    assert meant > other > elsewhere > hints.of(text, Edit(6, 7, "2", "number"))


def test_of_a_long_text_only_what_the_tests_name_is_read(uniform):
    function = "def area_{0}(width, height):\n    return width + height\n\n\n"
    inner = "    def area(self, width):\n        return width + self.height\n\n"
    head = "import math\n\n\n" + "".join(function.format(number) for number in range(LONG // 4))
    text = head + "class Long:\n" + inner * LONG
    named = [4 * 300, 4 * 300 + 1, head.count("\n") + 6]  # of `area_299`, and in the second method
    edits, found = Mender(*uniform).proposals(text, Spectrum(dict.fromkeys(named, 0.5)))
    assert len(edits) == len(found) > 0
    places = {text.count("\n", 0, edit.start) + 1 for edit in edits}
    assert places <= {*named, named[-1] - 1}  # of all 12,000 lines
    lines = text.split("\n")
    for number in named[1:]:
        mended = [*lines[: number - 1], lines[number - 1].replace("+", "*"), *lines[number:]]
        assert "\n".join(mended) in {apply(text, edit) for edit in edits}


def test_a_deadline_ends_the_reading_and_not_the_answer(uniform):
    mender, over = Mender(*uniform), time.monotonic() - 1
    edits, found = mender.proposals(TEXT, deadline=over)
    assert edits and found.max() < UNREAD
    assert mender.proposals(TEXT)[1].max() > UNREAD
    with pytest.raises(TimeoutError):
        mender.slips("print(1 + 2)\n", 3, over)
    with pytest.raises(TimeoutError):
        mender.repairs("f(1", over)


def test_lines_of_a_file_are_found_in_tracebacks():
    output = (
        'Traceback:\n  File "/a/area.py", line 3, in f\n  File "/a/b_area.py", line 9\nsrc/area.py:12: AssertionError\n'
    )
    assert named_lines(output, "area.py") == [3, 12]
