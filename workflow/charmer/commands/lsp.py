"""`charmer lsp`: suggestions, marks and quick fixes in any editor that speaks the Language Server Protocol.

It speaks on standard input and output. Settings can also come from the editor: `pause`, `manual`, `until`, `check` and
`checkPause` in its `initializationOptions`.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from charmer.commands.support import models
from charmer.common.failure import Failure

HELP = "a language server: suggestions, marks and quick fixes in your editor"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--pause", type=pause, default=100, metavar="MS", help="without typing before it suggests (default: 100)"
    )
    parser.add_argument("--manual", action="store_true", help="suggest only where the editor says that a person asked")
    parser.add_argument(
        "--until",
        choices=["line", "block", "function", "file"],
        default="block",
        help="where a suggestion ends (default: block)",
    )
    parser.add_argument("--no-check", action="store_true", help="mark nothing")
    parser.add_argument(
        "--check-pause", type=pause, default=700, metavar="MS", help="without typing before it checks (default: 700)"
    )
    parser.add_argument("--stdio", action="store_true", help="what it does in any case; some editors add it")
    parser.add_argument("--verbose", action="store_true", help="a line on standard error for each suggestion")
    models.add_arguments(parser)


def pause(text: str) -> int:
    """Milliseconds, for argparse."""
    number = int(text)
    if not 0 <= number <= 60_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 60000 milliseconds")
    return number


def run(options: argparse.Namespace) -> int:
    """Serve one editor until it leaves; 1 where it leaves without saying so.

    Raises:
        Failure: the model is not there or damaged, or pygls is not installed.
    """
    if find_spec("pygls") is None:
        raise Failure("needs the package pygls; install it with `pip install pygls`")
    models.folder(options.model)  # before the seconds that everything else takes to load
    from charmer.lsp.start import serve

    return serve(options)
