"""`charmer explain`: what a traceback says about a person's own code, and what `check` finds in that function.

The traceback comes from a file or from standard input; nothing is run. Exit code 2 where there is none to be read.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from charmer.commands.support import models
from charmer.common.failure import Failure

HELP = "say what a traceback means, and check the function in which it ends"
SHOWN = 3  # suspicious spots of the function


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="a log with the traceback (default: standard input)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    models.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Explain and print; 2 where no traceback can be read.

    Raises:
        Failure: the model is not there or damaged.
    """
    from charmer.errors import explain, trace

    try:
        data = options.file.read_bytes() if options.file else sys.stdin.buffer.read()
    except OSError as error:
        print(f"charmer explain: {options.file}: {error.strerror or error}", file=sys.stderr)
        return 2
    found = trace.read(data.decode("utf-8", errors="replace"))
    if found is None:
        print("charmer explain: holds no traceback; give it what Python or pytest printed", file=sys.stderr)
        return 2
    frame = explain.own(found)
    said = explain.meaning(found)
    findings, text = suspects(options, frame.path, frame.line) if frame else ([], "")
    if options.json:
        place = {"path": frame.path, "line": frame.line, "function": frame.function} if frame else None
        records = [finding.record() for finding in findings]
        record = {"type": found.type, "message": found.message, "meaning": said, "frame": place, "findings": records}
        print(json.dumps(record, ensure_ascii=False, indent=1))
        return 0
    from charmer.errors import shown

    if frame is None:
        last = f" It was raised at {found.frames[-1].path}, line {found.frames[-1].line}." if found.frames else ""
        print(f"{found.type}: {said}.{last} None of the files is here.")
        return 0
    inside = f", in {frame.function}" if frame.function and frame.function != "<module>" else ""
    print(f"{frame.path}, line {frame.line}{inside}: {found.type}: {said}.")
    lines = text.split("\n")
    if frame.line <= len(lines):
        print(f"{frame.line:>5} | {lines[frame.line - 1]}")
    if findings:
        print("\nWhat looks wrong there, the likeliest first:")
        for finding in findings:
            print(shown.excerpt(finding, text))
    return 0


def suspects(options: argparse.Namespace, path: str, line: int) -> tuple[list, str]:
    """What `check` finds in the function around a line, with its threshold off, and the file's text."""
    from charmer.corpus import given
    from charmer.errors import explain
    from charmer.errors.check import check

    rows, refused = given.read([Path(path)])
    if not rows:
        raise Failure(f"{path}: {refused[0].reason}; the traceback names it, and it cannot be read")
    text = rows[0]["text"].replace("\r\n", "\n").replace("\r", "\n")
    network, tokenizer = models.load(options)
    first, last = explain.function_lines(text, line)
    found = check(network, tokenizer, text, path, false_alarms=math.inf)
    near = [one for one in found if one.kind == "syntax" or first <= one.line <= last]
    return near[:SHOWN], text
