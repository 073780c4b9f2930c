"""How long the judge takes: problems with ten programs each, one in twenty of which loops for ever.

    .venv/bin/python tests/benchmarks/judge.py resources/problems/functions.jsonl --workers 2

Half of the programs are the problem's own solution, the others return the number of the sample. What is printed: the
verdicts, and the seconds beside those that the loops alone must take (their processor time over the workers).
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path

from charmer.evaluation.support.problems import Problem, load
from charmer.sandbox.judge import Task, judge
from charmer.sandbox.run import Sandbox

LOOPS, WRONG = 0.05, 0.45


def programs(problem: Problem, samples: int, chance: random.Random) -> list[str]:
    """As many different programs, of which the expected shares loop and are wrong."""
    made = []
    for number in range(samples):
        drawn = chance.random()
        body = problem.canonical_solution
        if drawn < LOOPS:
            body = "    while True:\n        pass\n"
        elif drawn < LOOPS + WRONG:
            body = f"    return {number}\n"
        made.append(f"{problem.prompt}{body}# {number}\n")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", type=Path)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--timeout", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chance = random.Random(0)
    problems = load(options.problems)
    work = [
        (Task(p.prompt + p.canonical_solution, p.entry_point, p.test), programs(p, options.samples, chance))
        for p in problems
    ]
    sandbox = Sandbox()
    began = time.monotonic()
    counts: Counter[str] = Counter()
    for verdicts in judge(sandbox, work, options.timeout, options.workers):
        for verdict in verdicts:
            limit = verdict.reason if verdict.reason.startswith("limit") else "wrong"
            counts["right" if verdict.passed else limit] += 1
    seconds = time.monotonic() - began
    loops = sum("while True:\n        pass" in text for _, texts in work for text in texts)
    print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
    least = loops * options.timeout / options.workers
    print(f"{seconds:.1f} s for {sum(counts.values())} programs; {least:.1f} s of these for loops")


if __name__ == "__main__":
    main()
