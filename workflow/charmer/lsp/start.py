"""Opens the model and speaks to the client on standard input and output."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from typing import BinaryIO

from charmer.commands.support import models
from charmer.errors import calibration
from charmer.inference import context, ngram_cache
from charmer.inference.decoder import Decoder
from charmer.lsp.server import Engine, build
from charmer.lsp.settings import Settings

ABRUPT = 1  # exit code where the client never asked the server to end, as the protocol has it


def serve(options: argparse.Namespace) -> int:
    """Serve one client until it leaves.

    Args:
        options: those of `charmer lsp`.

    Raises:
        Failure: the model can't be opened.
    """
    wire = claimed()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="charmer lsp: %(message)s")
    logging.getLogger("charmer").setLevel(logging.INFO if options.verbose else logging.WARNING)
    logging.getLogger("pygls").setLevel(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a thread that waits for a line would outlive the exception
    folder = models.folder(options.model)
    network, tokenizer = models.load(options)
    decoder = Decoder(network, tokenizer, ngrams=ngram_cache.read(folder))
    decoder.warm(aside=True)
    engine = Engine(decoder, context.learned(folder), calibration.read(folder), options.threads)
    settings = Settings(options.pause, options.manual, options.until, not options.no_check, options.check_pause)
    server = build(engine, settings)
    if sys.stdin.isatty():
        print("charmer lsp: waits for an editor on standard input; Ctrl-C ends it", file=sys.stderr)
    try:
        server.start_io(stdout=wire)
    finally:
        server.close()
    return 0 if server.ended else ABRUPT


def claimed() -> BinaryIO:
    """Standard output, for the protocol alone: whatever else is printed goes to standard error from now on."""
    sys.stdout.flush()
    wire = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return wire
