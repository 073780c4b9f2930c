"""The last words of a call: what the finished run amounts to, or why a job failed."""

from __future__ import annotations

import atexit
import os
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from charmer.pipeline.job import reasons
from charmer.pipeline.plan import Plan

_started = time.time()


def print_summary(plans: Iterable[Plan]) -> None:
    """Print what the runs that this call finished amount to, unless the caller does so itself (CHARMER_QUIET)."""
    if os.environ.get("CHARMER_QUIET"):
        return
    summaries = (plan.run.folder / "summary.json" for plan in plans)
    for summary in summaries:
        if summary.exists() and summary.stat().st_mtime >= _started:
            from charmer.report.summary import text  # not needed, and slow to import, in a call that finishes no run

            print("\n" + text(summary.parent), flush=True)


def print_reasons_last(log: str) -> None:
    """Repeat why jobs failed after all that Snakemake still has to say, so that it is what the person reads last.

    Args:
        log: Snakemake's own log of this call, which knows of jobs that could not give a reason.
    """
    told = reasons() or [
        f"{rule}: ended without a word (killed from outside, or out of memory?); its log: {file}"
        for rule, file in re.findall(
            r"Error in rule (\w+):.*?\n\s+log: (\S+)", Path(log).read_text(encoding="utf-8"), re.DOTALL
        )
    ]
    lines = "\n".join(f"error: {line}" for line in dict.fromkeys(told))
    atexit.register(lambda: print(f"\n{lines}", file=sys.stderr))
