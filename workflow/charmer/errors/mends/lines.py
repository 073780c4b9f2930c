"""Whole lines: further in or out, joined, split, without a body, pasted with marks, or of Python 2."""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
from collections.abc import Iterator

from charmer.errors.mends.near import Change, Near, parses_alone

PASTED = re.compile(
    r"""(?P<mark>[ \t]*(?:>>>|\.\.\.|In\ \[\d*\]:|Out\[\d*\]:|\$|>|[+-]|\d+(?:[:.|]|(?=[ \t])))[ \t]?)(?P<rest>[^\n]*)
    |(?P<line>[ \t]*(?:```\w*|<{7}[^\n]*|={7}|>{7}[^\n]*)[ \t]*\n?)""",
    re.VERBOSE,
)


CODE = re.compile(  # what no sentence has
    rf"""[=\[{{}}\]@\\“”]|\w\(|[(,]\s*$|["'][^"'\n]*["'][),]|^\s*(?:{"|".join(sorted(keyword.kwlist))})\b.*:\s*(?:\#|$)
    |^\s*(?:def|class|import|return|elif|else|assert|del|global|raise|yield)\b""",
    re.VERBOSE,
)


def indentation(near: Near) -> Iterator[Change]:
    """A line, or a line with what follows it, further in or out; a tab for blanks."""
    for line in near.lines:
        start, blanks = near.starts[line - 1], near.blanks(line)
        around = {near.blanks(other) for other in range(max(line - 12, 1), min(line + 6, len(near.rows)) + 1)}
        around |= {blanks + "    ", blanks[:-4], blanks.expandtabs(8), blanks.expandtabs(4)}
        around |= {one + "    " for one in list(around)}
        for other in sorted(around - {blanks}, key=lambda one: (abs(len(one) - len(blanks)), one)):
            yield start, start + len(blanks), other
        deeper = line
        while deeper < len(near.rows) and (not near.rows[deeper].strip() or len(near.blanks(deeper + 1)) > len(blanks)):
            deeper += 1
        if deeper > line:
            for step in (4, 2, 1):
                part = near.rows[line - 1 : deeper]
                end = near.starts[deeper] - 1
                yield start, end, "\n".join(" " * step + row if row.strip() else row for row in part)
                if all(not row.strip() or row.startswith(" " * step) for row in part):
                    yield start, end, "\n".join(row[step:] for row in part)


def joined(near: Near) -> Iterator[Change]:
    """Lines that are one, or two in one."""
    for line in near.lines:
        if line < len(near.rows):
            end = near.starts[line] - 1
            behind = near.starts[line] + len(near.blanks(line + 1))
            for between in (" ", "", " \\\n" + near.blanks(line + 1), "\\\n" + near.blanks(line + 1)):
                yield len(near.text[:end].rstrip(" \t")), behind, between
            if near.rows[line - 1].rstrip().endswith("\\"):
                place = near.starts[line - 1] + near.rows[line - 1].rindex("\\")
                yield place + 1, end, ""
                yield place, place + 1, ""
        blanks = near.blanks(line)
        for one, two in itertools.pairwise(near.on(line)):
            if near.text[one.end : two.start].strip():
                continue
            for other in dict.fromkeys((blanks, blanks + "    ", blanks[:-4], blanks[:-8])):
                yield one.end, two.start, f"\n{other}"


def body(near: Near) -> Iterator[Change]:
    """A block without a body."""
    for line in near.lines:
        row = near.rows[line - 1]
        if row.split("#")[0].rstrip().endswith(":"):
            yield near.starts[line] - 1, near.starts[line] - 1, f"\n{near.blanks(line)}    pass"


def pasted(near: Near) -> Iterator[Change]:
    """Prompts, marks of comparisons and numbers of lines that were pasted with the code; text that is a comment."""
    for line in near.lines:
        start = near.starts[line - 1]
        found = PASTED.match(near.text, start)
        if found is not None and found["line"]:
            yield start, found.end(), ""
        elif found is not None:
            yield start, found.end("mark"), ""
            yield start, start + len(found["mark"].rstrip(" \t")), ""
            yield start + len(near.blanks(line)), found.end("mark"), ""
            yield start, found.end("mark"), near.blanks(line)
            yield from _session(near, line)
        row = near.rows[line - 1]
        if _prose(row) and not parses_alone(row):
            place = start + len(near.blanks(line))
            yield place, place, "# "
        for shape in near.on(line)[1:]:  # a comment behind code that lost its sign
            if shape.kind == "name" and near.text[shape.start - 2 : shape.start] == "  ":
                yield shape.start, shape.start, "# "


def _prose(row: str) -> bool:
    """Whether a line reads like a sentence: code that does not parse may not be lost to a comment either."""
    words = row.split()
    plain = sum(word.strip(".,:;!?()'\"`").isalpha() for word in words)
    return len(words) > 1 and plain * 2 > len(words) and not CODE.search(row)


def _session(near: Near, line: int) -> Iterator[Change]:
    """Neighbours that all begin with a prompt lose theirs together."""
    prompt = re.compile(r"[ \t]*(?:>>>|\.\.\.|[+>]|\d+[:.|]?)(?: |$)")
    first = last = line
    while first > 1 and prompt.match(near.rows[first - 2]):
        first -= 1
    while last < len(near.rows) and prompt.match(near.rows[last]):
        last += 1
    if first < last:
        start, end = near.starts[first - 1], near.starts[last] - 1
        yield start, end, "\n".join(prompt.sub("", row, count=1) for row in near.rows[first - 1 : last])


def python_2(near: Near) -> Iterator[Change]:
    """Statements of the Python before this one."""
    for line in near.lines:
        start, row = near.starts[line - 1], near.rows[line - 1]
        for pattern, form in (
            (r"(?P<a>\bprint)[ \t]+(?P<b>[^(\n#].*?|\(.*?)(?=[ \t]*(?:;|#|$))", "{a}({b})"),
            (r"(?P<a>\bexcept\b[^,:\n]*|\bexcept[ \t]*\([^)\n]*\)),[ \t]*(?P<b>\w+)", "{a} as {b}"),
            (r"(?P<a>\braise[ \t]+[\w.]+)[ \t]*,[ \t]*(?P<b>[^#\n]*[^#\s])", "{a}({b})"),
            (r"(?P<a>\bexec)[ \t]+(?P<b>[^(\n#]+)", "{a}({b})"),
            (r"`(?P<a>)(?P<b>[^`\n]+)`", "repr({b})"),
        ):
            for found in re.finditer(pattern, row):
                if form == "{a} as {b}" and found["b"] in dir(builtins):  # a second exception
                    kind, first = found["a"].split(maxsplit=1)
                    yield start + found.start(), start + found.end(), f"{kind} ({first}, {found['b']})"
                    continue
                yield start + found.start(), start + found.end(), form.format(a=found["a"], b=found["b"])
