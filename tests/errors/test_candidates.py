"""The edits that could mend a text: each kind has a slip that it undoes, and none breaks what it does not touch."""

import ast

import pytest
from charmer.errors.candidates import KINDS, candidates
from charmer.errors.edits import Edit, apply, inverse, patch, smallest

SLIPS = {
    "comparison": ("def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
    "operator": ("def f(a, b):\n    return (a) - b\n", "def f(a, b):\n    return (a) + b\n"),
    "boolean": ("x = a or b\n", "x = a and b\n"),
    "negation": ("if not done:\n    go()\n", "if done:\n    go()\n"),
    "number": ("x = [1, 2][2]\n", "x = [1, 2][1]\n"),
    "constant": ("f(deep=False)\n", "f(deep=True)\n"),
    "name": ("def f(low, high):\n    return low + low\n", "def f(low, high):\n    return low + high\n"),
    "attribute": ("x.append(1)\n", "x.extend(1)\n"),
    "word": ("def f(n):\n    return n\n", "def f(n):\n    yield n\n"),
    "self": (
        "class A:\n    def size(self):\n        return 1\n    def f(self):\n        return size()\n",
        "class A:\n    def size(self):\n        return 1\n    def f(self):\n        return self.size()\n",
    ),
    "off-by-one": ("def f(n):\n    return range(n)\n", "def f(n):\n    return range(n + 1)\n"),
    "bounds": ("def f(x, n):\n    return x[:n]\n", "def f(x, n):\n    return x[n:]\n"),
    "swap": ("f(first, (second))\n", "f((second), first)\n"),
    "operand": ("x = size - 1\n", "x = size\n"),
    "clause": ("def f(x):\n    if x[0]:\n        return 1\n", "def f(x):\n    if x and x[0]:\n        return 1\n"),
    "argument": ("def f(x, key):\n    return g(x)\n", "def f(x, key):\n    return g(x, key)\n"),
    "call": ("x = names\n", "x = sorted(names)\n"),
    "access": ("x = table[key]\n", "x = table.get(key)\n"),
    "deletion": ("def f(x):\n    x = 1\n    return x\n", "def f(x):\n    return x\n"),
    "return": ("def f(x):\n    x + 1\n", "def f(x):\n    return x + 1\n"),
    "guard": (
        "def f(x):\n    # why\n    return x[0]\n",
        "def f(x):\n    # why\n    if not x:\n        return None\n    return x[0]\n",
    ),
    "insertion": (
        "def f(n):\n    i = 0\n    while i < n:\n        print(i)\n",
        "def f(n):\n    i = 0\n    while i < n:\n        print(i)\n        i += 1\n",
    ),
    "movement": (
        "def f(n):\n    for i in n:\n        g(i)\n        return i\n",
        "def f(n):\n    for i in n:\n        g(i)\n    return i\n",
    ),
    "default": (
        'def f(x=[]):\n    """Doc."""\n    return x\n',
        'def f(x=None):\n    """Doc."""\n    if x is None:\n        x = []\n    return x\n',
    ),
}


def test_every_kind_has_a_case():
    assert sorted(SLIPS) == sorted(KINDS)


@pytest.mark.parametrize("kind", sorted(SLIPS))
def test_each_kind_undoes_a_slip(kind: str):
    wrong, right = SLIPS[kind]
    assert right in {apply(wrong, edit) for edit in candidates(wrong, kinds=[kind])}


def test_places_count_characters_whatever_stands_before_them():
    text = "name = 'Grüße 世界'; x = a < b  # ü\n"
    found = {apply(text, edit) for edit in candidates(text, kinds=["comparison"])}
    assert text.replace("<", ">=") in found and len(found) == 5


def test_edits_of_one_line_begin_on_it():
    text = "a = 1\nb = 2\nc = 3\n"
    assert {text.count("\n", 0, edit.start) + 1 for edit in candidates(text, lines=[2])} == {2}


def test_docstrings_are_never_another_constant_and_definitions_never_go():
    text = 'def f():\n    """Doc."""\n    x = "other"\n    return x\n\n\ndef g():\n    return f()\n'
    for edit in candidates(text):
        assert '"""Doc."""' in apply(text, edit)
        try:
            tree = ast.parse(apply(text, edit))
        except SyntaxError:
            continue
        assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)][:1] == ["f"]


def test_what_withheld_operators_break_is_not_in_reach():
    for wrong, right in (
        ("for x in y:\n    continue\n", "for x in y:\n    break\n"),
        ("for b, a in pairs:\n    pass\n", "for a, b in pairs:\n    pass\n"),
        ("f(rest)\n", "f(*rest)\n"),
    ):
        assert right not in {apply(wrong, edit) for edit in candidates(wrong)}


def test_edits_turn_back_and_shrink():
    text = "x = a <= b\n"
    edit = Edit(4, 10, "a < b", "comparison")
    assert apply(apply(text, edit), inverse(text, edit)) == text
    assert smallest(text, edit) == Edit(7, 8, "", "comparison")


def test_a_patch_says_where_a_file_has_no_last_newline():
    assert patch("a\nb", "a\nc", "x.py").splitlines() == [
        *("--- a/x.py", "+++ b/x.py", "@@ -1,2 +1,2 @@", " a", "-b"),
        *("\\ No newline at end of file", "+c", "\\ No newline at end of file"),
    ]
