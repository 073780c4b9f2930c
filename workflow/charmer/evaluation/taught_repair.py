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
from typing import Any, NamedTuple

import pyarrow as pa

from charmer.common.progress import Progress
from charmer.errors.cases import Case, draw
from charmer.evaluation.support import subject, writing
from charmer.evaluation.support.cases import case_id, share
from charmer.evaluation.support.table import Row, gap, table
from charmer.inference import context
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
        data: `test_broken`, the test split's table of broken code; the withheld operators, which are not taught, are
            left out.
        settings: cases of each family; max_bytes of an answer.
        threads: of the CPU.

    Of a fault of syntax the model sees the text around the interpreter's complaint, of another that around the fault,
    which lies anywhere in what training shows. The detail of each slice holds its first cases, and how many no answer
    could have made right: `longer`, by max_bytes, and `outside`, of what the model saw.

    Raises:
        Failure: the table is damaged or holds no such case.
    """
    if not context.learned(model, "repair_share"):
        return gap("The model never saw broken code with its fix: train.repair_share was 0.")
    network, tokenizer = subject.load(model, threads)
    rows = []
    with Progress("taught repair", len(FAMILIES), "family") as progress:
        for family in FAMILIES:
            cases = draw(data["test_broken"], family, settings["cases"], withheld=False)
            faults = [Fault(one.broken, one.fix.start, one.fix.end, one.fix.replacement, one.error) for one in cases]
            places, fixes = [one.place for one in faults], [one.fix for one in faults]
            for name, given, wanted in (
                ("fix written, given the lines", places, fixes),
                ("lines named", None, places),
            ):
                said = answers(network, tokenizer, cases, faults, given, settings["max_bytes"])
                rows.append(_row(f"{name}, {family}", cases, faults, wanted, said, settings["max_bytes"]))
            progress.advance(1)
    return table("taught_repair", rows)


class Answer(NamedTuple):
    """What the model said of a fault.

    Attributes:
        text: None where it did not come to its end, or was not asked.
        outside: whether it did not see all of the faulty lines.
    """

    text: str | None
    outside: bool


def answers(
    network: Transformer,
    tokenizer: Tokenizer,
    cases: Sequence[Case],
    faults: Sequence[Fault],
    given: Sequence[str] | None,
    max_bytes: int,
) -> list[Answer]:
    """What the model says of each fault.

    Args:
        given: the faulty lines, where they are told: then the fix is asked for.
        max_bytes: of an answer.
    """
    asked: dict[int, Prompt] = {}
    for number, (case, fault) in enumerate(zip(cases, faults, strict=True)):
        place = given[number] if given is not None else None
        start, end = (fault.start, fault.end) if place is not None or case.error_line is None else _complaint(case)
        room = writing.room(network, tokenizer, tokenizer.encode(fault.place).tolist(), max_bytes)
        question = repair.question(tokenizer, fault.text, start, end, fault.error, room, place)
        if question is not None:
            asked[number] = Prompt(question, b"")
    # The lines end at <|fix|>: an end of the text there would say that nothing is wrong, and is no naming of a line.
    stop = (tokenizer.fix,) if given is None else (tokenizer.eof,)
    written = writing.continuations(network, tokenizer, list(asked.values()), max_bytes, stop=stop)
    said = dict(zip(asked, written, strict=True))
    found = []
    for number, fault in enumerate(faults):
        one = said.get(number)
        seen = tokenizer.decode(asked[number].tokens) if number in asked else ""
        found.append(Answer(one.text if one is not None and one.ended else None, fault.place not in seen))
    return found


def _row(
    name: str,
    cases: Sequence[Case],
    faults: Sequence[Fault],
    wanted: Sequence[str],
    said: Sequence[Answer],
    max_bytes: int,
) -> Row:
    hits = [one.text == right for one, right in zip(said, wanted, strict=True)]
    examples = [
        {"path": case.path, "error": fault.error, "wanted": right, "said": one.text, "right": hit}
        for case, fault, right, one, hit in zip(cases, faults, wanted, said, hits, strict=True)
    ]
    ids = [case_id(case.path, case.broken) for case in cases]
    longer = sum(len(right.encode()) >= max_bytes for right in wanted)
    outside = sum(one.outside for one in said)
    return share(name, hits, ids, "cases", examples=examples[:EXAMPLES], longer=longer, outside=outside)


def _complaint(case: Case) -> tuple[int, int]:
    """The characters of the line of which the interpreter complains."""
    lines = case.broken.split("\n")
    number = min(case.error_line or 1, len(lines)) - 1
    start = sum(len(line) + 1 for line in lines[:number])
    return start, start + len(lines[number])
