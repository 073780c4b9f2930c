"""The table of escapes: what is tried, whether it succeeds without the sandbox, and what became of it inside.

    .venv/bin/python tests/benchmarks/escapes.py

Three parts: ways out, programs that take more than they may, and programs that try to pass tests without being right
(for these: what a judge would say that trusts their exit status). Ends with status 1 where something is not contained.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from charmer.sandbox.judge import judge
from charmer.sandbox.limits import Limits, Outcome
from charmer.sandbox.run import Sandbox

sys.path.insert(0, str(Path(__file__).parents[1]))
attacks, forged = (importlib.import_module(f"sandbox.{name}") for name in ("attacks", "test_judge"))

Line = tuple[str, str, str, bool]  # name, without the sandbox, inside, whether it is contained


def python(sandbox: Sandbox, code: str, **limits: float) -> Outcome:
    return sandbox.run(["python3", "-c", code], limits=Limits(**{"wall_seconds": 120, "memory_mb": 256} | limits))


def escapes(sandbox: Sandbox) -> Iterator[Line]:
    """The ways out."""
    os.environ[attacks.SECRET] = "x"
    with attacks.places() as (real, stand_ins):
        inside = json.loads(python(sandbox, attacks.attempts(real, attacks.ESCAPES), cpu_seconds=60).stdout)
        outside = json.loads(attacks.without_a_sandbox(attacks.attempts(stand_ins, attacks.controls())))
    for name, escape in attacks.ESCAPES.items():
        control = f"not tried: {escape.without}"
        if name in outside:
            control = "escapes" if "escaped" in outside[name] else "not allowed to this user either"
        got_out = "escaped" in inside[name]
        yield name, control, "ESCAPES" if got_out else inside[name].strip() or "nothing to be had", not got_out


def limits(sandbox: Sandbox) -> Iterator[Line]:
    """Programs that end by themselves, under a limit and with it lifted; and those that never end."""
    for name, bounded in attacks.LIFTED.items():
        low, high = (python(sandbox, bounded.code, **limit).status for limit in (bounded.low, bounded.high))
        yield f"limit: {name}", "runs to its end" if high == "ok" else high, low, low in bounded.ended
    for name, (code, limit, expected) in attacks.BOMBS.items():
        status = python(sandbox, code, **limit).status
        yield name, "never ends", status, status in expected


def forgeries(sandbox: Sandbox) -> Iterator[Line]:
    """Programs that try to pass."""
    (verdicts,) = judge(sandbox, [(forged.DOUBLE, list(forged.FORGERIES.values()))], 1.0, workers=1)
    for (name, code), verdict in zip(forged.FORGERIES.items(), verdicts, strict=True):
        trusting = python(sandbox, f"{code}\n{forged.CHECK}\ncheck(double)\n", wall_seconds=5, cpu_seconds=2)
        control = "passes by its exit status" if trusting.status == "ok" else "fails by its exit status too"
        yield name, control, "PASSES" if verdict.passed else verdict.reason, not verdict.passed


def main() -> int:
    sandbox, lines = Sandbox(), 0
    escaped: list[str] = []
    for part in (escapes, limits, forgeries):
        print(f"\n{part.__doc__}\n")
        print(f"{'tried':36} {'without':34} in the sandbox")
        for name, control, inside, contained in part(sandbox):
            print(f"{name[:36]:36} {control[:34]:34} {inside.splitlines()[0][:60]}", flush=True)
            lines += 1
            escaped += [] if contained else [name]
    print(f"\n{lines} tried, {lines - len(escaped)} contained" + (f"; NOT: {', '.join(escaped)}" if escaped else ""))
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
