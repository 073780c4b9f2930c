"""Repair in the form that training teaches: asked with code and the interpreter's words, does the model write the
faulty lines, and given these, what they should be?

    code around the fault<|error|>SyntaxError: expected ':'<|place|> … <|fix|> …

Nothing else is at work here: no list of edits, no ranking, no parser that judges. What `train.repair_share` buys shows
in these figures first, what it costs in bits per byte. Each answer is written greedily and has to be right to the
letter, and to end by itself. Yasunaga and Liang 2021 (arXiv:2106.06600) train and ask a fixer in much the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.common import files
from charmer.common.progress import Progress
from charmer.errors.cases import Case, draw
from charmer.evaluation.support import subject, writing
from charmer.evaluation.support.cases import case_id, share
from charmer.evaluation.support.table import gap, table
from charmer.inference.healing import Prompt
from charmer.model.network import Transformer
from charmer.tokens import repair
from charmer.tokens.repair import Fault
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_broken",)
FAMILIES = ("syntax", "semantic")
EXAMPLES = 6  # of each family


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "fix written, given the lines, FAMILY" and "lines named, FAMILY", for syntax and semantic.

    Args:
        model: the model's folder; where its `settings.json` says that it was trained without, the table is a gap.
        data: `test_broken`, the test split's table of broken code.
        settings: cases of each family; max_bytes of an answer.
        threads: of the CPU.

    Of a fault of syntax the model sees the text around the interpreter's complaint, of another that around the fault,
    which lies anywhere in what training shows. The detail of each slice holds its first cases.

    Raises:
        Failure: the table is damaged or holds no such case.
    """
    if not taught(model):
        return gap("The model never saw broken code with its fix: train.repair_share was 0.")
    network, tokenizer = subject.load(model, threads)
    rows = []
    with Progress("taught repair", len(FAMILIES), "family") as progress:
        for family in FAMILIES:
            cases = draw(data["test_broken"], family, settings["cases"])
            faults = [
                Fault(case.broken, case.fix.start, case.fix.end, case.fix.replacement, case.error) for case in cases
            ]
            ids = [case_id(case.path, case.broken) for case in cases]
            for name, given, right in (
                ("fix written, given the lines", [fault.place for fault in faults], [fault.fix for fault in faults]),
                ("lines named", [None] * len(faults), [fault.place for fault in faults]),
            ):
                said = answers(network, tokenizer, cases, faults, given, settings["max_bytes"])
                hits = [one == wanted for one, wanted in zip(said, right, strict=True)]
                examples = [
                    {"path": case.path, "error": fault.error, "wanted": wanted, "said": one, "right": hit}
                    for case, fault, wanted, one, hit in zip(cases, faults, right, said, hits, strict=True)
                ]
                rows.append(share(f"{name}, {family}", hits, ids, "cases", examples=examples[:EXAMPLES]))
            progress.advance(1)
    return table("taught_repair", rows)


def taught(model: Path) -> bool:
    """Whether a model's folder leaves open that it was shown broken code with its fix: its settings say so, or none are
    there."""
    settings = model / "settings.json"
    return not settings.exists() or bool(files.read_json(settings).get("train", {}).get("repair_share", 0))


def answers(
    network: Transformer,
    tokenizer: Tokenizer,
    cases: Sequence[Case],
    faults: Sequence[Fault],
    given: Sequence[str | None],
    max_bytes: int,
) -> list[str | None]:
    """What the model says of each fault; None where it did not come to an end, or where nothing fits its window.

    Args:
        given: the faulty lines, where they are told: then the fix is asked for.
        max_bytes: of an answer.
    """
    asked: dict[int, Prompt] = {}
    for number, (case, fault, place) in enumerate(zip(cases, faults, given, strict=True)):
        start, end = _complaint(case) if case.error_line is not None else (fault.start, fault.end)
        if place is not None:
            start, end = fault.start, fault.end
        room = writing.room(network, tokenizer, tokenizer.encode(fault.place).tolist(), max_bytes)
        question = repair.question(tokenizer, fault.text, start, end, fault.error, room, place)
        if question is not None:
            asked[number] = Prompt(question, b"")
    stop = (tokenizer.eof, tokenizer.fix)
    written = writing.continuations(network, tokenizer, list(asked.values()), max_bytes, stop=stop)
    said = dict(zip(asked, written, strict=True))
    return [said[number].text if number in said and said[number].ended else None for number in range(len(cases))]


def _complaint(case: Case) -> tuple[int, int]:
    """The characters of the line of which the interpreter complains."""
    lines = case.broken.split("\n")
    number = min(case.error_line or 1, len(lines)) - 1
    start = sum(len(line) + 1 for line in lines[:number])
    return start, start + len(lines[number])
