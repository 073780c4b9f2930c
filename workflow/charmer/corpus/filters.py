"""Files that are no code to learn from: generated, minified, or data in the shape of code.

The thresholds are those of The Stack (Kocetkov et al. 2022, arXiv 2211.15533) and StarCoder (Li et al. 2023,
arXiv 2305.06161): longest and mean line, share of letters; the patterns of encoded data are those of The Stack v2
(Lozhkov et al. 2024, arXiv 2402.19173). Each is a knob of the config's `curate` section.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

NOT_LETTERS = bytes(set(range(256)) - set(range(ord("A"), ord("Z") + 1)) - set(range(ord("a"), ord("z") + 1)))

ENCODED = re.compile(
    r"[A-Za-z0-9+/=\n]{64,}"  # base64
    r"|(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}"  # hexadecimal bytes
    r"|(?:\\u[0-9a-fA-F]{4}){8,}"  # escaped characters
)
NUMBERS = re.compile(r"(?:[-+]?\b[0-9][0-9A-Za-z_.]*\s*[,;()\[\]]+\s*){64,}")


def reason(text: str, data: bytes, lines: Sequence[int], settings: dict[str, Any]) -> tuple[str, str] | None:
    """Why a file leaves, as (reason, detail), or None if it stays.

    Args:
        text: the file's text; `data` is its UTF-8, `lines` the lengths of its lines in characters.
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
    if detail := long_literal(text, settings):
        return "data", detail
    return None


def share_of_letters(text: str, data: bytes) -> float:
    """The share of a text's characters that are letters of any script."""
    letters = len(data.translate(None, NOT_LETTERS))
    if not text.isascii():
        letters += sum(map(str.isalpha, filter(_beyond_ascii, text)))
    return letters / max(len(text), 1)


def _beyond_ascii(character: str) -> bool:
    return character > "\x7f"


def generated_by(text: str, settings: dict[str, Any]) -> str:
    """The marker of generated code that stands in a comment or docstring of the file's head, or nothing."""
    head = "\n".join(text.split("\n", settings["generated_lines"])[: settings["generated_lines"]]).lower()
    for marker in settings["generated_markers"]:
        if marker in head:
            return marker
    return ""


def long_literal(text: str, settings: dict[str, Any]) -> str:
    """What makes a file data: one long run of encoded bytes or numbers, or too large a share of them."""
    total = 0
    for pattern, what in ((ENCODED, "encoded data"), (NUMBERS, "numbers")):
        for match in pattern.finditer(text):
            size = match.end() - match.start()
            if size > settings["max_literal"]:
                return f"{size} characters of {what}"
            total += size
    if total > settings["max_literal_share"] * len(text):
        return f"{total / len(text):.2f} of the characters in literals"
    return ""
