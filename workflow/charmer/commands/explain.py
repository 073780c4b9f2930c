"""`charmer explain`: what a traceback says about a person's own code, and what `check` finds in that function.

The traceback comes from a file or from standard input; nothing is run. Exit code 2 where there is none to be read.
"""

from __future__ import annotations

import argparse
import codecs
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    from charmer.errors.finding import Finding
    from charmer.errors.trace import Frame

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
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # what PowerShell's `>` writes
    found = trace.read(data.decode("utf-16" if wide else "utf-8-sig", errors="replace"))
    if found is None:
        name = options.file or "standard input"
        print(f"charmer explain: {name}: holds no traceback; give it what Python or pytest printed", file=sys.stderr)
        return 2
    frame = explain.own(found)
    said = explain.meaning(found)
    findings, text = suspects(options, frame) if frame else ([], "")
    if options.json:
        place = {"path": frame.path, "line": frame.line, "function": frame.function} if frame else None
        records = [finding.record() for finding in findings]
        record: dict[str, Any] = {"type": found.type, "message": found.message, "groups": found.groups}
        record |= {"meaning": said, "frame": place, "findings": records}
        print(json.dumps(record, ensure_ascii=False, indent=1))
        return 0
    from charmer.errors import shown

    if frame is None:
        last = f" It was raised at {found.frames[-1].path}, line {found.frames[-1].line}." if found.frames else ""
        print(f"{found.type}: {said}.{last} None of the files is here.")
        if found.groups:
            print(first_of(found.groups))
        return 0
    inside = f", in {frame.function}" if frame.function and frame.function != "<module>" else ""
    print(f"{frame.path}, line {frame.line}{inside}: {found.type}: {said}.")
    lines = text.split("\n")
    if 0 < frame.line <= len(lines):
        print(f"{frame.line:>5} | {lines[frame.line - 1]}")
    if found.groups:
        print(first_of(found.groups))
    if findings:
        print("\nWhat looks wrong there, the likeliest first:")
        for finding in findings:
            print(shown.excerpt(finding, text))
    return 0


def first_of(groups: Sequence[str]) -> str:
    """Which exception of a group, and of the groups in it, is explained; how many there are is in their messages."""
    return "This is the first exception of the group `" + "`, and there of the group `".join(groups) + "`."


def suspects(options: argparse.Namespace, frame: Frame) -> tuple[list[Finding], str]:
    """What `check` finds around a frame, with its threshold off, and the file's text.

    Raises:
        Failure: the file can't be read, or the model is not there or damaged.
    """
    from charmer.corpus import given
    from charmer.errors import explain
    from charmer.errors.check import check

    rows, refused = given.read([Path(frame.path)])
    if not rows:
        raise Failure(f"{frame.path}: {refused[0].reason}; the traceback names it, and it cannot be read")
    text = rows[0]["text"].replace("\r\n", "\n").replace("\r", "\n")
    network, tokenizer = models.load(options)
    near = explain.lines_around(text, frame.line, frame.function)
    found = check(network, tokenizer, text, frame.path, false_alarms=math.inf)
    return [one for one in found if one.kind == "syntax" or one.line in near][:SHOWN], text
