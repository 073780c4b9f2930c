"""A server on a free port of loopback, with a small model that was never trained, and raw ways to speak to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from charmer.inference.decoder import Decoder
from charmer.model.network import ModelConfig, Transformer
from charmer.serve.batching import Scheduler
from charmer.serve.outcomes import Outcome, Outcomes
from charmer.serve.running import Desk
from charmer.serve.safety import Access, Limits
from charmer.serve.service import Service
from charmer.serve.start import server
from charmer.tokens.tokenizer import Tokenizer

SOURCE = """
def clip(value, limit=3):
    if value > limit:
        value = limit
    return value


def largest(values):
    best = None
    for value in values:
        if best is None or value > best:
            best = value
    return best
"""
WINDOW = 128


def small_model(tokenizer: Tokenizer, window: int = WINDOW, width: int = 32) -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(tokenizer.vocab_size, 2, width, 4, 2, 48, window))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return model.eval()


class SlowDecoder(Decoder):
    """Takes a moment for each step, so that a test can do something meanwhile."""

    seconds = 0.01

    def step(self, slots=None):
        time.sleep(self.seconds)
        return super().step(slots)


@dataclass
class Served:
    """A server that runs."""

    service: Service
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Outcome:
        """What became of the last request; it is noted a moment after the answer has gone out."""
        latest = self.service.outcomes.latest
        return latest[-1] if latest else Outcome()

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict, bytes]:
        """Status, headers and body of an answer. Underscores in names of headers are hyphens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def post(self, path: str, body: Any) -> Any:
        """The JSON of a good answer."""
        status, _, answer = self.request("POST", path, json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer)

    def events(self, path: str, body: Any) -> list[Any]:
        """The server-sent events of a good answer; `[DONE]` stays a text."""
        status, headers, answer = self.request("POST", path, json.dumps(body).encode())
        assert status == 200 and headers["content-type"].startswith("text/event-stream")
        texts = [part.removeprefix("data: ") for part in answer.decode().split("\n\n") if part]
        return [text if text == "[DONE]" else json.loads(text) for text in texts]

    def refused(self, body: Any, path: str = "/v1/completions") -> str:
        """Why a body is answered 400."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, _, answer = self.request("POST", path, raw)
        assert status == 400, answer
        return json.loads(answer)["error"]["message"]

    def open(self, text: bytes) -> socket.socket:
        """A connection on which `text` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(text)
        return connection

    def raw(self, text: bytes) -> bytes:
        """All that comes back for `text`, after which nothing more is sent."""
        with self.open(text) as connection:
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def until(self, true: Any, seconds: float = 10.0) -> None:
        """Wait for something to become true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.005)


@contextlib.contextmanager
def serving(
    decoder: Decoder,
    access: Access | None = None,
    limits: Limits | None = None,
    waiting: int = 64,
    **options: Any,
) -> Iterator[Served]:
    """Serve `decoder` meanwhile."""
    desk = Desk(decoder.slots, waiting)
    service = Service(Scheduler(decoder), desk, Outcomes(), name="small", **options)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = server(service, access or Access(), limits or Limits())
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        served = Served(service, listening.getsockname()[1])
        served.until(lambda: running.started)
        yield served
        running.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
