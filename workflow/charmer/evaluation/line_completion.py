"""Line completion: how often the model writes the rest of a line as it stands, and how near it comes.

The protocol is CodeXGLUE's (Lu et al. 2021, arXiv:2102.04664): exact match, and edit similarity, of the rest of the
line given all that stands before. It is applied here to raw text of unseen packages, not to CodeXGLUE's normalised
tokens, so its published figures stand beside these only roughly. The model's most likely token is taken each time.

The figures without a further word are the model's as every way into it uses it, on what stands before the cut: with
its n-gram cache, which counts all of the file up to there, and inside a word with the prompt healed (see
`inference.healing`). Beside them stand the network alone; what the cache makes of the file behind the line as well, as
an editor has it; and, inside a word, a prompt that is not healed.
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
from charmer.inference import context, ngram_cache
from charmer.inference.healing import Prompt, healed
from charmer.inference.ngram_cache import NgramCache
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_shards", "ngram_cache")
OPTIONAL = ("ngram_cache",)  # it lies in the model's folder
ROWS = 32  # cases that are completed at once
EXAMPLES = 20
ALONE, BEHIND, NOT_HEALED = ", network alone", ", the file behind known", ", not healed"
WAYS = {False: ("", ALONE, BEHIND), True: ("", ALONE, BEHIND, NOT_HEALED)}  # by whether the cut is inside a word


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "exact match" and "edit similarity", each also "inside a word", and all of these in the WAYS besides the
    first, the last of them inside a word alone.

    Blanks at the ends do not count. A model without an n-gram cache has neither ALONE nor BEHIND.

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
    ngrams = ngram_cache.read(model)
    sets = [
        ([case for case in cases if case.inside is within], ", inside a word" * within, way)
        for within, ways in WAYS.items()
        for way in ways
        if ngrams or way not in (ALONE, BEHIND)
    ]
    found: list[Row] = []
    with Progress("line completion", sum(len(part) for part, *_ in sets), "line") as progress:
        for part, where, way in sets:
            guesses = []
            for first in range(0, len(part), ROWS):
                batch = part[first : first + ROWS]
                guesses += _written(network, tokenizer, ngrams, batch, settings["max_bytes"], way)
                progress.advance(len(batch))
            found += _rows(part, guesses, where + way)
    return table("line_completion", found)


def _written(
    network: Transformer,
    tokenizer: Tokenizer,
    ngrams: NgramCache | None,
    cases: list[lines.Case],
    max_bytes: int,
    way: str,
) -> list[str]:
    """What the model writes in each case, up to the end of the line."""
    healing = [case.inside and way != NOT_HEALED for case in cases]
    prompts = [
        healed(tokenizer, case.before) if heal else Prompt(tokenizer.encode(case.before).tolist(), b"")
        for case, heal in zip(cases, healing, strict=True)
    ]
    given = [
        context.counted_text(tokenizer, case.before, case.after if way == BEHIND else "", begin=prompt.begin)
        for case, prompt in zip(cases, prompts, strict=True)
    ]
    cut = [
        Prompt(
            [tokenizer.eof, *prompt.tokens][-writing.room(network, tokenizer, prompt.tokens, max_bytes) :], prompt.begin
        )
        for prompt in prompts
    ]
    knobs: dict[str, Any] = {"ngrams": ngrams, "given": given} if ngrams and way != ALONE else {}
    found = writing.continuations(network, tokenizer, cut, max_bytes, stop=lines.ends(tokenizer), **knobs)
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
