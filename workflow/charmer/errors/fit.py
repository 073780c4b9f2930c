"""Fit the weights of `check` to a model: `python -m charmer.errors.fit MODEL SHARDS`.

What the witnesses say of each file (see `charmer.errors.examples`) is written to a folder of that model, number of
files and seed, in parts. A part that is there is not made again, so several processes can share the work (`--part`),
and who was interrupted goes on. Once all parts are there the weights are fitted, as a correction of those that were
there before, which were fitted to other files: take another seed each time. A fifth of the packages sets nothing: on
them both are judged. A pure function of model, shards, weights before and seed. About two seconds a file on one core.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from charmer.common.files import sha256_of, write_json
from charmer.errors import calibration, examples, fitting, weights
from charmer.errors.examples import Heard
from charmer.model.shape import WEIGHTS

FILES = 800
PARTS = 8


def report(heard: Sequence[Heard], known: dict[str, float]) -> str:
    """Where the slips of some files stand, and how many are found at one false alarm in 500 sound lines."""
    places: list[tuple[int, int, float]] = []
    sound: list[tuple[str, int, list[float]]] = []
    for one in heard:
        scores = [
            weights.score(known, evidence) if weights.judges(known, evidence) else -math.inf
            for evidence in one.evidence
        ]
        best: dict[int, float] = {}
        for line, score in zip(one.lines, scores, strict=True):
            best[line] = max(best.get(line, score), score)
        if not one.slip:
            sound.append((one.package, one.length, list(best.values())))
            continue
        right = max((score for score, answer in zip(scores, one.right, strict=True) if answer), default=None)
        place = 1 + sum(score > best[one.slip] for score in best.values()) if one.slip in best else 10**6
        counted = zip(scores, one.copies, strict=True)
        rank = 1 + sum(copies for score, copies in counted if score > right) if right is not None else 10**6
        places.append((place, int(rank), best.get(one.slip, -1e9)))
    least = calibration.of(sound).threshold(1.0)
    count = max(len(places), 1)
    shares = {
        "line first": sum(place == 1 for place, _, _ in places),
        "line in the top 3": sum(place <= 3 for place, _, _ in places),
        "fix first": sum(rank == 1 for _, rank, _ in places),
        "fix in the top 5": sum(rank <= 5 for _, rank, _ in places),
        f"line shown at {least:.2f}": sum(score > least for _, _, score in places),
    }
    said = ", ".join(f"{name} {number / count:.0%}" for name, number in shares.items())
    return f"{len(places)} broken files, {sum(length for _, length, _ in sound)} sound lines: {said}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask the witnesses; fit, report, write."""
    parser = argparse.ArgumentParser(prog="python -m charmer.errors.fit", description=__doc__)
    parser.add_argument("model", type=Path, help="a model's folder")
    parser.add_argument("shards", type=Path, help="the folder of the training split")
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--parts", type=int, default=PARTS)
    parser.add_argument("--part", type=int, help="make only this one, from 0; default: all that are not there")
    parser.add_argument("--heard", type=Path, default=Path("heard"), help="the folder of the parts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=weights.SHIPPED)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    before = weights.shipped()
    of = f"{sha256_of(given.model / WEIGHTS)[:8]}-{given.files}-files-seed-{given.seed}"
    parts = [given.heard / of / f"{number:03}-of-{given.parts:03}.parquet" for number in range(given.parts)]
    missing = [number for number, path in enumerate(parts) if given.part in (None, number) and not path.exists()]
    if missing:
        chosen = examples.files(given.shards, given.files, given.seed)
        for number in missing:
            examples.hear(given.model, chosen[number :: given.parts], before, parts[number])
    if not all(path.exists() for path in parts):
        return
    heard = [one for path in parts for one in examples.read(path)]
    apart = [one for one in heard if examples.apart(one.package)]
    fitted = fitting.fit([one.example() for one in heard if not examples.apart(one.package)], before)
    for name, known in {"before": before, "fitted": fitted}.items():
        print(f"{name}, packages apart: {report(apart, known)}")
    write_json(given.out, fitted)


if __name__ == "__main__":
    main()
