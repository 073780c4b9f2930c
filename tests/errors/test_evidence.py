"""What a module itself says for and against an edit, each by a few lines."""

from pathlib import Path

import pytest
from charmer.errors.candidates.source import Source
from charmer.errors.edits import apply, line_of
from charmer.errors.evidence import Evidence
from charmer.errors.evidence.facts import likeness, words
from charmer.errors.slips import slips
from charmer.errors.suspicious import spots
from charmer.errors.weights import score, shipped
from charmer.model import folder

SAID = {  # evidence -> (as written, as meant, what it is worth)
    "name: unused parameter": ("def add(a, b):\n    return a + a\n", "def add(a, b):\n    return b + a\n", 1),
    "name: twice as written": ("def add(a, b):\n    return a + a\n", "def add(a, b):\n    return a + b\n", 1),
    "name: meant is named like its slot": (
        "def make(size, name):\n    return Box(size=name)\n",
        "def make(size, name):\n    return Box(size=size)\n",
        1,
    ),
    "name: meant is not bound yet": (
        "def f(a):\n    b = a\n    c = b\n    return c\n",
        "def f(a):\n    b = c\n    c = b\n    return c\n",
        1,
    ),
    "name: written would be unused": ("def f(a, b):\n    return b\n", "def f(a, b):\n    return a\n", 1),
    "swap: parameters exchanged": (
        "def move(x, y):\n    pass\n\n\ndef go(x, y):\n    move(y, x)\n",
        "def move(x, y):\n    pass\n\n\ndef go(x, y):\n    move(x, y)\n",
        1,
    ),
    "swap: order as meant elsewhere": (
        "def f(a, b):\n    g(b, a)\n    return g(a, b)\n",
        "def f(a, b):\n    g(a, b)\n    return g(a, b)\n",
        1,
    ),
    "swap: branch uses what is there": (
        "def f(a):\n    return 0 if a is not None else a.b\n",
        "def f(a):\n    return a.b if a is not None else 0\n",
        -1,
    ),
    "self: unbound, an own attribute": (
        "class A:\n    def f(self):\n        self.g()\n        h()\n\n    def h(self):\n        self.f()\n",
        "class A:\n    def f(self):\n        self.g()\n        self.h()\n\n    def h(self):\n        self.f()\n",
        1,
    ),
    "self: parameter, and self is used": (
        "class A:\n    def f():\n        return self.a\n",
        "class A:\n    def f(self):\n        return self.a\n",
        1,
    ),
    "attribute: self lacks it": (
        "class A:\n    def __init__(self):\n        self.a = 1\n\n    def f(self):\n        return self.b\n",
        "class A:\n    def __init__(self):\n        self.a = 1\n\n    def f(self):\n        return self.a\n",
        1,
    ),
    "comparison: written disagrees": (
        "def f(a):\n    if a is None:\n        a.close()\n",
        "def f(a):\n    if a is not None:\n        a.close()\n",
        1,
    ),
    "comparison: written agrees": (
        "def f(a):\n    if a is None:\n        a = []\n    return a\n",
        "def f(a):\n    if a is not None:\n        a = []\n    return a\n",
        1,
    ),
    "negation: written disagrees": (
        "def f(a):\n    if not a:\n        return a[0]\n",
        "def f(a):\n    if a:\n        return a[0]\n",
        1,
    ),
    "constant: key asked twice": (
        'def f(kind):\n    if kind == "a":\n        g("b")\n    elif kind == "a":\n        h()\n',
        'def f(kind):\n    if kind == "a":\n        g("b")\n    elif kind == "b":\n        h()\n',
        1,
    ),
    "lost: value without effect": ("def f(a):\n    a + 1\n", "def f(a):\n    return a + 1\n", 1),
    "lost: promised by its annotation": ("def f(a) -> int:\n    g(a)\n", "def f(a) -> int:\n    return g(a)\n", 1),
    "lost: call: own method": (
        "class A:\n    def f(self):\n        return self.g\n\n    def g(self):\n        pass\n",
        "class A:\n    def f(self):\n        return self.g()\n\n    def g(self):\n        pass\n",
        1,
    ),
    "word: await: a coroutine of this module": (
        "async def g():\n    pass\n\n\nasync def f():\n    g()\n",
        "async def g():\n    pass\n\n\nasync def f():\n    await g()\n",
        1,
    ),
    "operator: sum starts from nothing, in a loop": (
        "def f(rows):\n    n = 0\n    for row in rows:\n        n = row\n    return n\n",
        "def f(rows):\n    n = 0\n    for row in rows:\n        n += row\n    return n\n",
        1,
    ),
    "word: asks the same thing, else behind": (
        "def f(a):\n    if a == 1:\n        g()\n    if a == 2:\n        h()\n    else:\n        i()\n",
        "def f(a):\n    if a == 1:\n        g()\n    elif a == 2:\n        h()\n    else:\n        i()\n",
        1,
    ),
    "decorator: @property: named, never called": (
        "class A:\n    def size(self):\n        return 1\n\n    def f(self):\n        return self.size + 1\n",
        "class A:\n    @property\n    def size(self):\n        return 1\n\n"
        "    def f(self):\n        return self.size + 1\n",
        1,
    ),
    "format: format: all names are bound": ('def f(a):\n    g("{a}!")\n', 'def f(a):\n    g(f"{a}!")\n', 1),
}


