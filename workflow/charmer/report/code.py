"""Code on a page: colored by kind of token, or by how much it surprised the model; and names that may be broken.

The text comes from corpora and from models, so it is hostile: every character of it passes through `escape`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from markupsafe import Markup, escape

from charmer.evaluation.support.kinds import KINDS, character_kinds

SURPRISE = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)  # bits per character above which a deeper shade begins


def highlight(prompt: str, completion: str) -> Markup:
    """Prompt and completion as one piece of code; what the model wrote is told apart from what it was given."""
    kinds = character_kinds(prompt + completion)
    return Markup('<span class="given">{}</span>{}').format(
        _spans(prompt, kinds[: len(prompt)]), _spans(completion, kinds[len(prompt) :])
    )


def _spans(text: str, kinds: Iterable[int]) -> Markup:
    parts = []
    for kind, group in groupby(zip(text, kinds, strict=True), key=lambda pair: int(pair[1])):
        piece = escape("".join(character for character, _ in group))
        name = KINDS[kind]
        plain = name in ("whitespace", "other", "operator")
        parts.append(piece if plain else Markup('<span class="{}">{}</span>').format(name, piece))
    return Markup("").join(parts)


def breakable(name: str) -> Markup:
    """A dotted name that may end a line behind a dot or an underscore, and is copied as it stands."""
    return escape(name).replace(".", Markup(".<wbr>")).replace("_", Markup("_<wbr>"))


def surprise(pieces: Iterable[tuple[str, float]]) -> Markup:
    """Pieces of text with the bits that each cost, shaded by bits per character; the tooltip says token and bits."""
    parts = []
    for text, bits in pieces:
        shade = sum(bits / max(len(text), 1) >= limit for limit in SURPRISE)
        token = text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "·")
        parts.append(Markup('<span class="s{}" title="{}">{}</span>').format(shade, f"{token}  {bits:.1f} bits", text))
    return Markup("").join(parts)
