"""`charmer fix`: mend a file of Python, and prove it with the tests of its project.

Exit code 0 only where something is proved: the test command failed before and passes now, or the file did not parse
before and does now. The file is written with --write alone. With --json there is an object even where all is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from charmer.errors.fix import Fix

HELP = "find the bug in a file, and try edits until the tests pass"
EVERY = 2.0  # seconds between lines about the search


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to mend")
    parser.add_argument("--test", metavar="CMD", help="a command that fails now; it runs in the sandbox, on a copy")
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="seconds for everything but loading (default: 60)"
    )
    parser.add_argument("--write", action="store_true", help="write the file, where the fix is proved")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--project", type=Path, metavar="FOLDER", help="what the tests need (default: the repository)")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a variable that the tests need: yours, or set to VALUE; may be repeated (no others reach the sandbox but "
        "VIRTUAL_ENV, PYTHONPATH and PYTEST_ADDOPTS)",
    )
    parser.add_argument(
        "--allow-unsandboxed", action="store_true", help="run the tests even where nothing can isolate them"
    )
    models.add_arguments(parser)


def seconds(text: str) -> float:
    """A time above zero, for argparse."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time")
    return number


def variables(given: list[str]) -> dict[str, str]:
    """What `--env` asks for, by name.

    Raises:
        Failure: a name that is not set here, or no name at all.
    """
    found = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not name:
            raise Failure(f"--env {text}: names no variable; write NAME, or NAME=VALUE")
        if not sign and name not in os.environ:
            raise Failure(f"--env {name}: is not set here; export it, or write --env {name}=VALUE")
        found[name] = value if sign else os.environ[name]
    return found


def run(options: argparse.Namespace) -> int:
    """Search, print, and write if that is wanted; 0 where a fix is proved.

    Raises:
        Failure: the file, the test command or the model is not such that anything could be proved.
    """
    from charmer.errors.fix import Fix

    began = time.monotonic()
    try:
        found = search(options)
    except Failure as failure:
        if options.json:
            show_json(Fix(None, "", 0, time.monotonic() - began, None, error=" ".join(str(failure).split())))
        raise
    show_json(found) if options.json else show(found, options)
    return 0 if found.fixed else 1


def search(options: argparse.Namespace) -> Fix:
    """Mend the file, and write it if that is wanted and proved.

    Raises:
        Failure: as in `run`.
    """
    from charmer.errors import document, fix
    from charmer.inference import context
    from charmer.sandbox.run import Sandbox

    environment = variables(options.env)
    file = document.Document.read(options.file)
    with document.alone(file.path):
        fix.check_target(file)
        if options.write:
            file.check_writable()
        sandbox = Sandbox(options.allow_unsandboxed) if options.test else None
        network, tokenizer = models.load(options)
        mender = fix.Mender(network, tokenizer, context.learned(models.folder(options.model)))
        told = None if options.json else tell()
        found = fix.run(
            mender, file, options.test, options.timeout, options.threads, sandbox, options.project, told, environment
        )
        if options.write and found.text is not None:
            file.write(file.with_text(found.text))
    return found


def tell() -> Callable[[str], None]:
    """A function that writes lines to standard error, those about the search at most every `EVERY` seconds."""
    last = 0.0

    def told(line: str) -> None:
        nonlocal last
        if not line.endswith(" tried") or time.monotonic() - last > EVERY:
            last = time.monotonic()
            print(line, file=sys.stderr)

    return told


def show_json(found: Fix) -> None:
    """Print all that is known as one object in one line."""
    print(json.dumps(found.record(), ensure_ascii=False))


def show(found: Fix, options: argparse.Namespace) -> None:
    """Print the patch and what is proved, or what is not."""
    if found.fixed:
        print(found.patch, end="")
        for line in found.proved:
            print(f"# {line}")
        print(f"# {found.attempts} tried in {found.seconds:.1f} s")
        print(f"# {options.file} is written" if options.write else "# nothing is written; --write does it")
    elif options.test:
        why = found.error or "no edit made the tests pass"
        print(f"# {why}: {found.attempts} tried in {found.seconds:.1f} s", file=sys.stderr)
    if found.suggestions:
        print("# unproven suggestions, the likeliest first:" if not found.fixed else "# or, as likely to parse:")
        for number, one in enumerate(found.suggestions, start=1):
            print(f"# {number}. line {one.line}")
            print("".join(f"    {line}\n" for line in one.patch.removesuffix("\n").split("\n")), end="")
    elif not found.fixed and not options.test:
        print("# nothing to suggest", file=sys.stderr)
