"""`charmer serve`: the model behind HTTP, as OpenAI's and llama.cpp's clients ask it.

Notable here: on loopback anybody on this machine may ask, and no page of another site. Beyond loopback it asks for a
key, and refuses to start without.
"""

from __future__ import annotations

import argparse
import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    from charmer.serve.safety import Access

HELP = "answer editors and programs over HTTP, as OpenAI's and llama.cpp's servers do"
PORT = 8012  # where llama.vim and llama.vscode look
KEY_VARIABLE = "CHARMER_API_KEY"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=port, default=PORT, metavar="P", help="0: any that is free (default: %(default)s)"
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get(KEY_VARIABLE) or None,
        metavar="KEY",
        help=f"what clients must know; beyond loopback there must be one (default: ${KEY_VARIABLE})",
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name by which the server may be addressed"
    )
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="another site whose pages may use it"
    )
    parser.add_argument(
        "--parallel", type=models.positive, default=8, metavar="N", help="completions at once (default: 8)"
    )
    parser.add_argument(
        "--waiting", type=models.positive, default=64, metavar="N", help="requests that may wait (default: 64)"
    )
    parser.add_argument(
        "--max-tokens", type=models.positive, default=2048, metavar="N", help="of a completion (default: 2048)"
    )
    parser.add_argument(
        "--literal-markers", action="store_true", help="read <|fim_prefix|> and its kin in a prompt as plain text"
    )
    parser.add_argument("--metrics", action="store_true", help="answer /metrics in Prometheus's format")
    parser.add_argument("--verbose", action="store_true", help="print a line for each request")
    models.add_arguments(parser)


def port(text: str) -> int:
    """A port's number, for argparse."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; they go from 0 to 65535")
    return number


def run(options: argparse.Namespace, opened: Callable[[str], object] = lambda address: None) -> int:
    """Serve until interrupted; 2 where arguments do not go together.

    Args:
        opened: called with the server's address, once it answers there.

    Raises:
        Failure: the model is not there, or the address can't be listened at.
    """
    if wrong := unsafe(options):
        print(f"charmer serve: {wrong}", file=sys.stderr)
        return 2
    models.folder(options.model)  # before the seconds that everything else takes to load
    listening = bound(options.host, options.port)
    from charmer.serve.start import serve

    with listening:
        return serve(options, listening, access(options), opened)


def unsafe(options: argparse.Namespace) -> str | None:
    """What is wrong with the arguments that say who may ask; None: nothing."""
    key = options.api_key
    if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key and key):
        return "--api-key: must be printable ASCII without blanks at its ends, since it travels in a header"
    if key is None and not loopback(options.host):
        return f"--host {options.host}: reaches beyond this machine; give --api-key too, so that not everybody can ask"
    return None


def loopback(host: str) -> bool:
    """Whether an address is this machine's alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def access(options: argparse.Namespace) -> Access:
    """Who may ask."""
    from charmer.serve.safety import Access, host_name

    beyond = not loopback(options.host)
    names = {*options.allow_host, *((options.host, socket.gethostname()) if beyond else ())}
    origins = frozenset(origin.rstrip("/") for origin in options.allow_origin)
    return Access(frozenset(map(host_name, names)), origins, any_address=beyond, key=options.api_key)


def bound(host: str, number: int) -> socket.socket:
    """A socket at the address, before anything slow happens.

    Raises:
        Failure: it is taken, or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()  # who asks while the model is opened waits
        except OSError:
            listening.close()
            raise
    except OSError as error:
        elsewhere = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        advice = f"name another with {'--host' if elsewhere else '--port'}"
        raise Failure(f"{host}:{number}: can't listen there ({error.strerror}); {advice}") from None
    return listening
