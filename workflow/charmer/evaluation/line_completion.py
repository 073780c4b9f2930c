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
from charmer.evaluation.support import lines, subject
from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row, table
from charmer.inference.generate import generate
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
        settings: lines, max_tokens.
        threads: of the CPU.

    The detail of "exact match" holds the first cases: what stood before the cut in its line, the rest, the guess.

    Raises:
        Failure: the test split has no line to complete.
    """
    network, tokenizer = subject.load(model, threads)
    cases = lines.held_out(data["test_shards"], settings["lines"])
    stops = [tokenizer.eof, *(id_ for id_ in range(tokenizer.vocab_size) if tokenizer.token_bytes(id_)[:1] == b"\n")]
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
                guesses += _written(network, tokenizer, prompts[first : first + ROWS], settings["max_tokens"], stops)
                progress.advance(len(prompts[first : first + ROWS]))
            found += _rows(part, guesses, where)
    return table("line_completion", found)


def _written(
    network: Transformer, tokenizer: Tokenizer, prompts: list[Prompt], max_tokens: int, stops: list[int]
) -> list[str]:
    """What the model writes behind each prompt, up to the end of the line."""
    room = max(network.config.context_length - max_tokens, network.config.context_length // 2)
    texts = [[tokenizer.eof, *prompt.tokens][-room:] for prompt in prompts]
    begins = [prompt.begin for prompt in prompts]
    outputs = generate(network, tokenizer, texts, max_tokens=max_tokens, stop=stops, begins=begins)
    found = []
    for tokens, begin in zip(outputs, begins, strict=True):
        text = tokenizer.decode_bytes(tokens)[len(begin) :].decode("utf-8", errors="replace")
        found.append(text.split("\n")[0])
    return found


def _rows(cases: list[lines.Case], guesses: list[str], where: str) -> list[Row]:
    pairs = list(zip(cases, guesses, strict=True))
    exact = sum(guess.strip() == case.rest.strip() for case, guess in pairs)
    near = np.array([lines.similarity(guess.strip(), case.rest.strip()) for case, guess in pairs])
    examples = [
        {"before": case.before.rpartition("\n")[2], "rest": case.rest, "guess": guess, "path": case.path}
        for case, guess in pairs[:EXAMPLES]
    ]
    count = len(pairs)
    return [
        Row(f"exact match{where}", exact / count, wilson(exact, count), count, "share", {"examples": examples}),
        Row(f"edit similarity{where}", near.mean(), bootstrap_ratio(near, np.ones(count)), count, "share"),
    ]
