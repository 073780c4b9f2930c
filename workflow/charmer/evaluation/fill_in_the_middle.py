"""Fill in the middle: how often the model writes exactly what was taken out of unseen code.

A line, a span of characters, or a function's body is missing (Bavarian et al. 2022, arXiv:2207.14255, measure the same
on HumanEval). The model reads what stands before and behind it, and has to end by itself: a middle that runs on is
wrong.

It is asked twice: as every way into the model asks (suffix first, the cursor's partial token healed; see
`inference.context`), and in the order prefix, suffix, middle, as other programs ask. To write on from a prefix that
stands far back a model has to find it again, which small ones cannot.

An editor's suggestion ends with its line, whether or not the model would end there. So missing lines are judged up to
the line's end as well, and beside that stands what the same model writes left to right, with nothing of the suffix:
the difference is what reading it is worth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.common.progress import Progress
from charmer.evaluation.support import lines, middles, subject, writing
from charmer.evaluation.support.cases import case_id, share
from charmer.evaluation.support.table import Row, gap, table
from charmer.evaluation.support.writing import Written
from charmer.inference import context
from charmer.inference.healing import Prompt, healed
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_shards",)
ROWS = 32  # cases that are written at once
EXAMPLES = 12
PREFIX_FIRST = ", prefix first"
ORDERS = ("", PREFIX_FIRST)  # by what stands behind a slice's name
TO_THE_END = ", to the line's end"
LEFT_TO_RIGHT = ", to the line's end, left to right"


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "exact match, line", "exact match, span" and "exact match, body"; blanks at line ends do not count. Each
    once more with ", prefix first" behind it, and those lines that are no more than one once more "to the line's end",
    with and without the text behind.

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
    asked = {
        (kind, order): [
            prompt(tokenizer, case, _room(network, tokenizer, case, settings["max_bytes"]), order) for case in cases
        ]
        for kind, cases in found.items()
        for order in ORDERS
    }
    single = [place for place, case in enumerate(found["line"]) if "\n" not in case.middle]
    left = [left_to_right(network, tokenizer, found["line"][place], settings["max_bytes"]) for place in single]
    stops = lines.ends(tokenizer)
    with Progress("fill in the middle", sum(map(len, asked.values())) + len(left), "case") as progress:

        def written(prompts: list[Prompt], **knobs: Any) -> list[Written]:
            guesses: list[Written] = []
            for first in range(0, len(prompts), ROWS):
                part = prompts[first : first + ROWS]
                guesses += writing.continuations(network, tokenizer, part, settings["max_bytes"], **knobs)
                progress.advance(len(part))
            return guesses

        for (kind, order), prompts in asked.items():
            guesses = written(prompts)
            rows += _row(kind + order, found[kind], guesses)
            if (kind, order) == ("line", ""):
                cases = [found[kind][place] for place in single]
                rows += _row(kind + TO_THE_END, cases, [_first_line(guesses[place]) for place in single])
                rows += _row(kind + LEFT_TO_RIGHT, cases, [_first_line(one) for one in written(left, stop=stops)])
    return table("fill_in_the_middle", rows)


def left_to_right(network: Transformer, tokenizer: Tokenizer, case: middles.Case, max_bytes: int) -> Prompt:
    """What the model reads without the text behind: as much of the prefix as leaves room for the middle."""
    nearest = healed(tokenizer, case.prefix[-context.LONGEST * network.config.context_length :])
    size = writing.room(network, tokenizer, nearest.tokens, max_bytes)
    return Prompt([tokenizer.eof, *nearest.tokens][-size:], nearest.begin)


def _first_line(guess: Written) -> Written:
    """What an editor shows of it."""
    line, newline, _ = guess.text.partition("\n")
    return Written(line, guess.ended or bool(newline))


def _room(network: Transformer, tokenizer: Tokenizer, case: middles.Case, max_bytes: int) -> int:
    """The tokens of a prompt that leave room for the middle."""
    nearest = tokenizer.encode(case.prefix[-context.LONGEST * network.config.context_length :]).tolist()
    return writing.room(network, tokenizer, nearest, max_bytes) - context.MARKS


def prompt(tokenizer: Tokenizer, case: middles.Case, room: int, order: str = "") -> Prompt:
    """What the model reads: at most `room` tokens of the text around the middle, and the marks. What does not fit is
    left out farthest from the middle first, with the suffix first in steps of a quarter.

    Args:
        order: one of ORDERS.
    """
    if order == PREFIX_FIRST:
        return Prompt(context.prefix_suffix_middle(tokenizer, case.prefix, case.suffix, room), b"")
    return context.around(tokenizer, case.prefix, case.suffix, room + context.MARKS)


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
