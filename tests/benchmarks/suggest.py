"""Suggestions at random columns of held-out lines: exact match with and without healing, repetitions, time.

    python tests/benchmarks/suggest.py --model results/models/NAME --shards results/corpus/NAME/test

Each line of code is cut at a column that is uniform over its characters, so mostly inside a word. The model is asked
for the line's rest with nothing behind the cursor, with the following lines behind it, and for a part of the line with
its end behind. Then every suggestion is asked for again on a copy with CRLF, and must be the same but for that.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from charmer.evaluation.support import middles
from charmer.inference import context
from charmer.inference.decoder import Decoder
from charmer.inference.suggest import Draft, suggest
from charmer.model import folder


def asked(case: middles.Case, random: np.random.Generator) -> dict[str, tuple[str, str, str]]:
    """What stands before and behind the cursor, and what belongs there, for each way to ask."""
    first, second = sorted(random.integers(0, len(case.middle) + 1, 2).tolist())
    before, rest, part = case.prefix + case.middle[:first], case.middle[first:], case.middle[first:second]
    return {
        "rest of the line": (before, "", rest),
        "rest, lines below": (before, case.suffix, rest),
        "part of the line": (before, case.middle[second:] + case.suffix, part),
    }


def repeats(text: str, after: str) -> bool:
    """Whether a suggestion ends with the rest of the cursor's line, or holds the next line of code as its own last."""
    rest, _, below = after.partition("\n")
    following = next((line.rstrip() for line in below.split("\n") if line.strip()), None)
    return bool(rest.strip() and text.endswith(rest.rstrip()) and not text.endswith("()")) or (
        "\n" in text and text.rpartition("\n")[2].rstrip() == following
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = folder.load(options.model)
    decoder = Decoder(model, tokenizer)
    infill = context.learned(options.model)
    random = np.random.default_rng(0)
    cases = middles.held_out(options.shards, options.cases)["line"]
    questions = [asked(case, random) for case in cases]
    for way in questions[0] if infill else ["rest of the line"]:
        for heal in (True, False):
            right, seconds, repeated, other = 0, [], 0, 0
            for before, after, wanted in (question[way] for question in questions):
                began = time.perf_counter()
                shape = decoder.tokenizer, decoder.window
                found = suggest(decoder, Draft(*shape, before, after, until="line", infill=infill, heal=heal))
                seconds.append(time.perf_counter() - began)
                right += found.text.strip() == wanted.strip()
                repeated += repeats(found.text, after)
                if heal:
                    windows = [text.replace("\n", "\r\n") for text in (before, after)]
                    copy = suggest(decoder, Draft(*shape, *windows, until="line", infill=infill))
                    other += copy.text != found.text.replace("\n", "\r\n")
            size = len(questions)
            how = "healed" if heal else "as it is"
            copies = f"other on CRLF {other}  " if heal else ""
            middle = 1000 * statistics.median(seconds)
            print(f"{way:18} {how:9} exact {right / size:6.1%}  repeated {repeated}  {copies}median {middle:.0f} ms")


if __name__ == "__main__":
    main()
