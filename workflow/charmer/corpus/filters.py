"""Files that are no code to learn from: generated, minified, or data in the shape of code.

The thresholds are those of The Stack (Kocetkov et al. 2022, arXiv 2211.15533) and StarCoder (Li et al. 2023,
arXiv 2305.06161): longest and mean line, share of letters, headers of generated files; and of The Stack v2 (Lozhkov
et al. 2024, arXiv 2402.19173): runs of encoded data. Each is a knob of the config's `curate` section.

Notable here: The Stack v2's patterns for encoded data read 8 MB/s in Python. Base64 is found instead by mapping its
alphabet to one byte and searching for 64 of them; tables of numbers and of escapes are runs of tokens that were
lexed anyway (`literal_runs`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from charmer.corpus.lexing import Tokens

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NOT_LETTERS = bytes(set(range(256)) - set(LETTERS))
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
BASE64 = LETTERS + b"0123456789+/=\n"
IS_BASE64 = bytes(ord("b") if byte in BASE64 else ord(" ") for byte in range(256))
SHORTEST_RUN = 64  # bytes; a shorter run of encoded data or numbers is ordinary code
COMMENT = re.compile(r"^[ \t]*#(.*)$", re.MULTILINE)
DOCSTRING = re.compile(
    r'(?:\s*#.*\n|\s*\n)*[ru]?["\']{1,3}\s*(?:this (?:file|module|code|script)\s+)?(?:(?:is|was|has been)\s+)?(.*)'
)


@dataclass(frozen=True)
class LiteralRuns:
    """Long runs of literals in each of several files, in bytes: int64[files] each.

    Attributes:
        numbers: the longest run of numbers that nothing but signs interrupts; `escapes` the same of escaped or
            hexadecimal bytes (`\\x41`, `\\u0041`, `0x41`).
        total: of all runs of at least SHORTEST_RUN.
    """

    numbers: np.ndarray
    escapes: np.ndarray
    total: np.ndarray


def literal_runs(tokens: Tokens) -> LiteralRuns:
    """Find the runs of numbers and escapes in files that were lexed."""
    files = len(tokens.bounds) - 1
    at = np.flatnonzero(tokens.words & ~_string_prefixes(tokens))
    of_file = np.repeat(np.arange(files), np.diff(tokens.bounds))[at]
    starts = tokens.starts[at]
    data = tokens.data
    first = data[starts]
    second = data[np.minimum(starts + 1, len(data) - 1)]
    before = data[np.maximum(starts - 1, 0)]
    number = (first >= ord("0")) & (first <= ord("9"))
    escape = (number & (first == ord("0")) & ((second | 0x20) == ord("x"))) | (
        (before == ord("\\")) & np.isin(first, np.frombuffer(b"xuU", dtype=np.uint8))
    )
    key = np.where(escape, 3 * of_file + 2, np.where(number, 3 * of_file + 1, 3 * of_file))
    begins = np.flatnonzero(np.diff(key, prepend=-1))
    ends = np.append(begins[1:], len(key)) - 1
    # The end of a run's last token is not known without a look at it; its begin is near enough.
    spans = starts[ends] - starts[begins] if len(key) else np.zeros(0, dtype=np.int64)
    kind, owner = key[begins] % 3, key[begins] // 3
    long = (kind > 0) & (spans >= SHORTEST_RUN)
    longest = np.zeros((3, files), dtype=np.int64)
    np.maximum.at(longest, (kind[long], owner[long]), spans[long])
    total = np.bincount(owner[long], weights=spans[long], minlength=files).astype(np.int64)
    return LiteralRuns(numbers=longest[1], escapes=longest[2], total=total)


def _string_prefixes(tokens: Tokens) -> np.ndarray:
    """Which tokens are the `b` of `b"…"` and the like: they would cut a table of bytes into its lines."""
    following = tokens.data[np.minimum(tokens.starts + 1, len(tokens.data) - 1)]
    quote = (following == ord("'")) | (following == ord('"'))
    return quote & np.isin(tokens.data[tokens.starts], np.frombuffer(b"bBrRuU", dtype=np.uint8))


def reason(
    text: str, data: bytes, lines: Sequence[int], runs: tuple[int, int, int], settings: dict[str, Any]
) -> tuple[str, str] | None:
    """Why a file leaves, as (reason, detail), or None if it stays.

    Args:
        text: the file's text; `data` is its UTF-8, `lines` the lengths of its lines in characters.
        runs: this file's `numbers`, `escapes` and `total` of LiteralRuns.
        settings: the config's `curate` section.
    """
    if not text.strip():
        return "empty", ""
    if (longest := max(lines)) > settings["max_line_length"]:
        return "long line", f"a line of {longest} characters"
    if (mean := sum(lines) / len(lines)) > settings["mean_line_length"]:
        return "long lines on average", f"{mean:.0f} characters"
    if (letters := share_of_letters(text, data)) < settings["min_letters"]:
        return "few letters", f"{letters:.2f} of the characters"
    if marker := generated_by(text, settings):
        return "generated", marker
    numbers, escapes, total = runs
    encoded, all_encoded = base64_runs(data)
    if max(encoded, escapes) > settings["max_encoded"]:
        return "data", f"{max(encoded, escapes)} characters of encoded data"
    if numbers > settings["max_numbers"]:
        return "data", f"{numbers} characters of numbers"
    if (share := (total + all_encoded) / len(data)) > settings["max_literal_share"]:
        return "data", f"{share:.2f} of the characters in long literals"
    return None


def share_of_letters(text: str, data: bytes) -> float:
    """The share of a text's characters that are letters of any script."""
    letters = len(data.translate(None, NOT_LETTERS))
    if not text.isascii():
        letters += sum(map(str.isalpha, "".join(BEYOND_ASCII.findall(text))))
    return letters / max(len(text), 1)


def base64_runs(data: bytes) -> tuple[int, int]:
    """The longest run of the base64 alphabet (line breaks included) and the sum of all that are long, in bytes."""
    mapped = data.translate(IS_BASE64)
    longest = total = 0
    needle = b"b" * SHORTEST_RUN
    begin = mapped.find(needle)
    while begin >= 0:
        end = mapped.find(b" ", begin)
        end = len(mapped) if end < 0 else end
        # Blank lines and long words are of this alphabet too, but have hardly a digit.
        run = data[begin:end]
        if 10 * sum(map(run.count, b"0123456789")) >= len(run) - run.count(b"\n") and run.count(b"\n") < len(run) / 8:
            longest, total = max(longest, end - begin), total + end - begin
        begin = mapped.find(needle, end)
    return longest, total


def generated_by(text: str, settings: dict[str, Any]) -> str:
    """The marker of generated code in a file's head, or nothing.

    A marker counts in a comment, or as the beginning of the module's docstring ("This file was …" aside); code that
    merely speaks of generated things in its prose stays.
    """
    head = "\n".join(text.split("\n", settings["generated_lines"])[: settings["generated_lines"]]).lower()
    comments = COMMENT.findall(head)
    docstring = DOCSTRING.match(head)
    for marker in settings["generated_markers"]:
        if any(marker in comment for comment in comments) or (docstring and docstring[1].startswith(marker)):
            return marker
    return ""
