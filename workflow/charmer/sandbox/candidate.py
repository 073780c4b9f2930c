"""Inside the candidate's sandbox: load a program, and answer calls of one of its functions.

In:  a line with the program and the function's name, then a line of arguments for each call
Out: a line for each call: what it returned with what became of its arguments, or what it raised

Whatever the program does to this process harms its own answers alone. Runs as `python -c`, behind the source of
`values`, with `source` as the line that the judge sends first.
"""

import os
import sys
from typing import Any

from charmer.sandbox.values import decode, encode


def errors(error: BaseException) -> list[str]:
    """The names of an exception's classes among Python's own, from the most special on."""
    return [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]


def answer(function: Any, call: str) -> str:
    """The reply to one call."""
    try:
        arguments, named = decode(call)
        returned = function(*arguments, **named)
        return encode({"returned": returned, "arguments": arguments})
    except Exception as error:
        return encode({"raised": errors(error), "text": str(error)[:1000]})


def serve() -> None:
    """Answer until the input ends."""
    calls = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # the program may read and print as it likes
        os.dup2(nowhere, stream)
    sys.setrecursionlimit(5000)
    order = decode(calls.readline())
    names: dict[str, Any] = {"__name__": "candidate"}
    try:
        exec(compile(order["program"], "<candidate>", "exec", dont_inherit=True), names)
        function = names[order["entry_point"]]
    except Exception as error:
        load_error = error

        def function(*_: Any, **__: Any) -> Any:
            raise load_error

    for call in calls:
        print(answer(function, call), file=replies, flush=True)


if __name__ == "__main__":
    serve()