@pytest.mark.parametrize("name", SAID)
def test_evidence_by_example(name):
    written, meant, value = SAID[name]
    source = Source(written)
    evidence = Evidence(source)
    said = [evidence.of(edit) for edit in slips(source) if apply(written, edit) == meant]
    assert value in [one.get(name) for one in said]


def test_what_stands_elsewhere_in_the_file_is_counted():
    written = "def f(a, b):\n    g(a.x, b)\n    g(a.x, b)\n    g(a.y, b)\n    a.y = 1\n"
    source = Source(written)
    (edit,) = [one for one in slips(source) if apply(written, one) == written.replace("a.y, b", "a.x, b")]
    found = Evidence(source).of(edit)
    assert found["meant 4"] > found.get("written 4", 0) == 0
    assert found["all 4"] == 1


def test_names_are_compared_by_their_words():
    assert words("max_lineWidth") == {"max", "line", "width"}
    assert likeness("width", "max_width") == 0.5
    assert likeness("rows", "row") == 1
    assert likeness("a", "") == 0


SOUND = '''
class Shelf:
    """Books by their number."""

    def __init__(self, width, height, label=None):
        self.width = width
        self.height = height
        self.label = label
        self.books = {}

    def add(self, number, book):
        if number in self.books:
            raise KeyError(number)
        self.books[number] = book
        return self

    def area(self) -> int:
        return self.width * self.height

    def title(self):
        if self.label is None:
            return "shelf"
        return self.label.upper()

    def count(self, wanted):
        found = 0
        for book in self.books.values():
            if book == wanted:
                found += 1
        return found


def shelf(width, height, rows):
    made = Shelf(width, height)
    for number, row in enumerate(rows):
        made.add(number, row)
    return made
'''
PLANTED = {  # what was meant -> what was written
    "return self.width * self.height": "self.width * self.height",
    "Shelf(width, height)": "Shelf(height, width)",
    "self.label is None": "self.label is not None",
    "def title(self)": "def title()",
    "made.add(number, row)": "made.add(row, number)",
}


@pytest.mark.parametrize("meant", PLANTED)
def test_a_planted_slip_stands_first_without_a_language_model(meant):
    written = SOUND.replace(meant, PLANTED[meant])
    assert written != SOUND
    source = Source(written)
    evidence, edits = Evidence(source), slips(source)
    best = max(edits, key=lambda edit: score(shipped(), evidence.of(edit)))
    assert line_of(written, best.start) == SOUND[: SOUND.index(meant)].count("\n") + 1


WEAK = "with the weights of 1,600 files the `in` before `raise KeyError` is more suspicious, and this stands second"


@pytest.mark.parametrize(
    "meant",
    [
        pytest.param(one, marks=pytest.mark.xfail(reason=WEAK, strict=True)) if one == "self.label is None" else one
        for one in PLANTED
    ],
)
def test_a_planted_slip_stands_first_with_the_model_that_ships(meant):
    model, tokenizer = folder.load(Path(__file__).parents[2] / "resources" / "pretrained")
    (first, *_) = spots(model, tokenizer, SOUND.replace(meant, PLANTED[meant]))
    assert first.line == SOUND[: SOUND.index(meant)].count("\n") + 1
