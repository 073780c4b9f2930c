"""Function synthesis: does what the model writes do what the docstring asks? pass@1 and pass@10 on problems with tests.

Each problem's prompt is continued several times, sampled; what comes out is run against the problem's tests in the
sandbox, by a judge whose verdict the program cannot forge. pass@k is the unbiased estimator of the chance that one of
k samples is right (Chen et al. 2021, arXiv:2107.03374); its intervals come from a bootstrap over problems.

Each problem's own solution is judged with the samples. Where that fails (it needs a library that the sandbox has not,
or answers with what is no plain data) a sample's failure would say nothing of the model: the problem is left out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.evaluation.support import subject, writing
from charmer.evaluation.support.cases import case_id, ratio
from charmer.evaluation.support.problems import Problem, load
from charmer.evaluation.support.statistics import wilson
from charmer.evaluation.support.table import Row, gap, table
from charmer.model.network import Transformer
from charmer.sandbox.judge import Task, Verdict, judge
from charmer.sandbox.run import Sandbox, Unavailable
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ()

METRIC = "synthesis"
SHOWN = 12  # programs that the report shows
KS = (1, 10)

logger = logging.getLogger("charmer")


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """The slices of `evaluate_problems`, or a gap where generated code cannot be isolated and may not run without.

    Args:
        model: the model's folder.
        data: nothing of it is used.
        settings: problems (a path), samples, max_bytes, temperature, seed, timeout; allow_unsandboxed, where given.
        threads: of the CPU, for the model and for the judge.

    Raises:
        Failure: the file of problems is absent or wrong, none of its own solutions passes, or a sandbox does not start.
    """
    return measure(METRIC, model, settings, threads)


def measure(metric: str, model: Path, settings: dict[str, Any], threads: int) -> pa.Table:
    """What `evaluate` gives, as the table of `metric`.

    Raises:
        Failure: as `evaluate`.
    """
    problems = load(Path(settings["problems"]))
    try:
        sandbox = Sandbox(settings.get("allow_unsandboxed", False))
    except Unavailable as reason:
        logger.warning("%s: %s", metric, reason)
        return gap(str(reason))
    return evaluate_problems(model, problems, settings, threads, sandbox, metric)


def evaluate_problems(
    model: Path,
    problems: Sequence[Problem],
    settings: dict[str, Any],
    threads: int,
    sandbox: Sandbox,
    metric: str = METRIC,
) -> pa.Table:
    """Slices: "pass@1" and, with at least ten samples, "pass@10"; and the same for each tier ("tier=2 pass@1").

    Args:
        model: the model's folder.
        problems: as `problems.load` gives them.
        settings: samples, max_bytes, temperature, seed; timeout, the processor time of one sample in seconds.
        threads: of the CPU.
        sandbox: where the samples run.
        metric: the table's name for itself.

    The detail of "pass@1" holds `problems` (task_id, tier, right, samples), `programs`, some samples for the eye
    (task_id, tier, prompt, text, passed, reason), `left_out` (the reason by task_id) and `longer`, the share of the
    problems whose own solution has more than max_bytes.

    Raises:
        Failure: no problem's own solution passes its tests here, or a sandbox does not start.
    """
    network, tokenizer = subject.load(model, threads)
    samples = write(network, tokenizer, problems, settings)
    programs = [[solution(problem), *texts] for problem, texts in zip(problems, samples, strict=True)]
    verdicts = judge_samples(problems, programs, settings["timeout"], threads, sandbox)
    left_out = refused(problems, [own for own, *_ in verdicts])
    kept = [place for place, problem in enumerate(problems) if problem.task_id not in left_out]
    sound = [problems[place] for place in kept]
    longer = sum(length(problem) > settings["max_bytes"] for problem in sound) / len(sound)
    more = {"left_out": left_out, "longer": longer}
    return figures(sound, [samples[place] for place in kept], [verdicts[place][1:] for place in kept], more, metric)


def solution(problem: Problem) -> str:
    """The program that is right."""
    return problem.prompt + problem.canonical_solution


def length(problem: Problem) -> int:
    """How many bytes the model would have to write for the problem's own solution."""
    return len(solution(problem)[len(problem.prompt.rstrip()) :].rstrip().encode())


