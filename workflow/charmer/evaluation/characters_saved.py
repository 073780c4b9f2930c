"""Characters saved: the share of a file that an editor's gray suggestion would have typed.

A person types held-out lines character by character. After each one the model is asked for the rest of the line; as
soon as a suggestion is the whole rest, Tab takes it, which costs one keystroke. Nothing less is taken.

Notable here:
- All places of a line are asked about side by side, since what is suggested at one depends on nothing but the text
  before it; the first at which the whole rest is suggested is where Tab is pressed. Their prompts begin alike.
- What a suggestion says behind the point where it departs from the line is never looked at, so writing ends there.
- The prompt is healed (see `inference.healing`), because most places inside a line are inside a word. The n-gram cache
  counts the file up to the cursor.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.evaluation.support import heldout, subject, writing
from charmer.evaluation.support.cases import case_id, ratio, share
from charmer.evaluation.support.table import Row, table
from charmer.inference import context, ngram_cache
from charmer.inference.healing import Prompt, healed
from charmer.inference.ngram_cache import NgramCache
from charmer.model.network import Transformer
from charmer.tokens.shards import batches as read_shards
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_shards", "ngram_cache")
OPTIONAL = ("ngram_cache",)  # it lies in the model's folder
LINES = 16  # lines that are asked about at once
EXAMPLES = 20


@dataclass
class Line:
    """A line that is being typed.

    Attributes:
        before: the file's text before it.
        text: the line, without its newline.
        typed: how many characters were typed by hand when a suggestion was taken; None: no suggestion was.
        reach: bytes of what stands before that the network reads, at most.
    """

    path: str
    before: str
    text: str
    typed: int | None = None
    reach: int = sys.maxsize

    @property
    def places(self) -> range:
        """How many characters may stand there when a suggestion could still save something: two for one Tab."""
        return range(len(self.text) - 1)

    @property
    def saved(self) -> int:
        """Keystrokes that the suggestion saved."""
        return 0 if self.typed is None else len(self.text) - self.typed - 1


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "characters saved" (of all, newlines and blank lines counted), "lines finished" by a suggestion (of those
    with text); both once more for the network alone, where the model has an n-gram cache.

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: lines; max_bytes of a suggestion; context_bytes of the file that the network reads before the line.
        threads: of the CPU.

    The detail of "characters saved" holds the first lines with text: what was typed, and what the suggestion added.

    Raises:
        Failure: the test split holds no line.
    """
    network, tokenizer = subject.load(model, threads)
    ngrams = ngram_cache.read(model)
    ways = (("", ngrams), (", network alone", None)) if ngrams else (("", None),)
    found: list[Row] = []
    with Progress("characters saved", len(ways) * settings["lines"], "line") as progress:
        for way, counting in ways:
            lines = held_out(data["test_shards"], settings["lines"], settings["context_bytes"])
            for first in range(0, len(lines), LINES):
                part = lines[first : first + LINES]
                ask(network, tokenizer, counting, part, settings["max_bytes"])
                progress.advance(len(part))
            found += [replace(row, slice=row.slice + way) for row in rows(lines)]
    return table("characters_saved", found)


def held_out(shards: Path, count: int, reach: int, among: Container[tuple[str, str, str]] | None = None) -> list[Line]:
    """`count` lines of a fixed random order, of each of which the network reads the `reach` bytes before it, or all.

    No file gives a second line before all have given one; a file's lines come in a random order.

    Args:
        among: source, package and path of the files that may give lines; None: all may.

    Raises:
        Failure: the split holds no line.
    """
    documents = [
        row
        for batch in read_shards(shards, ["text", "source", "package", "path"])
        for row in batch.to_pylist()
        if among is None or (row["source"], row["package"], row["path"]) in among
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
        found.append(
            Line(documents[number]["path"], documents[number]["text"][:start], cut[number][place], reach=reach)
        )
    return found


def _shuffled(path: str, count: int) -> list[int]:
    """The numbers below `count` in an order that depends on nothing but the place in the corpus."""
    seed = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).permutation(count).tolist()


def ask(
    network: Transformer, tokenizer: Tokenizer, ngrams: NgramCache | None, lines: list[Line], max_bytes: int
) -> None:
    """Find for each line the first place at which the whole rest of it is suggested."""
    places = [(line, typed) for line in lines for typed in line.places]
    prompts = [prompt for line in lines for prompt in _prompts(network, tokenizer, line, max_bytes)]
    rests = [line.text[typed:].encode() for line, typed in places]

    def departed(row: int, tokens: list[int]) -> bool:
        return not rests[row].startswith(tokenizer.decode_bytes(tokens)[len(prompts[row].begin) :])

    given = [
        context.counted_text(tokenizer, line.before + line.text[:typed], begin=prompt.begin) if ngrams else None
        for (line, typed), prompt in zip(places, prompts, strict=True)
    ]
    found = writing.continuations(network, tokenizer, prompts, max_bytes, departed, ngrams=ngrams, given=given)
    for (line, typed), rest, written in zip(places, rests, found, strict=True):
        suggestion, newline, _ = written.text.partition("\n")
        if line.typed is None and suggestion.encode() == rest and (newline or written.ended):
            line.typed = typed


def _prompts(network: Transformer, tokenizer: Tokenizer, line: Line, max_bytes: int) -> Iterator[Prompt]:
    """The prompt at each place of a line. All begin with the same token of the file, so that it is read once."""
    near = line.before.encode()[-line.reach :].decode("utf-8", "ignore")
    before = tokenizer.encode(near).tolist()
    start = max(1 + len(before) - writing.room(network, tokenizer, before, len(line.text.encode()) + max_bytes), 0)
    for typed in line.places:
        prompt = healed(tokenizer, near + line.text[:typed])
        yield Prompt([tokenizer.eof, *prompt.tokens][start:], prompt.begin)


def rows(lines: list[Line]) -> list[Row]:
    """The table's rows for lines that were typed."""
    ids = [case_id(line.path, line.before, line.text) for line in lines]
    saved, size = (
        np.array(values) for values in zip(*((line.saved, len(line.text) + 1) for line in lines), strict=True)
    )
    shown = [(line, id_) for line, id_ in zip(lines, ids, strict=True) if line.text.strip()]
    return [
        ratio("characters saved", saved, size, ids, "lines", examples=[_example(line) for line, _ in shown[:EXAMPLES]]),
        share("lines finished", [line.typed is not None for line, _ in shown], [id_ for _, id_ in shown], "lines"),
    ]


def _example(line: Line) -> dict[str, Any]:
    by_hand = len(line.text) if line.typed is None else line.typed
    rest = line.text[by_hand:]
    return {"before": line.text[:by_hand], "rest": rest, "guess": rest, "right": bool(rest), "path": line.path}
