"""Lines and ends of lines that the model itself writes at suspicious places: what no list of edits would think of.

Notable here: a model that learned to fill in the middle reads what stands behind the place; any other one reads what
stands before it. Either way its text ends with the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit
from charmer.inference import context
from charmer.inference.generate import generate
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

KIND = "infill"
SAMPLES = 3  # texts for each place
MAX_TOKENS = 32
TEMPERATURE = 0.8
BEHIND = re.compile(r"(?:^\s*(?:return|if|elif|while|yield|await|raise|for|with)\b|(?<![=!<>])=(?!=)|\()\s*")


def infilled(
    model: Transformer, tokenizer: Tokenizer, source: Source, lines: Sequence[int], middle: bool, seed: int = 0
) -> list[Edit]:
    """Edits that put what the model writes in the place of a line, of its end, or before it.

    Args:
        lines: by number, the most suspicious first.
        middle: whether the model learned to fill in the middle.
    """
    places = [place for line in lines for place in _places(source, line)]
    room = model.config.context_length - MAX_TOKENS
    prompts = [
        context.around(tokenizer, source.text[:start], source.text[end:] if middle else "", room, (), True)
        for start, end in places
    ]
    rows = [(place, prompt) for place, prompt in zip(places, prompts, strict=True) for _ in range(SAMPLES)]

    def ended(row: int, tokens: list[int]) -> bool:
        return b"\n" in tokenizer.token_bytes(tokens[-1])

    written = generate(
        model,
        tokenizer,
        [prompt.tokens for _, prompt in rows],
        max_tokens=MAX_TOKENS,
        temperature=TEMPERATURE,
        seed=seed,
        begins=[prompt.begin for _, prompt in rows],
        until=ended,
    )
    found: dict[Edit, None] = {}
    for ((start, end), prompt), tokens in zip(rows, written, strict=True):
        data = b"".join(tokenizer.token_bytes(token) for token in tokens)[len(prompt.begin) :]
        line = data.decode("utf-8", "ignore").lstrip("\n").partition("\n")[0].rstrip()
        if line.strip():
            inserted = start == end
            blanks = source.text[source.text.rfind("\n", 0, start) + 1 : start]
            found[Edit(start, end, f"{line}\n{blanks}" if inserted else line, KIND)] = None
    return [edit for edit in found if source.text[edit.start : edit.end] != edit.replacement]


def _places(source: Source, line: int) -> list[tuple[int, int]]:
    """The places of a line at which something is written: before it, instead of it, and behind its openings."""
    start, text = source.line_start(line), source.lines[line - 1]
    code = text.rstrip()
    if not code.strip() or code.strip().startswith(("#", "@", "def ", "class ", "import ", "from ")):
        return []
    first, end = start + len(text) - len(text.lstrip()), start + len(code)
    openings = [start + match.end() for match in BEHIND.finditer(code) if match.end() < len(code)]
    return [(first, first), (first, end), *((opening, end) for opening in openings[:2])]
