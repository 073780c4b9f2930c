"""Inside the tester's sandbox: run a problem's tests against a function that lives in another sandbox.

In:  a line with the problem; then for each candidate a line "begin", and the candidate's lines
Out: "ready" at the start; lines for the candidate; at its end "passed", or "failed " and a reason

The tests see the problem's own solution, for the helpers that it defines, with the tested name bound to a stand-in
that asks the candidate. No code of a candidate ever runs here, so what this process says can be trusted. Runs as
`python -c`, behind the source of `values`.
"""

import json
import os
import sys
from typing import Any

from charmer.sandbox.values import Gone, Peer

DEPTH = 5000  # of recursion


def verdict(problem: dict[str, str], peer: Peer) -> str:
    """Run the tests once, in names of their own, against the function of `peer`."""
    names: dict[str, Any] = {"__name__": "tests"}
    candidate = peer.stand_in(0)
    try:
        exec(compile(problem["solution"], "<solution>", "exec", dont_inherit=True), names)
        names[problem["entry_point"]] = candidate
        exec(compile(problem["test"], "<test>", "exec", dont_inherit=True), names)
        names["check"](candidate)
    except Gone as gone:
        return f"failed {gone}"
    except Exception as error:
        return "failed " + " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return "failed no usable answer" if peer.gone else "passed"


def serve() -> None:
    """Judge candidates until the input ends."""
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.setrecursionlimit(DEPTH)

    def send(line: str) -> None:
        print(line, file=said, flush=True)

    send("ready")
    problem = json.loads(lines.readline())
    while lines.readline() == "begin\n":
        send(verdict(problem, Peer(send, lines.readline, [])))


if __name__ == "__main__":
    serve()
