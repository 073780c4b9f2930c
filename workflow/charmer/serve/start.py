"""Puts a model, the application and uvicorn together."""

from __future__ import annotations

import argparse
import logging
import socket
from collections.abc import Callable

import uvicorn

from charmer.commands.support import models
from charmer.errors import calibration
from charmer.inference import context, ngram_cache
from charmer.inference.decoder import Decoder
from charmer.serve import app
from charmer.serve.batching import Scheduler
from charmer.serve.outcomes import Outcomes
from charmer.serve.protocol import impatient
from charmer.serve.running import Desk
from charmer.serve.safety import Access, Limits
from charmer.serve.service import Service

GRACE = 2  # seconds that open requests have to end when the server is told to


def serve(
    options: argparse.Namespace,
    listening: socket.socket,
    access: Access,
    opened: Callable[[str], object] = lambda address: None,
) -> int:
    """Serve at a bound socket until a signal ends it.

    Args:
        options: those of `charmer serve`.
        opened: called with the address, which answers from then on.

    Raises:
        Failure: the model can't be opened.
    """
    folder = models.folder(options.model)
    network, tokenizer = models.load(options)
    decoder = Decoder(network, tokenizer, options.parallel, ngrams=ngram_cache.read(folder))
    decoder.warm(aside=True)
    say = (lambda line: print(line, flush=True)) if options.verbose else None
    service = Service(
        Scheduler(decoder, options.threads),
        Desk(options.parallel, options.waiting, options.threads),
        Outcomes(say=say),
        name=folder.resolve().name,
        infill=context.learned(folder),
        markers=not options.literal_markers,
        most_tokens=options.max_tokens,
        metrics=options.metrics,
        calibration=calibration.read(folder),
    )
    address, number = listening.getsockname()[:2]
    place = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
    print(f"{service.name} answers at {place} (what became of requests: {place}/status); Ctrl-C ends it", flush=True)
    opened(place)
    server(service, access, Limits()).run(sockets=[listening])
    return 0


def server(service: Service, access: Access, limits: Limits) -> uvicorn.Server:
    """uvicorn around the application, quiet and impatient."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app.build(service, access, limits),
        http=impatient(limits.head_seconds, service.outcomes.refused),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)
