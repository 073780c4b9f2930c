"""Broken syntax within a line: brackets, colons, commas, quotes, operators and keywords as people mistype them.

Those that studies of people's errors count most often weigh most: brackets, colons, quotes, keywords (Altadmri and
Brown 2015, "37 million compilations"; for Python, Ahmed et al. 2022, "SynShine", arXiv:2104.14671).
"""

from __future__ import annotations

import keyword
import tokenize
from collections.abc import Iterator
from itertools import pairwise

from charmer.errors.operators.ground import Change, Ground, Operator, Token

OPENING, CLOSING = "([{", ")]}"
MISSPELT = {
    "def": ("fed", "define", "function", "de", "Def", "deff"),
    "class": ("clas", "calss", "Class"),
    "return": ("retrun", "reutrn", "retur", "Return"),
    "import": ("imoprt", "improt", "inport", "Import"),
    "from": ("form", "fron", "From"),
    "elif": ("else if", "elseif", "elsif", "elfi", "eilf"),
    "else": ("esle", "els", "Else"),
    "except": ("excpet", "exept", "catch"),
    "finally": ("finaly", "finnaly"),
    "try": ("tyr", "Try"),
    "while": ("whlie", "wihle", "While"),
    "for": ("fro", "ofr", "For", "foreach"),
    "if": ("fi", "If", "iff"),
    "in": ("ni", "of", "In"),
    "is": ("si", "Is"),
    "not": ("nto", "!", "Not"),
    "and": ("adn", "&&", "And"),
    "or": ("ro", "||", "Or"),
    "with": ("wiht", "whit", "With"),
    "as": ("sa", "As"),
    "lambda": ("lamda", "lamba"),
    "raise": ("rasie", "riase", "throw"),
    "yield": ("yeild", "yiled"),
    "assert": ("asert", "Assert"),
    "async": ("aysnc",),
    "await": ("awiat",),
    "global": ("gloabl",),
    "del": ("delete",),
}
OTHER_LANGUAGES = {
    "!=": ("<>", "=!", "!=="),
    "==": ("===", "= ="),
    "->": ("=>", "-"),
    "+=": ("=+ +", "++"),
    ">=": ("=>",),
}
OTHER_LANGUAGES |= {"<=": ("=<",), ":=": (": =",), "**": ("* *",), "//": ("/ /",), "@": ("@@",)}
AWAITING = ("=", "==", "+", "-", "*", "!=", ".", "<", ">", "+=")  # an expression stands behind these
LOOKALIKES = {"(": "（", ")": "）", ",": "，", ":": "：", "-": "–", "=": "＝", ".": "。"}  # noqa: RUF001


def _signs(source: Ground, *strings: str) -> Iterator[Token]:
    return (token for token in source.tokens if token.type == tokenize.OP and token.string in strings)


def _strings(source: Ground) -> Iterator[tuple[Token, str, int]]:
    """Each string literal with the quotes that it stands in and how long its prefix is; f-strings from Python 3.12 on
    are no single token, and left out."""
    for token in source.tokens:
        if token.type == tokenize.STRING:
            body = token.string.lstrip("rRbBuUfF")
            quotes = body[:3] if body[:3] in ('"""', "'''") else body[:1]
            yield token, quotes, len(token.string) - len(body)


def lost_bracket(source: Ground) -> Iterator[Change]:
    for token in _signs(source, *OPENING, *CLOSING):
        yield token.start, token.end, ""


def extra_bracket(source: Ground) -> Iterator[Change]:
    for token in _signs(source, *OPENING, *CLOSING):
        yield token.end, token.end, token.string


def wrong_bracket(source: Ground) -> Iterator[Change]:
    for token in _signs(source, *OPENING, *CLOSING):
        kinds = OPENING if token.string in OPENING else CLOSING
        for other in kinds.replace(token.string, ""):
            yield token.start, token.end, other


def lost_colon(source: Ground) -> Iterator[Change]:
    for token in _signs(source, ":"):
        yield token.start, token.end, ""


