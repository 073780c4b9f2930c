"""`charmer play`: the playground, in the person's browser.

Notable here: it is `charmer serve` on a port that is free, and opens the page; nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import webbrowser

from charmer.commands import serve as serving

HELP = "open the playground: write beside the model, and see what it thinks"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes: all that `charmer serve` takes, too."""
    serving.arguments(parser)
    parser.set_defaults(port=0)
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open nothing")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; 2 where arguments do not go together.

    Raises:
        Failure: the model is not there, or the address can't be listened at.
    """
    return serving.run(options, opened=lambda address: options.no_browser or webbrowser.open(address))
