"""Every operator breaks what its family says, by the slip that it is named after, and its edit can be taken back."""

from __future__ import annotations

import ast
import random

import pytest
from charmer.errors.edits import Edit, apply, inverse
from charmer.errors.operators import OPERATORS, SEMANTIC, SYNTAX, WITHHELD, Ground, breaks, complaint, drawn

MODULE = '''\
"""Queues."""
import asyncio
from itertools import chain

LIMIT = 100


class Queue:
    @property
    def size(self):
        return len(self.items)

    def take(self, count, last=False):
        """Take some off, as they come."""
        taken, left = self.items[:count], self.items[count:]
        for place, item in enumerate(taken):
            if item is None or not item.name:  # nothing to see
                continue
            elif place >= count - 1 and last == True:
                break
            self.total += item.price * 2
            print("it's", item.name)
        self.items = left if left else []
        if count < 10:
            log("taken", f"{count} of {self.size}", *taken, key="other")
        return taken, 'one' + \\
            "two"

    async def wait(self):
        try:
            item = await self.source.get()
        except ValueError as error:
            raise TypeError("no") from error
        return item.strip()
'''


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_breaks_what_its_family_says_and_can_be_undone(name):
    found = list(breaks(Ground(MODULE), OPERATORS[name]))
    assert found
    for edit in found:
        broken = apply(MODULE, edit)
        assert edit.kind == name and broken != MODULE
        assert apply(broken, inverse(MODULE, edit)) == MODULE
        assert (complaint(broken) is None) == (name in SEMANTIC)


@pytest.mark.parametrize(
    ("name", "line", "broken"),
    [
        ("lost-bracket", "print(x)", "print(x"),
        ("wrong-bracket", "print(x)", "print[x)"),
        ("lost-colon", "if x:", "if x"),
        ("lost-comma", "f(x, y)", "f(x y)"),
        ("lost-quote", 'x = "text"', 'x = "text'),
        ("wrong-quote", 'x = "text"', "x = \"text'"),
        ("inner-quote", 'x = "it\'s"', 'x = "it"s"'),
        ("misspelt-keyword", "return x", "retrun x"),
        ("assigned-condition", "if x == 1:", "if x = 1:"),
        ("foreign-operator", "if x != 1:", "if x <> 1:"),
        ("joined-lines", "x = 1\n    y = 2", "x = 1 y = 2"),
        ("split-line", "x = 1 + y", "x = 1 +\n    y"),
        ("pasted-prompt", "x = 1", ">>>     x = 1"),
        ("python-2", "print(x)", "print x"),
        ("wrong-variable", "return x", "return y"),
        ("swapped-arguments", "f(x, y[0])", "f(y[0], x)"),
        ("wrong-operator", "y = x + 1", "y = x - 1"),
        ("wrong-comparison", "return x < 1", "return x <= 1"),
        ("wrong-comparison", "return x  not  in y", "return x  in y"),
        ("wrong-logic", "return x and y", "return x or y"),
        ("negated-condition", "if not x:", "if x:"),
        ("negated-condition", "if x:", "if not x:"),
        ("off-by-one", "for i in range(x):", "for i in range(x - 1):"),
        ("off-by-one", "return y[x - 1]", "return y[x]"),
        ("wrong-constant", "return True", "return False"),
        ("lost-return", "return x", "x"),
        ("lost-call", "y = x.strip()", "y = x.strip"),
        ("lost-sum", "y += x", "y = x"),
        ("wrong-slice", "return x[1:]", "return x[:1]"),
        ("swapped-branches", "return x if y else 1", "return 1 if y else x"),
        ("swapped-targets", "for a, b in x:", "for b, a in x:"),
        ("lost-star", "return f(*x, **y)", "return f(x, **y)"),
        ("lost-format", 'return f"{x}"', 'return "{x}"'),
    ],
)
def test_the_slip_is_the_one_that_people_make(name, line, broken):
    before, behind = "def g(x, y, é='ü'):  # ü\n    ", "\n        pass\n" if line.endswith(":") else "\n"
    found = {apply(before + line + behind, edit) for edit in breaks(Ground(before + line + behind), OPERATORS[name])}
    start = before[:-4] if broken.startswith(">>>") else before
    assert start + broken + behind in found


def test_self_is_forgotten_before_a_name_and_among_the_parameters():
    source = Ground("class C:\n    def f(self, x):\n        return self.y + x\n")
    assert {apply(source.text, edit) for edit in breaks(source, OPERATORS["missing-self"])} == {
        "class C:\n    def f(x):\n        return self.y + x\n",
        "class C:\n    def f(self, x):\n        return y + x\n",
    }


def test_what_a_module_does_at_its_top_is_left_alone_by_semantic_operators():
    source = Ground("TABLE = [1, 2]\nif TABLE == []:\n    TABLE += [3 + 4]\n")
    assert [edit for name in SEMANTIC for edit in breaks(source, OPERATORS[name])] == []


def test_annotations_defaults_and_docstrings_are_left_alone():
    source = Ground('def f(x: int = 1) -> dict[str, 0]:\n    """True or 1."""\n    y: list[1] = x\n    return y\n')
    edits = [edit for name in SEMANTIC for edit in breaks(source, OPERATORS[name]) if name != "wrong-variable"]
    assert {edit.kind for edit in edits} == {"lost-return"}


def test_there_are_enough_operators_and_three_are_withheld():
    assert len(SEMANTIC) >= 12 and len(SYNTAX) >= 12
    assert set(WITHHELD) == {"wrong-exit", "swapped-targets", "lost-star"} <= set(SEMANTIC)


def test_a_draw_depends_on_its_seed_alone_and_reaches_every_operator_that_finds_something():
    operators = [operator for operator in OPERATORS.values() if operator.family == "semantic"]

    def draws(seed: int) -> list[Edit]:
        chance = random.Random(seed)
        return [edit for _ in range(300) if (edit := drawn(Ground(MODULE), operators, chance))]

    once, again = draws(1), draws(1)
    assert once == again != draws(2)
    assert {edit.kind for edit in once} >= {"wrong-variable", "lost-await", "wrong-exit"}
    assert all(ast.parse(apply(MODULE, edit)) for edit in once)


def test_nothing_is_drawn_where_nothing_can_be_broken():
    assert drawn(Ground("# a comment\n"), [OPERATORS[name] for name in SEMANTIC], random.Random(1)) is None