def wrong_colon(source: Ground) -> Iterator[Change]:
    for token in _signs(source, ":"):
        for other in (";", ",", "=", "::", " {"):
            yield token.start, token.end, other


def lost_comma(source: Ground) -> Iterator[Change]:
    for token in _signs(source, ","):
        yield token.start, token.end, ""


def wrong_comma(source: Ground) -> Iterator[Change]:
    for token in _signs(source, ","):
        for other in (",,", ";", ".", ":"):
            yield token.start, token.end, other


def lost_quote(source: Ground) -> Iterator[Change]:
    for token, quotes, prefix in _strings(source):
        yield token.start + prefix, token.start + prefix + len(quotes), ""
        yield token.end - len(quotes), token.end, ""
        if len(quotes) == 3:
            yield token.end - 1, token.end, ""


def wrong_quote(source: Ground) -> Iterator[Change]:
    for token, quotes, prefix in _strings(source):
        other = quotes.translate({ord("'"): '"', ord('"'): "'"})
        yield token.start + prefix, token.start + prefix + len(quotes), other
        yield token.end - len(quotes), token.end, other
        if len(quotes) == 1:
            yield token.start + prefix, token.start + prefix + 1, "“"
            yield token.end - 1, token.end, "”"


def inner_quote(source: Ground) -> Iterator[Change]:
    """The quotes of a string in which the same sign stands, as an apostrophe does; or an escape forgotten."""
    for token, quotes, prefix in _strings(source):
        inside = token.start + prefix + len(quotes), token.end - len(quotes)
        for place in range(*inside):
            if len(quotes) == 1 and source.text[place] == "\\" and source.text[place + 1] == quotes:
                yield place, place + 1, ""
            elif len(quotes) == 1 and source.text[place] in "'\"" and source.text[place - 1] != "\\":
                yield place, place + 1, quotes


def misspelt_keyword(source: Ground) -> Iterator[Change]:
    for token in source.tokens:
        if token.type == tokenize.NAME:
            for other in MISSPELT.get(token.string, ()):
                yield token.start, token.end, other


def lost_keyword(source: Ground) -> Iterator[Change]:
    for token, after in pairwise(source.tokens):
        if token.string in MISSPELT and token.type == tokenize.NAME:
            yield token.start, max(token.end, min(after.start, token.end + 1)), ""


def keyword_as_name(source: Ground) -> Iterator[Change]:
    for token in source.tokens:
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            near = {"cls": "class", "klass": "class", "lambda_": "lambda", "pattern": "with", "source": "from"}
            yield token.start, token.end, near.get(token.string, token.string.rstrip("_"))
            if token.string in near:
                continue
            for word in ("class", "from", "in", "is", "global", "pass", "import", "del"):
                if token.string[0] == word[0]:
                    yield token.start, token.end, word


def assigned_condition(source: Ground) -> Iterator[Change]:
    """`=` where `==` is meant, and the other way round."""
    for token in _signs(source, "==", "="):
        yield token.start, token.end, "=" if token.string == "==" else "=="


def foreign_operator(source: Ground) -> Iterator[Change]:
    """Signs of other languages, and signs that a blank has cut in two."""
    for token in _signs(source, *OTHER_LANGUAGES):
        for other in OTHER_LANGUAGES[token.string]:
            yield token.start, token.end, other


def lost_operator(source: Ground) -> Iterator[Change]:
    for token in _signs(source, "+", "-", "*", "/", "==", "!=", "<", ">", "<=", ">=", "=", "%", "|", "&", "."):
        yield token.start, token.end, " " if token.string == "." else ""


def lost_operand(source: Ground) -> Iterator[Change]:
    """A name or value after an operator, not yet written."""
    for before, token in pairwise(source.tokens):
        if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING) and before.string in AWAITING:
            yield token.start, token.end, ""


def doubled_word(source: Ground) -> Iterator[Change]:
    for token in source.tokens:
        if token.type in (tokenize.NAME, tokenize.NUMBER):
            yield token.end, token.end, f" {token.string}"
        elif token.string in (".", "=", "+", "*"):
            yield token.end, token.end, token.string


