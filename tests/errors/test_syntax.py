"""A text that does not parse: the right repair is among those that pass, and nothing but small repairs is."""

import ast

import pytest
from charmer.errors import block, fault, syntax
from charmer.errors.edits import Edit, apply
from charmer.errors.shapes import shapes

SOUND = '''
import os


class Reader:
    """Reads files."""

    def __init__(self, path, size=3):
        self.path = path
        self.lines = [line.strip() for line in open(path)]  # all of it

    def first(self, count):
        if count >= len(self.lines) and not self.path:
            return {"lines": self.lines, "count": count}
        for line in self.lines[:count]:
            print("line: %s" % line)
        return os.path.join(self.path, 'it\\'s')
'''
BREAKS = {  # what stands there -> what is written instead
    "bracket never closed": ("open(path)]", "open(path]"),
    "closing bracket lost": ("[:count]", "[:count"),
    "opening bracket lost": ("print(", "print "),
    "bracket of another kind": ("count}", "count]"),
    "colon": ("count):", "count)"),
    "colon of another kind": ("self.lines[:count]:", "self.lines[:count];"),
    "comma": ("(self.path, ", "(self.path "),
    "quote": ('"line: %s"', '"line: %s'),
    "quotes that do not match": ('"count"', "\"count'"),
    "inner quote": ("it\\'s", "it's"),
    "keyword": ("return os", "retrun os"),
    "keyword of another language": ("and not", "&& not"),
    "indentation": ("        for line", "       for line"),
    "indentation, seen later": ('        if count', '         if count'),
    "joined lines": ("count}\n        for", "count} for"),
    "split line": ("self.path = path", "self.path =\n            path"),
    "prompt": ("        for line", ">>>         for line"),
    "mark of a comparison": ("        for line", "+        for line"),
    "text": ("# all of it", "all of it"),
    "docstring": ('"""Reads', "Reads"),
    "Python 2": ('print("line: %s" % line)', 'print "line: %s" % line'),
    "name in two": ("self.lines[:", "self lines[:"),
    "two words in one": ("and not", "andnot"),
    "doubled": ("count >=", "count count >="),
    "lookalike": ("self.path, ", "self.path， "),  # noqa: RUF001
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_the_repair_is_among_those_that_pass(name):
    old, new = BREAKS[name]
    assert SOUND.count(old) == 1
    broken = SOUND.replace(old, new)
    said = syntax.complaint(broken)
    assert said is not None
    found = syntax.passing(broken, said)
    assert SOUND in [apply(broken, edit) for edit in found]
    for edit in found:
        ast.parse(apply(broken, edit))
        assert syntax.touched(broken, edit) <= 5


WIDER = '''
import unittest


@unittest.skipIf(
    condition,
    reason="it's old",
)
@unittest.skipUnless(exists("/dev/fd"), "needs it")
class Shown:
    def one(self) -> str:
        text = """Head
of one, at the margin"""
        same(show("one", freq="M"), text)
        text = """Head
of two"""
        same(show("two"), text)

    def upgrade(
        self, table
    ) -> None:
        start(table)
        create(
            column("one"),
        )
        close(table)
'''
WIDER_BREAKS = {  # faults that what looks like the block around them does not hold
    "quote in a decorator of several lines": ('"it\'s old"', "'it's old\""),
    "bracket in a decorator": ('("/dev/fd")', '("/dev/fd"'),
    "sign of a decorator": ("@unittest.skipUnless", "@@unittest.skipUnless"),
    "comma between texts with lines at the margin": ('"one", ', '"one" '),
    "arrow of another language": ("-> str", "=> str"),
    "indentation, seen lines later": ("        create(", "create("),
    "bracket that a line begins with": ("    ) -> None", "     -> None"),
    "bracket between two names of which one stands nowhere else": ("one(self", "oneself"),
}


@pytest.mark.parametrize("name", WIDER_BREAKS)
def test_a_fault_is_mended_wherever_its_block_seems_to_end(name):
    old, new = WIDER_BREAKS[name]
    assert WIDER.count(old) == 1
    broken = WIDER.replace(old, new)
    found = syntax.passing(broken, syntax.complaint(broken))
    assert WIDER in [apply(broken, edit) for edit in found]
    for edit in found:
        ast.parse(apply(broken, edit))


MEANT = {  # what people write who come from elsewhere, or slip in ways that are no single piece
    'def double(x):\nreturn 2 * x\n': 'def double(x):\n    return 2 * x\n',
    'if x:\n    a()\nElse:\n    b()\n': 'if x:\n    a()\nelse:\n    b()\n',
    'if x:\n    a()\nelse if y:\n    b()\n': 'if x:\n    a()\nelif y:\n    b()\n',
    'if x:\n    a()\nelse y:\n    b()\n': 'if x:\n    a()\nelif y:\n    b()\n',
    'while x:\n    i++\n': 'while x:\n    i += 1\n',
    'if x => 3:\n    a()\n': 'if x >= 3:\n    a()\n',
    'if x && y:\n    a()\n': 'if x and y:\n    a()\n',
    'for x on xs:\n    a(x)\n': 'for x in xs:\n    a(x)\n',
    'import sqrt from math\n': 'from math import sqrt\n',
    'import numpy a np\n': 'import numpy as np\n',
    'y = x > 3 ? 1 : 2\n': 'y = 1 if x > 3 else 2\n',
    'chmod(path, 0755)\n': 'chmod(path, 0o755)\n',
    "print('It's nice')\n": 'print("It\'s nice")\n',
    'print(“Hello, world”)\n': 'print("Hello, world")\n',
    'read("C:\\Users\\me")\n': 'read(r"C:\\Users\\me")\n',
    'print(f"Hello {name")\n': 'print(f"Hello {name}")\n',
    'print("""Usage:\n  a\n  b)\n': 'print("""Usage:\n  a\n  b""")\n',
    'try:\n    a()\nexcept KeyError, OSError:\n    b()\n': 'try:\n    a()\nexcept (KeyError, OSError):\n    b()\n',
    'def f(a, b\n    return a\n': 'def f(a, b):\n    return a\n',
    'def main:\n    pass\n': 'def main():\n    pass\n',
    'class A:\n    def f self:\n        pass\n': 'class A:\n    def f(self):\n        pass\n',
    '@dataclassfrozen=True)\nclass A:\n    x = 1\n': '@dataclass(frozen=True)\nclass A:\n    x = 1\n',
}  # fmt: skip


@pytest.mark.parametrize("written", MEANT)
def test_what_is_meant_is_among_the_repairs_and_cheap(written):
    found = syntax.passing(written, syntax.complaint(written))
    (meant,) = [edit for edit in found if apply(written, edit) == MEANT[written]]
    assert syntax.slip(written, meant) <= syntax.ADDED + syntax.TOUCHED


def test_what_parses_and_does_not_compile_is_no_repair(uniform):
    text = "class A:\n    def f(self):\n    return 1\n"
    (best, _), *_ = syntax.repairs(*uniform, text)
    compile(apply(text, best), "m.py", "exec")
    finding = fault.find(*uniform, "def add(a, b):\n    total = a + b\nreturn total\n", "m.py")
    assert finding.line == 3 and finding.suggestion.startswith(" ")
    assert finding.message.endswith("Python refuses line 3: 'return' outside function.")


@pytest.mark.parametrize(
    ("text", "line", "then"),
    [
        ("print(“a”)\nprint（1）\n", 1, 2),  # noqa: RUF001
        ('print "a"\nprint "b"\n', 1, 2),
        ("class A:\n    def f(self:\n        return 1\n\n    def g(self)\n        return 2\n", 2, 5),
        ("class A:\n    def f(self)\n        return g(1, 2\n", 2, 3),
    ],
)
def test_of_several_faults_the_first_is_mended_and_the_next_named(uniform, text: str, line: int, then: int):
    finding = fault.find(*uniform, text, "m.py")
    assert finding.line == line and f" With that it stops at line {then}: " in finding.message
    assert finding.suggestion is not None


def test_faults_are_mended_together(uniform):
    text = "print(“a”)\na = 1\nprint（a）\nfor b on c:\n    print(b)\n"  # noqa: RUF001
    edit = syntax.together(*uniform, text)
    assert edit is not None and syntax.complaint(apply(text, edit)) is None
    assert syntax.together(*uniform, "def def def\n((((\n") is None


def test_repairs_that_write_the_same_text_are_one():
    text = 'n = int(input("n: ")\nprint(n)\n'
    written = [apply(text, edit) for edit in syntax.passing(text, syntax.complaint(text))]
    assert len(written) == len(set(written))


def test_code_that_does_not_parse_is_not_called_text():
    for text in ("x = f(1, 2\n", "y = [a for a in b if a else 0]\n", "for x in range(3)\n    f(x)\n"):
        assert not any("#" in edit.replacement for edit in syntax.passing(text, syntax.complaint(text)))
    text = "a = 1\nthis says what happens below\nb = 2\n"
    assert text.replace("this", "# this") in [
        apply(text, edit) for edit in syntax.passing(text, syntax.complaint(text))
    ]


def test_both_places_are_named(uniform):
    text = "value = [1, 2)\n\n\ndef last(rows):\n    total = max(rows\n    return total\n"
    edit = Edit(text.index("\n    return"), text.index("\n    return"), ")", "bracket")
    assert fault.sentence(text, edit) == "`(` of line 5, column 16 is never closed; `)` is missing here"
    finding = fault.find(*uniform, "if True:\n    a = 1\n   b = 2\n", "a.py")
    assert (finding.line, finding.column, finding.end_line, finding.end_column) == (3, 1, 3, 4)
    assert finding.message == (
        "this line is indented by 3, where the code around it asks for 0; "
        "here Python's parser says: unindent does not match any outer indentation level."
    )


def test_a_text_beyond_repair_has_the_parsers_place_alone(uniform):
    finding = fault.find(*uniform, "def def def\n((((\n", "a.py")
    assert (finding.line, finding.suggestion) == (1, None)
    assert finding.message == "Python's parser stops at line 1, column 5: invalid syntax."


def test_a_text_that_parses_has_no_fault(uniform):
    assert fault.find(*uniform, SOUND, "a.py") is None


def test_code_is_never_hidden_in_a_comment():
    broken = SOUND.replace("        return os", "       return os")
    said = syntax.complaint(broken)
    assert not any("#" in edit.replacement for edit in syntax.passing(broken, said))


def test_the_smallest_block_that_holds_the_fault():
    broken = SOUND.replace("print(", "print ")
    part = block.smallest(broken, [16])
    assert broken[part.start : part.end].startswith("    def first")
    assert part.mended(Edit(broken.index("print ") + 5, broken.index("print ") + 6, "("))
    assert not part.mended(Edit(part.start, part.start, ""))


def test_no_block_begins_inside_of_a_text_or_leaves_a_decorator_alone():
    broken = WIDER.replace('"one", ', '"one" ')
    assert block.smallest(broken, [14, 13]) == block.Block(broken, 0, len(broken), False)
    broken = "x = 1\n@mark(\n    one\n    two,\n)\n@other\ndef f():\n    pass\nx = 2\n"
    part = block.smallest(broken, [3])
    assert (part.start, part.end) == (broken.index("@mark"), broken.index("x = 2"))


@pytest.mark.parametrize("text", [SOUND, 'a = \'b\nc = """d', "x\t=\f1\\\n", "\x00é“”", ""])
def test_the_shapes_of_any_text_fill_it(text):
    assert "".join(shape.string for shape in shapes(text)) == text
