"""Line completion: how often the model writes the rest of a line as it stands, and how near it comes.

The protocol is CodeXGLUE's (Lu et al. 2021, arXiv:2102.04664): exact match, and edit similarity, of the rest of the
line given all that stands before. It is applied here to raw text of unseen packages, not to CodeXGLUE's normalised
tokens, so its published figures stand beside these only roughly. The model's most likely token is taken each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.progress import Progress
from charmer.evaluation.support import lines, subject
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row, table
from charmer.inference.generate import generate

NEEDS = ("test_shards",)
ROWS = 32  # cases that are completed at once
EXAMPLES = 20


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "exact match" and "edit similarity", each also "inside a word"; blanks at the ends do not count.

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: lines, max_tokens.
        threads: of the CPU.

    The detail of "exact match" holds the first cases: what stood before the cut in its line, the rest, the guess.

    Raises:
        Failure: the test split has no line to complete.
    """
    network, tokenizer = subject.load(model, threads)
    cases = lines.held_out(data["test_shards"], settings["lines"])
    stops = [tokenizer.eof, *(id_ for id_ in range(tokenizer.vocab_size) if tokenizer.token_bytes(id_)[:1] == b"\n")]
    room = max(network.config.context_length - settings["max_tokens"], network.config.context_length // 2)
    guesses: list[str] = []
    with Progress("line completion", len(cases), "line") as progress:
        for first in range(0, len(cases), ROWS):
            part = cases[first : first + ROWS]
            prompts = [[tokenizer.eof, *tokenizer.encode(case.before).tolist()][-room:] for case in part]
            written = generate(network, tokenizer, prompts, max_tokens=settings["max_tokens"], stop=stops)
            guesses += [tokenizer.decode(tokens).split("\n")[0] for tokens in written]
            progress.advance(len(part))
    return table("line_completion", [row for inside in (False, True) for row in _rows(cases, guesses, inside)])


def _rows(cases: list[lines.Case], guesses: list[str], inside: bool) -> list[Row]:
    pairs = [(case, guess) for case, guess in zip(cases, guesses, strict=True) if case.inside is inside]
    exact = sum(guess.strip() == case.rest.strip() for case, guess in pairs)
    near = np.array([lines.similarity(guess.strip(), case.rest.strip()) for case, guess in pairs])
    where = ", inside a word" if inside else ""
    examples = [
        {"before": case.before.rpartition("\n")[2], "rest": case.rest, "guess": guess, "path": case.path}
        for case, guess in pairs[:EXAMPLES]
    ]
    count = len(pairs)
    return [
        Row(f"exact match{where}", exact / count, wilson(exact, count), count, "share", {"examples": examples}),
        Row(f"edit similarity{where}", near.mean(), bootstrap_ratio(near, np.ones(count)), count, "share"),
    ]
