"""What a model is bad at, in plain words, and from its own figures where there are any.

A figure is named in the sentence, so that a better model is told about better; a sentence whose metric is a gap says
less, and none is left out because its figure looks good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from charmer.report import numbers
from charmer.report.inputs import Rows, pick

ENDED, ALONE = "to the line's end", "to the line's end, left to right"  # of the lines that fill_in_the_middle asks for
WITH_CACHE = "with n-gram cache"  # of what bits_per_byte measures
NEVER = (
    "Running what it writes without reading it: it knows no intent, and a program that runs may do anything.",
    "Deciding alone: a review, a security check, a grade, a judgement about whoever wrote a piece of code.",
    "Code on which safety, health, money or somebody's rights depend.",
    "Answering questions or following instructions: it goes on with code, and was trained for nothing else.",
    "Other languages than Python, and text that is no code.",
)


def bad_at(tables: Mapping[str, Rows], context: int, bytes_per_token: float | None) -> Iterator[str]:
    """Sentences, the gravest first.

    Args:
        tables: rows by metric, empty for a gap.
        context: tokens that the model sees at once.
        bytes_per_token: of its vocabulary on Python.
    """
    yield _right(tables)
    yield _form(tables)
    room = f", some {numbers.size(context * bytes_per_token)} of code" if bytes_per_token else ""
    unseen = f"What stands further back than {context:,} tokens{room}, and in other files,"
    if pick(tables.get("bits_per_byte", []), WITH_CACHE) is None:
        yield f"{unseen} it does not see."
    else:
        yield f"{unseen} its network does not see; its n-gram cache counts which tokens follow one another there."
    yield _lines(tables)
    yield _middles(tables)
    yield _bugs(tables)
    yield _recites(tables)
    yield (
        "It learned from packages of a few dozen projects, as they were at one time: their habits and their interfaces "
        "come through, and what is newer it cannot know."
    )


def _share(tables: Mapping[str, Rows], metric: str, which: str) -> str | None:
    row = pick(tables.get(metric, []), which)
    return None if row is None else numbers.number(row["value"], "share")


def _right(tables: Mapping[str, Rows]) -> str:
    own, theirs = _share(tables, "synthesis", "pass@1"), _share(tables, "humaneval", "pass@1")
    told = [f"{value} of {what}" for value, what in ((own, "our own small problems"), (theirs, "HumanEval's")) if value]
    if not told:
        return "Whether the functions that it writes do what is asked was not measured; take it that they do not."
    return f"Its functions seldom do what is asked: at one try it solves {' and '.join(told)}."


def _form(tables: Mapping[str, Rows]) -> str:
    compiles, names = _share(tables, "parses", "compiles"), _share(tables, "parses", "names exist")
    if compiles is None or names is None:
        return "It invents names, and what it writes need not be Python."
    return (
        f"It invents names: of the functions that it writes {compiles} compile, and {names} use only names that exist. "
        "`charmer complete --only-valid` keeps to what can still become Python."
    )


def _lines(tables: Mapping[str, Rows]) -> str:
    exact, saved = (
        _share(tables, "line_completion", "exact match"),
        _share(tables, "characters_saved", "characters saved"),
    )
    if exact is None:
        return "How often its suggestions are right was not measured."
    beside = (
        f"; taken where they are right to the end of the line, they save {saved} of the keystrokes" if saved else ""
    )
    return f"Of the rest of a line it is right about {exact} of the time{beside}."


def _middles(tables: Mapping[str, Rows]) -> str:
    line, body = (_share(tables, "fill_in_the_middle", f"exact match, {kind}") for kind in ("line", "body"))
    if line is None or body is None:
        return "It was not measured filling in what is missing between two pieces of code."
    whole = f"Filling in the middle, it finds {line} of missing lines and {body} of missing bodies word for word"
    ended, alone = (_share(tables, "fill_in_the_middle", f"exact match, line, {how}") for how in (ENDED, ALONE))
    if ended is None or alone is None:
        return f"{whole}."
    return f"{whole}; stopped at the line's end, as an editor does, {ended}, and {alone} without the text behind it."


def fills_in(tables: Mapping[str, Rows]) -> bool:
    """Whether the text behind a gap helps it: more lines are found than from left to right."""
    ended, alone = (pick(tables.get("fill_in_the_middle", []), f"exact match, line, {how}") for how in (ENDED, ALONE))
    return ended is not None and alone is not None and ended["value"] > alone["value"]


def _bugs(tables: Mapping[str, Rows]) -> str:
    first, alarms = (
        _share(tables, "bug_finding", "line first, at default precision"),
        pick(tables.get("false_alarms", []), "per 500 lines"),
    )
    if first is None:
        return "How well `charmer check` finds bugs in code that parses was not measured."
    beside = f", and raises {alarms['value']:.2g} false alarms in 500 lines" if alarms else ""
    return f"`charmer check` points first to the right line for {first} of bugs put into whole files{beside}."


def _recites(tables: Mapping[str, Rows]) -> str:
    row = pick(tables.get("memorisation", []), "extracted, training files")
    if row is None:
        return "Whether it can be made to recite its training text was not measured; it may."
    count = round(row["value"] * row["cases"])
    beside = "" if row["high"] is None else f" (up to {numbers.number(row['high'], 'share')} by its interval)"
    return (
        f"It can recite: given the beginning, it went on word for word with {count} of {row['cases']} passages of "
        f"training files{beside}. NOTICE.md names the licences of what it read."
    )


def doctors_words(verdicts: list[Any]) -> list[str]:
    """What the doctor found, a sentence a failure; empty where it judged nothing."""
    words = []
    for verdict in verdicts:
        signs = "; ".join(sign["says"] for sign in verdict.signs if sign["found"])
        words.append(f"{verdict.title}: {verdict.state}{f' ({signs})' if signs else ''}.")
    return words
