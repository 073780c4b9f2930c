"""Characters saved: the share of a file that an editor's gray suggestion would have typed.

A person types held-out lines character by character. After each one the model suggests the rest of the line; as soon as
a suggestion is the whole rest, Tab takes it, which costs one keystroke. Nothing less is taken.

Notable here:
- While a person types along a suggestion it stays as it is, as in an editor. The model is asked again only when a
  typed character departs from it, a few times a line instead of once a character.
- What a suggestion says behind the point where it departs from the line is never looked at, so writing ends there.
- The prompt is healed (see `inference.healing`), because most places inside a line are inside a word.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.evaluation.support import heldout, subject
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row, table
from charmer.inference.generate import generate
from charmer.inference.healing import healed
from charmer.model.network import Transformer
from charmer.tokens.shards import batches as read_shards
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_shards",)
ROWS = 32  # lines that are asked about at once
BEFORE = 12  # characters of text that are read for each token of the prompt: more than tokens have
EXAMPLES = 20


@dataclass
class Line:
    """A line that is being typed.

    Attributes:
        before: the file's text before it, its end at least.
        text: the line, without its newline.
        typed: how many characters of it stand there, typed by hand.
        saved: keystrokes that a suggestion saved; None as long as none was taken.
    """

    path: str
    before: str
    text: str
    typed: int = 0
    saved: int | None = None

    @property
    def open(self) -> bool:
        """Whether a suggestion could still save something: two characters for one Tab."""
        return self.saved is None and self.typed < len(self.text) - 1


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "characters saved" (of all, newlines and blank lines counted), "lines finished" by a suggestion (of those
    with text), and "asked for each line" (how often the model had to write).

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: lines; max_tokens of a suggestion; context_tokens that the model reads before the line's end.
        threads: of the CPU.

    The detail of "characters saved" holds the first lines with text: what was typed, and what the suggestion added.

    Raises:
        Failure: the test split holds no line.
    """
    network, tokenizer = subject.load(model, threads)
    room = min(settings["context_tokens"], max(network.config.context_length - settings["max_tokens"], 1))
    lines = held_out(data["test_shards"], settings["lines"], BEFORE * room)
    asked = 0
    with Progress("characters saved", sum(line.open for line in lines), "line") as progress:
        while todo := [line for line in lines if line.open]:
            for first in range(0, len(todo), ROWS):
                part = todo[first : first + ROWS]
                ask(network, tokenizer, part, room, settings["max_tokens"])
                asked += len(part)
                progress.advance(sum(not line.open for line in part))
    return table("characters_saved", rows(lines, asked))


def held_out(shards: Path, count: int, reach: int) -> list[Line]:
    """`count` lines of a fixed random order, with at least `reach` characters (or all) before each.

    No file gives a second line before all have given one; a file's lines come in a random order.

    Raises:
        Failure: the split holds no line.
    """
    documents = [
        row for batch in read_shards(shards, ["text", "source", "package", "path"]) for row in batch.to_pylist()
    ]
    documents.sort(key=lambda row: heldout.order(row["source"], row["package"], row["path"]))
    cut = [row["text"].removesuffix("\n").split("\n") for row in documents]
    places = sorted(
        (rank, number, place)
        for number, (row, lines) in enumerate(zip(documents, cut, strict=True))
        for rank, place in enumerate(_shuffled(row["path"], len(lines))[:count])
    )[:count]
    if not places:
        raise Failure(f"{shards}: holds no line that could be typed; add sources to the corpus")
    found = []
    for _, number, place in places:
        start = sum(len(line) + 1 for line in cut[number][:place])
        before = documents[number]["text"][max(start - reach, 0) : start]
        found.append(Line(documents[number]["path"], before, cut[number][place]))
    return found


def _shuffled(path: str, count: int) -> list[int]:
    """The numbers below `count` in an order that depends on nothing but the place in the corpus."""
    seed = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).permutation(count).tolist()


def ask(network: Transformer, tokenizer: Tokenizer, lines: list[Line], room: int, max_tokens: int) -> None:
    """Suggest the rest of each line, and type on until the next suggestion is due or one was taken."""
    prompts = [healed(tokenizer, line.before + line.text[: line.typed]) for line in lines]
    rests = [line.text[line.typed :].encode() for line in lines]

    def suggested(row: int, tokens: list[int]) -> bytes:
        return tokenizer.decode_bytes(tokens)[len(prompts[row].begin) :]

    def departed(row: int, tokens: list[int]) -> bool:
        return not rests[row].startswith(suggested(row, tokens))

    outputs = generate(
        network,
        tokenizer,
        [[*([tokenizer.eof] if len(prompt.tokens) < room else []), *prompt.tokens][-room:] for prompt in prompts],
        max_tokens=max_tokens,
        begins=[prompt.begin for prompt in prompts],
        until=departed,
    )
    for row, (line, tokens) in enumerate(zip(lines, outputs, strict=True)):
        suggestion, newline, _ = suggested(row, tokens).partition(b"\n")
        if suggestion == rests[row] and (newline or len(tokens) < max_tokens):
            line.saved = len(line.text) - line.typed - 1
        else:
            pairs = zip(suggestion, rests[row], strict=False)
            same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
            line.typed += len(rests[row][:same].decode("utf-8", errors="ignore")) + 1


def rows(lines: list[Line], asked: int) -> list[Row]:
    """The table's rows for lines that were typed."""
    saved = np.array([line.saved or 0 for line in lines])
    size = np.array([len(line.text) + 1 for line in lines])
    shown = [line for line in lines if line.text.strip()]
    finished = sum(line.saved is not None for line in shown)
    examples = [
        {"before": line.text[: line.typed], "rest": line.text[line.typed :], "path": line.path}
        | {"guess": "" if line.saved is None else line.text[line.typed :]}
        for line in shown[:EXAMPLES]
    ]
    found = [
        Row("characters saved", saved.sum() / size.sum(), bootstrap_ratio(saved, size), len(lines), "share"),
        Row("lines finished", finished / max(len(shown), 1), wilson(finished, len(shown)), len(shown), "share"),
        Row("asked for each line", asked / max(len(shown), 1), None, len(shown), "times"),
    ]
    return [replace(found[0], detail={"examples": examples}), *found[1:]]
