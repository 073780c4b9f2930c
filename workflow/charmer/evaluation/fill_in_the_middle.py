"""Fill in the middle: how often the model writes exactly what was taken out of unseen code.

A line, a span of characters, or a function's body is missing (Bavarian et al. 2022, arXiv:2207.14255, measure the same
on HumanEval). The model reads what stands before and behind it in the order prefix, suffix, middle, as training
arranges it (see `tokens.fim`), and has to end by itself: a middle that runs on is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.common.progress import Progress
from charmer.evaluation.support import middles, subject, writing
from charmer.evaluation.support.cases import case_id, share
from charmer.evaluation.support.table import Row, gap, table
from charmer.evaluation.support.writing import Written
from charmer.inference import context
from charmer.inference.healing import Prompt
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_shards",)
ROWS = 32  # cases that are written at once
EXAMPLES = 12


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "exact match, line", "exact match, span" and "exact match, body"; blanks at line ends do not count.

    Args:
        model: the model's folder; where its `settings.json` says that it was trained without, the table is a gap.
        data: `test_shards`, the folder of the test split's Parquet shards.
        settings: cases of each kind; max_bytes of a middle.
        threads: of the CPU.

    The detail of each slice holds its first cases: the line's beginning, the middle, the guess ("…" behind one that did
    not end), and whether that is right.

    Raises:
        Failure: the test split has no case.
    """
    if not context.learned(model):
        return gap("The model never saw code arranged for it: train.fim_share was 0.")
    network, tokenizer = subject.load(model, threads)
    found = middles.held_out(data["test_shards"], settings["cases"])
    rows = []
    with Progress("fill in the middle", sum(map(len, found.values())), "case") as progress:
        for kind, cases in found.items():
            guesses: list[Written] = []
            for first in range(0, len(cases), ROWS):
                part = cases[first : first + ROWS]
                prompts = [Prompt(_asked(network, tokenizer, case, settings["max_bytes"]), b"") for case in part]
                guesses += writing.continuations(network, tokenizer, prompts, settings["max_bytes"])
                progress.advance(len(prompts))
            rows += _row(kind, cases, guesses)
    return table("fill_in_the_middle", rows)


def _asked(network: Transformer, tokenizer: Tokenizer, case: middles.Case, max_bytes: int) -> list[int]:
    """The prompt that leaves room for the middle."""
    nearest = tokenizer.encode(case.prefix[-context.LONGEST * network.config.context_length :]).tolist()
    return prompt(tokenizer, case, writing.room(network, tokenizer, nearest, max_bytes) - context.MARKS)


def prompt(tokenizer: Tokenizer, case: middles.Case, room: int) -> list[int]:
    """What the model reads: at most `room` tokens of the text around the middle, the nearest, and the marks."""
    return context.prefix_suffix_middle(tokenizer, case.prefix, case.suffix, room)


def same(guess: str, middle: str) -> bool:
    """Whether two texts differ in nothing but blanks at the ends of lines and around the whole."""
    first, second = ([line.rstrip() for line in text.strip().split("\n")] for text in (guess, middle))
    return first == second


def _row(kind: str, cases: list[middles.Case], guesses: list[Written]) -> list[Row]:
    if not cases:
        return []
    verdicts = [guess.ended and same(guess.text, case.middle) for case, guess in zip(cases, guesses, strict=True)]
    ids = [case_id(case.path, case.prefix, case.middle) for case in cases]
    examples = [
        {"before": case.prefix.rpartition("\n")[2], "rest": case.middle, "path": case.path, "right": verdict}
        | {"guess": guess.text if guess.ended else guess.text + "…"}
        for case, guess, verdict in list(zip(cases, guesses, verdicts, strict=True))[:EXAMPLES]
    ]
    return [share(f"exact match, {kind}", verdicts, ids, "cases", examples=examples)]