def refused(problems: Sequence[Problem], verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Why problems are left out, by their task_id, as the verdicts on their own solutions say; warns of it in a line.

    Raises:
        Failure: all of them are.
    """
    left_out = {
        problem.task_id: verdict.reason
        for problem, verdict in zip(problems, verdicts, strict=True)
        if not verdict.passed
    }
    if left_out:
        first = next(iter(left_out))
        if len(left_out) == len(problems):
            raise Failure(
                f"problems: not one of the {len(problems)} passes its tests with its own solution here ({first}: "
                f"{left_out[first]}); solutions have Python's standard library alone and return plain data"
            )
        logger.warning(
            "left out %d of %d problems, whose own solutions do not pass here (%s: %s): %s",
            *(len(left_out), len(problems), first, left_out[first], ", ".join(left_out)),
        )
    return left_out


def write(
    network: Transformer, tokenizer: Tokenizer, problems: Sequence[Problem], settings: dict[str, Any]
) -> list[list[str]]:
    """`settings["samples"]` programs for each problem: the prompt, and the model's function up to its end."""
    count = settings["samples"]
    prompts = [problem.prompt for problem in problems for _ in range(count)]
    texts = [text for text, _ in writing.definitions(network, tokenizer, prompts, settings, "program")]
    return [texts[first : first + count] for first in range(0, len(texts), count)]


def judge_samples(
    problems: Sequence[Problem], samples: Sequence[Sequence[str]], timeout: float, threads: int, sandbox: Sandbox
) -> list[list[Verdict]]:
    """The verdict on each sample of each problem."""
    work = [
        (Task(solution(problem), problem.entry_point, problem.test), texts)
        for problem, texts in zip(problems, samples, strict=True)
    ]
    verdicts = []
    with Progress("judging", len(problems), "problem") as progress:
        for found in judge(sandbox, work, timeout, threads):
            verdicts.append(found)
            progress.advance(1)
    return verdicts


def pass_at(k: int, samples: int, right: int) -> float:
    """The unbiased estimate of the chance that of `k` samples one is right, when `right` of `samples` are."""
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)


def figures(
    problems: Sequence[Problem],
    samples: Sequence[Sequence[str]],
    verdicts: Sequence[Sequence[Verdict]],
    more: dict[str, Any] | None = None,
    metric: str = METRIC,
) -> pa.Table:
    """The table of what was judged, with `more` in the detail of the main figure."""
    right = [sum(verdict.passed for verdict in found) for found in verdicts]
    count = len(verdicts[0])
    tiers = sorted({problem.tier for problem in problems if problem.tier is not None})
    rows: list[Row] = []
    for tier in (None, *tiers):
        members = [place for place, problem in enumerate(problems) if tier is None or problem.tier == tier]
        for k in (k for k in KS if k <= count):
            chances = np.array([pass_at(k, count, right[place]) for place in members])
            detail = _detail(problems, samples, verdicts, right) | (more or {}) if not rows else {}
            name = f"pass@{k}" if tier is None else f"tier={tier} pass@{k}"
            rows.append(_row(name, chances, [problems[place] for place in members], detail))
    return table(metric, rows)


def _row(name: str, chances: np.ndarray, problems: Sequence[Problem], detail: dict[str, Any]) -> Row:
    """Interval by the bootstrap; where all problems ended alike it would claim certainty, and Wilson's stands in."""
    ids = [case_id(problem.prompt, problem.test) for problem in problems]
    row = ratio(name, chances, np.ones(len(chances)), ids, "problems", **detail)
    if chances.min() == chances.max():
        alike = wilson(round(float(chances.sum())), len(chances)) if chances[0] in (0.0, 1.0) else None
        return replace(row, interval=alike, detail={**(row.detail or {}), "interval": "Wilson"})
    return row


def _detail(
    problems: Sequence[Problem],
    samples: Sequence[Sequence[str]],
    verdicts: Sequence[Sequence[Verdict]],
    right: Sequence[int],
) -> dict[str, Any]:
    """One program a problem, first those that passed, the hardest of them first."""
    chosen: list[dict[str, Any]] = []
    for problem, texts, found in zip(problems, samples, verdicts, strict=True):
        text, verdict = max(zip(texts, found, strict=True), key=lambda pair: pair[1].passed)
        chosen.append(
            {"task_id": problem.task_id, "tier": problem.tier, "prompt": problem.prompt.rstrip(), "text": text}
            | {"passed": verdict.passed, "reason": verdict.reason}
        )
    chosen.sort(key=lambda program: (-program["passed"], -(program["tier"] or 0)))
    counts = [
        {"task_id": problem.task_id, "tier": problem.tier, "right": good, "samples": len(found)}
        for problem, good, found in zip(problems, right, verdicts, strict=True)
    ]
    return {"problems": counts, "programs": chosen[:SHOWN]}
