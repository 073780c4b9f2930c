"""Inside the tester's sandbox: run a problem's tests against a function that lives in another sandbox.

In:  a line with the problem; then for each candidate a line "begin", and a line for each reply
Out: "call " and arguments; at a candidate's end "passed" or "failed " and a reason

The tests see the problem's own solution, for the helpers that it defines, with the tested name bound to a stand-in
that asks the candidate. No code of a candidate ever runs here, so what this process says can be trusted. Runs as
`python -c`, behind the source of `values`.
"""

import builtins
import contextlib
import os
import sys
from collections.abc import Callable
from typing import IO, Any

from charmer.sandbox.values import NotPlain, decode, encode


class Gone(BaseException):
    """The candidate gave no usable answer. No `except Exception` of a test shall catch it."""


def stand_in(calls: IO[str], replies: IO[str]) -> Callable[..., Any]:
    """A function that asks the candidate."""

    def candidate(*arguments: Any, **named: Any) -> Any:
        print("call " + encode([list(arguments), named]), file=calls, flush=True)
        try:
            reply = decode(replies.readline())
            if "raised" in reply:
                outcome = raised(reply["raised"], reply["text"])
            else:
                outcome = None
                for mine, theirs in zip(arguments, reply["arguments"], strict=True):
                    become(mine, theirs)
                returned = reply["returned"]
        except (NotPlain, TypeError, KeyError, ValueError):
            raise Gone("no usable answer") from None
        if outcome is not None:
            raise outcome
        return returned

    return candidate


def raised(names: list[str], text: str) -> Exception:
    """What the candidate raised, as the nearest of Python's own exceptions."""
    for name in names:
        kind = getattr(builtins, str(name), None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            with contextlib.suppress(TypeError):  # UnicodeDecodeError and its like want more than a text
                return kind(text)
    return Exception(text)


def become(mine: Any, theirs: Any) -> None:
    """Carry a change that the candidate made to an argument over to the test's own object."""
    if type(mine) is not type(theirs) or mine == theirs:
        return
    if isinstance(mine, list | bytearray):
        mine[:] = theirs
    elif isinstance(mine, dict | set):
        mine.clear()
        mine.update(theirs)


def verdict(problem: dict[str, str], candidate: Callable[..., Any]) -> str:
    """Run the tests once, in names of their own."""
    names: dict[str, Any] = {"__name__": "tests"}
    try:
        exec(compile(problem["solution"], "<solution>", "exec", dont_inherit=True), names)
        names[problem["entry_point"]] = candidate
        exec(compile(problem["test"], "<test>", "exec", dont_inherit=True), names)
        names["check"](candidate)
    except Gone as gone:
        return f"failed {gone}"
    except Exception as error:
        return "failed " + " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return "passed"


def serve() -> None:
    """Judge candidates until the input ends."""
    replies = os.fdopen(os.dup(0), encoding="utf-8")
    calls = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.setrecursionlimit(5000)
    problem = decode(replies.readline())
    while replies.readline() == "begin\n":
        print(verdict(problem, stand_in(calls, replies)), file=calls, flush=True)


if __name__ == "__main__":
    serve()
