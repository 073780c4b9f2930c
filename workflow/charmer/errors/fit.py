"""Fit the weights of `check` to a model: `python -m charmer.errors.fit MODEL SHARDS`.

Files of 100 to 500 lines of the training split are read, of each package as many. One in four stays as it is; the
others are broken once, as the rule `break` breaks files that are held out. The withheld operators take no part. A fifth
of the packages sets nothing: on them the weights are judged, beside those that were there before. A pure function of
model, shards and seed. About a second a file on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from charmer.common.failure import Failure
from charmer.common.files import write_json
from charmer.common.progress import Progress
from charmer.errors import calibration, fitting, suspicious, weights
from charmer.errors.breaking import LONGEST_LINE
from charmer.errors.edits import Edit, apply, inverse, line_of
from charmer.errors.operators import OPERATORS, Ground, drawn
from charmer.model import folder
from charmer.tokens.shards import batches

FILES = 400
LINES = 100, 500
SOUND = 4  # one file of so many is not broken
APART = 5  # one package of so many is kept apart


class File(NamedTuple):
    """A file to fit to; `fix` undoes its slip, and is None where it has none."""

    text: str
    fix: Edit | None
    apart: bool


class Heard(NamedTuple):
    """What the witnesses say of one file's edits; `right` as `fitting.Example`."""

    file: File
    edits: list[Edit]
    evidence: list[dict[str, float]]


def files(shards: Path, count: int, seed: int) -> list[File]:
    """The files, evenly over the packages, in a fixed random order.

    Raises:
        Failure: the folder is missing or damaged, or holds no file of that length.
    """
    found: dict[str, list[tuple[bytes, str]]] = {}
    for batch in batches(shards, ["text", "package", "path"]):
        for row in batch.to_pylist():
            text = row["text"]
            if LINES[0] <= text.count("\n") <= LINES[1] and "\r" not in text:
                order = hashlib.sha256(f"{seed}\0{row['package']}\0{row['path']}".encode()).digest()
                entries = found.setdefault(row["package"], [])
                entries.append((order, text))
                if len(entries) > 2 * count:
                    entries[:] = sorted(entries)[:count]
    if not found:
        raise Failure(f"{shards}: holds no file of {LINES[0]} to {LINES[1]} lines; add sources")
    turns = sorted(
        (turn, order, package, text)
        for package, entries in found.items()
        for turn, (order, text) in enumerate(sorted(entries)[:count])
    )
    made = (_file(text, package, order, seed) for _, order, package, text in turns)
    return [one for one, _ in zip((one for one in made if one is not None), range(count), strict=False)]


def _file(text: str, package: str, order: bytes, seed: int) -> File | None:
    """A file as it is fitted to; None where it can't be broken."""
    apart = hashlib.sha256(f"{seed}\0{package}".encode()).digest()[0] % APART == 0
    operators = [one for one in OPERATORS.values() if one.family == "semantic" and not one.withheld]
    try:
        if max(map(len, text.split("\n"))) > LONGEST_LINE:
            return None
        source = Ground(text)
        if order[0] % SOUND == 0:
            return File(text, None, apart)
        slip = drawn(source, operators, random.Random(order))
        return File(apply(text, slip), inverse(text, slip), apart) if slip is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def hear(model: Path, chosen: Sequence[File]) -> Iterator[Heard]:
    """Ask both witnesses about each file."""
    network, tokenizer = folder.load(model)
    with Progress("witnesses", len(chosen), "file") as progress:
        for file in chosen:
            yield Heard(file, *suspicious.witnessed(network, tokenizer, file.text, weights.shipped()))
            progress.advance(1)


def example(heard: Heard) -> fitting.Example:
    """A file's edits with the answer: those that undo the slip, or else all on its line; none where it is not there."""
    fix, edits, text = heard.file.fix, heard.edits, heard.file.text
    right = [0.0] * len(edits)
    if fix is not None:
        original, line = apply(text, fix), line_of(text, fix.start)
        right = [float(apply(text, edit) == original) for edit in edits]
        if not any(right):
            right = [float(line_of(text, edit.start) == line) for edit in edits]
    return fitting.Example(heard.evidence, right)


def report(heard: Sequence[Heard], known: dict[str, float]) -> str:
    """Where the slips of some files stand, and how many are found at one false alarm in 500 sound lines."""
    places: list[tuple[int, int, float]] = []
    alarms: list[float] = []
    lines = 0
    for one in heard:
        best: dict[int, float] = {}
        text, fix = one.file.text, one.file.fix
        scores = [weights.score(known, evidence) for evidence in one.evidence]
        for edit, score in zip(one.edits, scores, strict=True):
            line = line_of(text, edit.start)
            best[line] = max(best.get(line, score), score)
        if fix is None:
            alarms += best.values()
            lines += text.count("\n")
            continue
        line, original = line_of(text, fix.start), apply(text, fix)
        right = max((s for e, s in zip(one.edits, scores, strict=True) if apply(text, e) == original), default=None)
        place = 1 + sum(score > best[line] for score in best.values()) if line in best else 10**6
        rank = 1 + sum(score > right for score in scores) if right is not None else 10**6
        places.append((place, rank, best.get(line, -1e9)))
    least = calibration.of(alarms, lines).threshold(1.0) if lines >= calibration.UNIT else float("inf")
    count = max(len(places), 1)
    shares = {
        "line first": sum(place == 1 for place, _, _ in places),
        "line in the top 3": sum(place <= 3 for place, _, _ in places),
        "fix first": sum(rank == 1 for _, rank, _ in places),
        "fix in the top 5": sum(rank <= 5 for _, rank, _ in places),
        f"line shown at {least:.2f}": sum(score > least for _, _, score in places),
    }
    said = ", ".join(f"{name} {number / count:.0%}" for name, number in shares.items())
    return f"{len(places)} broken files, {lines} sound lines: {said}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(prog="python -m charmer.errors.fit", description=__doc__)
    parser.add_argument("model", type=Path, help="a model's folder")
    parser.add_argument("shards", type=Path, help="the folder of the training split")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=weights.SHIPPED)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    before = weights.shipped()
    heard = list(hear(given.model, files(given.shards, given.files, given.seed)))
    apart = [one for one in heard if one.file.apart]
    fitted = fitting.fit([example(one) for one in heard if not one.file.apart])
    print(f"before, packages apart: {report(apart, before)}")
    print(f"fitted, packages apart: {report(apart, fitted)}")
    write_json(given.out, dict(sorted(fitted.items())))


if __name__ == "__main__":
    main()
