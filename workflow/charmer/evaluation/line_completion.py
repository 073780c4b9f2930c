"""Line completion: how often the model writes the rest of a line as it stands, and how near it comes.

The protocol is CodeXGLUE's (Lu et al. 2021, arXiv:2102.04664): exact match, and edit similarity, of the rest of the
line given all that stands before. It is applied here to raw text of unseen packages, not to CodeXGLUE's normalised
tokens, so its published figures stand beside these only roughly. The model's most likely token is taken each time.

A cut inside a word is measured twice: with the prompt healed (see `inference.healing`), as every way into the model
does it, and as it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.progress import Progress
from charmer.evaluation.support import lines, subject, writing
from charmer.evaluation.support.cases import case_id, ratio, share
from charmer.evaluation.support.table import Row, table
from charmer.inference.healing import Prompt, healed
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_shards",)
ROWS = 32  # cases that are completed at once
EXAMPLES = 20


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "exact match" and "edit similarity", each also "inside a word" and "inside a word, not healed".

    Blanks at the ends do not count.

    Args:
        model: the model's folder.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: lines, max_bytes.
        threads: of the CPU.

    The detail of "exact match" holds the first cases: what stood before the cut in its line, the rest, the guess.

    Raises:
        Failure: the test split has no line to complete.
    """
    network, tokenizer = subject.load(model, threads)
    cases = lines.held_out(data["test_shards"], settings["lines"])
    stops = lines.ends(tokenizer)
    before, inside = ([case for case in cases if case.inside is within] for within in (False, True))
    sets = (("", before, False), (", inside a word", inside, True), (", inside a word, not healed", inside, False))
    found: list[Row] = []
    with Progress("line completion", sum(len(part) for _, part, _ in sets), "line") as progress:
        for where, part, heal in sets:
            prompts = [
                healed(tokenizer, case.before) if heal else Prompt(tokenizer.encode(case.before).tolist(), b"")
                for case in part
            ]
            guesses = []
            for first in range(0, len(prompts), ROWS):
                guesses += _written(network, tokenizer, prompts[first : first + ROWS], settings["max_bytes"], stops)
                progress.advance(len(prompts[first : first + ROWS]))
            found += _rows(part, guesses, where)
    return table("line_completion", found)


def _written(
    network: Transformer, tokenizer: Tokenizer, prompts: list[Prompt], max_bytes: int, stops: list[int]
) -> list[str]:
    """What the model writes behind each prompt, up to the end of the line."""
    cut = [
        Prompt(
            [tokenizer.eof, *prompt.tokens][-writing.room(network, tokenizer, prompt.tokens, max_bytes) :], prompt.begin
        )
        for prompt in prompts
    ]
    found = writing.continuations(network, tokenizer, cut, max_bytes, stop=stops)
    return [text.split("\n")[0] for text, _ in found]


def _rows(cases: list[lines.Case], guesses: list[str], where: str) -> list[Row]:
    pairs = [(guess.strip(), case.rest.strip()) for case, guess in zip(cases, guesses, strict=True)]
    exact = [guess == rest for guess, rest in pairs]
    near = np.array([lines.similarity(guess, rest) for guess, rest in pairs])
    ids = [case_id(case.package, case.path, case.before, case.rest) for case in cases]
    examples = [
        {"before": case.before.rpartition("\n")[2], "rest": case.rest, "guess": guess, "path": case.path}
        for case, guess in list(zip(cases, guesses, strict=True))[:EXAMPLES]
    ]
    return [
        share(f"exact match{where}", exact, ids, "lines", examples=examples),
        ratio(f"edit similarity{where}", near, np.ones(len(near)), ids, "lines"),
    ]
