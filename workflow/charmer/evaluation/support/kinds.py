"""What kind of Python token each byte of a source text belongs to.

Notable here:
- Python's own tokenizer decides, so the kinds are the language's and not a highlighter's opinion.
- An f-string is a string from its first quote to its last, on every version of Python: 3.12 began to tokenize what
  stands inside the braces, and figures must not change with the interpreter.
- Text that does not tokenize to its end (old syntax, a fragment) keeps the kinds up to there; the rest is "other".
"""

from __future__ import annotations

import io
import keyword
import tokenize

import numpy as np

KINDS = ("whitespace", "keyword", "identifier", "string", "comment", "number", "operator", "other")
WHITESPACE, KEYWORD, IDENTIFIER, STRING, COMMENT, NUMBER, OPERATOR, OTHER = range(len(KINDS))

_BLANKS = [ord(character) for character in " \t\n\r\f"]
_SIMPLE = {
    tokenize.STRING: STRING,
    tokenize.COMMENT: COMMENT,
    tokenize.NUMBER: NUMBER,
    tokenize.OP: OPERATOR,
}
_OPENS = {getattr(tokenize, name) for name in ("FSTRING_START", "TSTRING_START") if hasattr(tokenize, name)}
_CLOSES = {getattr(tokenize, name) for name in ("FSTRING_END", "TSTRING_END") if hasattr(tokenize, name)}


def byte_kinds(text: str) -> np.ndarray:
    """The kind (an index into `KINDS`) of every UTF-8 byte of `text`: uint8[bytes]."""
    kinds = character_kinds(text)
    if text.isascii():
        return kinds
    codes = _codes(text)
    return np.repeat(kinds, 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000))


def _codes(text: str) -> np.ndarray:
    """The code point of every character: uint32[characters]."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def character_kinds(text: str) -> np.ndarray:
    """The kind (an index into `KINDS`) of every character of `text`: uint8[characters]."""
    kinds = np.full(len(text), OTHER, dtype=np.uint8)
    kinds[np.isin(_codes(text), _BLANKS)] = WHITESPACE
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def offset(place: tuple[int, int]) -> int:
        row, column = place
        return min(starts[min(row - 1, len(starts) - 1)] + column, len(text))

    depth, opened = 0, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if token.type in _OPENS:
                opened = offset(token.start) if depth == 0 else opened
                depth += 1
            elif token.type in _CLOSES:
                depth -= 1
                if depth == 0:
                    kinds[opened : offset(token.end)] = STRING
            elif depth:
                continue
            elif token.type == tokenize.NAME:
                kind = KEYWORD if keyword.iskeyword(token.string) else IDENTIFIER
                kinds[offset(token.start) : offset(token.end)] = kind
            elif token.type in _SIMPLE:
                kinds[offset(token.start) : offset(token.end)] = _SIMPLE[token.type]
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # what follows keeps "other"; the docstring of this module says so
    return kinds


def token_kinds(kinds: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The kind of each of the model's tokens, given the kind of every byte and the tokens' lengths in bytes.

    A vocabulary's tokens may begin with blanks (" return"), so a token counts as what its first byte that is not
    whitespace is, and as whitespace only when it is nothing else.

    Args:
        kinds: uint8[bytes].
        lengths: int[tokens], summing to the number of bytes.

    Returns: uint8[tokens].
    """
    ends = np.cumsum(lengths)
    places = np.where(kinds != WHITESPACE, np.arange(len(kinds)), len(kinds))
    following = np.append(np.minimum.accumulate(places[::-1])[::-1], len(kinds))
    first = following[np.minimum(ends - lengths, len(kinds))]
    padded = np.append(kinds, WHITESPACE).astype(np.uint8)
    return np.where(first < ends, padded[np.minimum(first, len(kinds))], WHITESPACE).astype(np.uint8)
