"""`charmer check`: faults in files of Python, and spots that look wrong to the model.

Exit codes are those of linters: 0 nothing found, 1 something found, 2 wrong usage, or nothing found and a file that
cannot be read.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    from charmer.errors.finding import Finding

HELP = "find what does not parse, and what looks wrong, in files of yours"
CLEAN, FOUND, WRONG = 0, 1, 2


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a directory of Python files")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print a list of JSON objects")
    shape.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code hosts")
    parser.add_argument(
        "--false-alarms", type=rate, default=1.0, metavar="N", help="in 500 lines of sound code, at most (default: 1)"
    )
    models.add_arguments(parser)


def rate(text: str) -> float:
    """A number of false alarms, for argparse; inf shows every suspicious spot."""
    number = float(text)
    if math.isnan(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


def run(options: argparse.Namespace) -> int:
    """Check and print; 1 where anything was found, 2 where a path or the model cannot be read."""
    try:
        return checked(options)
    except Failure as failure:
        print(f"charmer check: {failure}", file=sys.stderr)
        return WRONG


def checked(options: argparse.Namespace) -> int:
    """As `run`.

    Raises:
        Failure: a path or the model is not there, or damaged.
    """
    from charmer.common.progress import Progress
    from charmer.corpus import given
    from charmer.errors import shown
    from charmer.errors.check import undeclared

    rows, refused = given.read(options.paths, workers=max(options.threads, 2))
    unread = [one for one in refused if one.reason != "empty"]
    given.complain(unread)
    for row in rows:
        if row["kind"] == "notebook":
            print(f"not checked: {row['path']}: is a notebook, whose lines are not its file's", file=sys.stderr)
    rows = [row for row in rows if row["kind"] != "notebook"]
    found: list[Finding] = []
    if rows:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        texts = [row["text"].replace("\r\n", "\n").replace("\r", "\n") for row in rows]
        lines = [text.count("\n") + 1 for text in texts]
        with (
            closing(_findings(options, [row["path"] for row in rows], texts)) as checks,
            Progress("check", sum(lines), "line") as progress,
        ):
            for row, marked, text, length in zip(rows, checks, texts, lines, strict=True):
                unreadable = undeclared(row["encoding"], row["encoding_from"], row["path"])
                here = [*([unreadable] if unreadable else []), *marked]
                if not (options.json or options.sarif):
                    for finding in here:
                        print(shown.excerpt(finding, text, color), flush=True)
                found += here
                progress.advance(length)
    if options.json:
        print(json.dumps([finding.record() for finding in found], ensure_ascii=False, indent=1))
    elif options.sarif:
        print(json.dumps(shown.sarif(found), ensure_ascii=False, indent=1))
    return FOUND if found else WRONG if unread else CLEAN


def _findings(
    options: argparse.Namespace, paths: Sequence[str], texts: Sequence[str]
) -> Generator[list[Finding], None, None]:
    """What is wrong with each text, in their order.

    Raises:
        Failure: the model is not there, or damaged.
    """
    from charmer.errors import calibration, many
    from charmer.errors.check import check

    network, tokenizer = models.load(options)
    model = models.folder(options.model)
    known = calibration.read(model)

    def here(task: many.Task) -> list[Finding]:
        return check(network, tokenizer, task.text, task.path, false_alarms=task.false_alarms, calibration=known)

    tasks = (many.Task(model, text, path, options.false_alarms) for path, text in zip(paths, texts, strict=True))
    if models.device(options.device) == "cpu" and many.worth(texts, options.threads):
        yield from many.checked(tasks, options.threads, here)
    else:
        yield from map(here, tasks)
