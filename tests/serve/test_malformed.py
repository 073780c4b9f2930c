"""Malformed requests: each ends in a 4xx, memory is where it was, and the next good request is answered.

They come from four hands: schemathesis, which reads the server's own description; values of wrong types; bodies that
are cut off, spoiled or no JSON; and bytes that are no HTTP. The default suite sends a few hundred, the slow test 10,000
in a process of the server's own.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import re
import socket
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jsonschema
import psutil
import pytest
import schemathesis
from charmer.model import folder
from charmer.serve import app

from .serving import Served

GOOD: dict[str, dict[str, Any]] = {
    "/v1/completions": {"prompt": "def clip(", "max_tokens": 2, "stop": ["x"], "n": 1, "temperature": 0.5},
    "/infill": {"input_prefix": "def clip(", "input_suffix": "\n", "n_predict": 2, "response_fields": ["content"]},
    "/completion": {"prompt": ["def", 5], "n_predict": 2},
    "/tokenize": {"content": "a ö"},
    "/detokenize": {"tokens": [97, 98]},
    "/charmer/surprise": {"text": "a = 1"},
    "/charmer/alternatives": {"text": "a = 1", "at": 2},
    "/charmer/attention": {"text": "a = 1"},
    "/check": {"text": "a = 1\n"},
}
VALUES = [None, True, -1, 2**70, 1.5, -1e308, "", "x" * 2000, [], [None], [[]], [{}], [True], [[""]], {}, {"a": {}}]
SPOILED = [
    b"",
    b"\x00",
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"\xef\xbb\xbf{}",
    b"{" * 5000,
    b"[" * 100_000,
    b'{"prompt": NaN}',
    b'{"prompt": "a", "temperature": Infinity}',
    b'{"prompt": "a", "temperature": 1e999}',
    b'{"prompt": "\\ud800", "input_prefix": "\\udc00", "content": "\\ud800", "text": "\\ud800", "tokens": [-1]}',
    '{"prompt": "a"}'.encode("utf-16"),
    b"prompt=a&max_tokens=5",
    b"--boundary\r\nContent-Disposition: form-data\r\n\r\na",
    b"{'prompt': 'a'}",
    b'{"prompt": "a",}',
]
RAW = [
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /props HTTP/1.1\r\n\r\n",
    b"GET /props HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /props HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"GET /props HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000,
    b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n",
    b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
    b"PUT /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n",
]


class Sender:
    """Sends requests over one connection, and counts the statuses of their answers by where they came from."""

    def __init__(self, port: int) -> None:
        self.port, self.counts = port, Counter[tuple[str, int]]()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, hand: str, path: str, body: bytes) -> int:
        try:
            self.connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
        except (http.client.HTTPException, ConnectionError):  # an answer before the body's end closes the connection
            self.connection.close()
            self.connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
        answer.read()
        self.counts[hand, answer.status] += 1
        assert 400 <= answer.status < 500, (path, body[:300], answer.status)
        return answer.status

    def raw(self, text: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read to the end
                connection.sendall(text)
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        found = re.match(rb"HTTP/1.1 (\d+) ", answer)
        assert found and 400 <= int(found[1]) < 500, (text[:200], answer[:200])
        self.counts["raw", int(found[1])] += 1


def description(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/openapi.json")
    return json.loads(connection.getresponse().read())


def wrong_types(described: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Good bodies in which one field has a value that the server's own description does not allow, or is missing."""
    components = {"components": described["components"]}
    for path, body in GOOD.items():
        if path not in described["paths"]:
            continue
        schema = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        own = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        validator = jsonschema.Draft202012Validator({**schema, **components})
        for name, value in itertools.product(own["properties"], VALUES):
            if not validator.is_valid(body | {name: value}):
                yield path, json.dumps(body | {name: value}).encode()
        for name in own.get("required", []):
            yield path, json.dumps({key: value for key, value in body.items() if key != name}).encode()


def spoiled(chance: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Good bodies that are cut off, or hold a byte that is no UTF-8 or no JSON."""
    for number in range(count):
        path, body = chance.choice(list(GOOD.items()))
        good = json.dumps(body).encode()
        place = chance.randrange(len(good))
        yield path, [good[:place], good[:place] + b"\xff" + good[place:], b"\x1f" + good][number % 3]
    for path, body in itertools.product(GOOD, SPOILED):
        yield path, body


def by_schemathesis(sender: Sender, described: dict[str, Any], most: int) -> None:
    """What schemathesis makes of the description that does not fit it."""
    schema = schemathesis.openapi.from_dict(described)
    checks = list(hypothesis.HealthCheck)
    for path in sorted(GOOD.keys() & described["paths"].keys()):
        cases = schema[path]["POST"].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

        def send(case: schemathesis.Case) -> None:
            body = case.body if isinstance(case.body, bytes) else b""
            if not isinstance(case.body, bytes | schemathesis.core.NotSet):
                body = json.dumps(case.body).encode()
            sender.send("schemathesis", case.path, body)

        settings = hypothesis.settings(max_examples=most, database=None, deadline=None, suppress_health_check=checks)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings(hypothesis.seed(0)(hypothesis.given(case=cases)(send)))()


def test_a_few_hundred(served: Served):
    sender, described = Sender(served.port), description(served.port)
    chance = random.Random(0)
    for path, body in chance.sample(list(wrong_types(described)), 200):
        sender.send("types", path, body)
    for path, body in spoiled(chance, 60):
        sender.send("spoiled", path, body)
    for text in RAW:
        sender.raw(text)
    by_schemathesis(sender, described, 5)
    assert sender.counts.total() > 400
    answer = served.post("/completion", {"prompt": "def clip(", "n_predict": 2})
    assert answer["tokens_predicted"] == 2
    served.until(lambda: served.service.desk.inside == served.service.scheduler.load.running == 0)
    assert GOOD.keys() >= {endpoint.path for endpoint in app.ENDPOINTS}


@pytest.mark.slow
def test_ten_thousand(model, tokenizer, tmp_path: Path):
    """The server's memory after 10,000 of them is that after 1,000, give or take 20 MB."""
    tokenizer.save(tmp_path / "tokenizer.json")
    folder.save(tmp_path / "model", model, tmp_path / "tokenizer.json")
    command = [sys.executable, "-m", "charmer.cli", "serve", "--port", "0", "--threads", "1"]
    with subprocess.Popen([*command, "--model", tmp_path / "model"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            number = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert number
            sender, described = Sender(int(number[1])), description(int(number[1]))
            memory = psutil.Process(process.pid).memory_info
            chance, before = random.Random(0), 0
            types = list(wrong_types(described))
            by_schemathesis(sender, described, 250)
            while sender.counts.total() < 10_000:
                for path, body in itertools.chain(chance.sample(types, 100), spoiled(chance, 200)):
                    sender.send("types and spoiled", path, body)
                for text in RAW:
                    sender.raw(text)
                before = before or (memory().rss if sender.counts.total() > 1000 else 0)
            after = memory().rss
            print(dict(sender.counts), f"{before / 1e6:.0f} MB, then {after / 1e6:.0f} MB")
            assert after < before + 20e6
            connection = http.client.HTTPConnection("127.0.0.1", int(number[1]), timeout=60)
            connection.request("POST", "/completion", json.dumps(GOOD["/completion"]))
            assert connection.getresponse().status == 200
        finally:
            process.terminate()
