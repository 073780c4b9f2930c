"""Inside a sandbox, as `sitecustomize`: which lines of one file each test executes.

Python imports it by itself at its start. It writes a JSON object a process to the folder $CHARMER_TRACE: the name of
each test, or "" where nobody says, and the lines of $CHARMER_TRACED that ran meanwhile. pytest says in an environment
variable which test it is at.
"""

# ruff: noqa: PTH118, PTH119, PTH123

import atexit
import json
import os
import sys
import threading
from types import FrameType
from typing import Any


def begin(target: str, folder: str) -> None:
    """Trace from now on, in this thread and those to come."""
    target = os.path.realpath(target)
    name = os.path.basename(target)
    known: dict[str, bool] = {}
    seen: dict[str, set[int]] = {}

    def calls(frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.endswith(name):
            return None
        if path not in known:
            known[path] = os.path.realpath(path) == target
        if not known[path]:
            return None
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        ran = seen.setdefault(test, set())
        ran.add(frame.f_lineno)

        def lines(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                ran.add(frame.f_lineno)
            return lines

        return lines

    def write() -> None:
        sys.settrace(None)
        with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as file:
            json.dump({test: sorted(ran) for test, ran in seen.items()}, file)

    atexit.register(write)
    threading.settrace(calls)
    sys.settrace(calls)


if __name__ == "sitecustomize":
    begin(os.environ["CHARMER_TRACED"], os.environ["CHARMER_TRACE"])