def lookalike(source: Ground) -> Iterator[Change]:
    """Signs that look like Python's, from a word processor or another keyboard."""
    for token in _signs(source, *LOOKALIKES):
        yield token.start, token.end, LOOKALIKES[token.string]
    for before, after in pairwise(source.tokens):
        if source.text[before.end : after.start] == " ":
            yield before.end, after.start, "\u00a0"


def bad_number(source: Ground) -> Iterator[Change]:
    for token in source.tokens:
        if token.type == tokenize.NUMBER and token.string.isdecimal():
            yield token.start, token.end, f"0{token.string}"
            yield token.start, token.end, f"{token.string}px"
        elif token.type == tokenize.NAME and len(token.string) > 2 and not keyword.iskeyword(token.string):
            yield token.start, token.start, "2"
            if "_" in token.string[1:-1]:
                yield token.start, token.end, token.string.replace("_", "-" if token.string[0] != "_" else " ")


def python_2(source: Ground) -> Iterator[Change]:
    """Statements as the Python before this one had them."""
    for one, two, three in zip(source.tokens, source.tokens[1:], source.tokens[2:], strict=False):
        if one.string == "print" and two.string == "(":
            line = source.line_of(one.start)
            last = source.lines[line - 1].rstrip()
            end = source.line_start(line) + len(last)
            if last.endswith(")"):
                yield one.start, end, f"print {source.text[two.end : end - 1]}"
        elif one.string == "except" and three.string == "as":
            yield two.end, three.end, ","
        elif one.string == "raise" and three.string == "(" and two.type == tokenize.NAME:
            line = source.line_of(one.start)
            last = source.lines[line - 1].rstrip()
            end = source.line_start(line) + len(last)
            if last.endswith(")"):
                yield two.end, end, f", {source.text[three.end : end - 1]}"
        elif one.type == tokenize.NUMBER and one.string.isdecimal() and one.string != "0":
            yield one.end, one.end, "L"


OPERATORS = (
    Operator("lost-bracket", "syntax", "a bracket forgotten", lost_bracket, 4),
    Operator("extra-bracket", "syntax", "a bracket too many", extra_bracket, 2),
    Operator("wrong-bracket", "syntax", "a bracket of another kind", wrong_bracket, 2),
    Operator("lost-colon", "syntax", "a colon forgotten", lost_colon, 3),
    Operator("wrong-colon", "syntax", "another sign for a colon", wrong_colon),
    Operator("lost-comma", "syntax", "a comma forgotten", lost_comma, 3),
    Operator("wrong-comma", "syntax", "another sign for a comma, or two", wrong_comma),
    Operator("lost-quote", "syntax", "a quote forgotten", lost_quote, 3),
    Operator("wrong-quote", "syntax", "quotes that do not match", wrong_quote, 2),
    Operator("inner-quote", "syntax", "the string's own quote inside of it", inner_quote),
    Operator("misspelt-keyword", "syntax", "a keyword misspelt, or another language's", misspelt_keyword, 3),
    Operator("lost-keyword", "syntax", "a keyword forgotten", lost_keyword),
    Operator("keyword-as-name", "syntax", "a keyword used as a name", keyword_as_name),
    Operator("assigned-condition", "syntax", "`=` for `==`, or the other way round", assigned_condition, 2),
    Operator("foreign-operator", "syntax", "another language's operator, or one cut in two", foreign_operator),
    Operator("lost-operator", "syntax", "an operator forgotten", lost_operator),
    Operator("lost-operand", "syntax", "an expression left unfinished", lost_operand, 2),
    Operator("doubled-word", "syntax", "a word or sign written twice", doubled_word),
    Operator("lookalike", "syntax", "a sign that only looks like Python's", lookalike),
    Operator("bad-number", "syntax", "a number or name with a wrong sign", bad_number),
    Operator("python-2", "syntax", "a statement of Python 2", python_2),
)
