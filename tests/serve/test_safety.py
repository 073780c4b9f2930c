"""Who may ask, and how much: other sites' pages, keys, long and slow requests, more clients than there is room for."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode

import pytest
from charmer.inference.decoder import Decoder
from charmer.serve.safety import Access, Limits, host_name

from .serving import Served, SlowDecoder, serving

ASK = json.dumps({"prompt": "def clip(", "max_tokens": 2}).encode()
FOREVER = json.dumps({"prompt": "def clip(", "max_tokens": 2000, "ignore": "eos", "stream": True}).encode()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.0.7", "", "localhost.evil.example"]
)
def test_a_foreign_name_for_this_machine_is_refused(served: Served, host: str):
    """DNS rebinding: the page's own name leads here, and the browser takes it for the page's own server."""
    status, _, body = served.request("GET", "/v1/models", Host=host)
    assert status == 421 and b"is not a name of this server" in body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]:9999", "LOCALHOST:80", "127.0.0.2"])
def test_any_name_and_port_of_loopback_will_do(served: Served, host: str):
    assert served.request("GET", "/health", Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_another_sites_page_is_refused(served: Served, headers: dict[str, str]):
    for method, path, body in (("POST", "/infill", ASK), ("GET", "/props", None), ("OPTIONS", "/infill", None)):
        status, sent, _ = served.request(method, path, body, Content_Type="text/plain", **headers)
        assert status == 403 and not any(name.lower().startswith("access-control") for name in sent)


def test_the_servers_own_page_may_ask(served: Served):
    origin = f"http://127.0.0.1:{served.port}"
    status, headers, _ = served.request("POST", "/v1/completions", ASK, Origin=origin, Sec_Fetch_Site="same-origin")
    assert status == 200
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_link_from_elsewhere_may_open_a_page(served: Served):
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert served.request("GET", "/status", **headers)[0] == 200
    assert served.request("POST", "/v1/completions", ASK, Origin="null", **headers)[0] == 403


def test_names_and_origins_can_be_allowed(model, tokenizer):
    access = Access(frozenset({"box.lan"}), frozenset({"http://editor.lan"}))
    with serving(Decoder(model, tokenizer), access) as server:
        assert server.request("GET", "/props", Host="box.lan:8012")[0] == 200
        assert server.request("GET", "/props", Host="other.lan")[0] == 421
        assert server.request("GET", "/props", Origin="http://editor.lan", Sec_Fetch_Site="cross-site")[0] == 200


def test_a_key_is_asked_for(model, tokenizer):
    with serving(Decoder(model, tokenizer), Access(key="open sesame")) as server:
        basic = b64encode(b"anybody:open sesame").decode()
        for good in (
            {"Authorization": "Bearer open sesame"},
            {"X_Api_Key": "open sesame"},
            {"Authorization": f"Basic {basic}"},
        ):
            assert server.request("POST", "/v1/completions", ASK, **good)[0] == 200
        for bad in ({}, {"Authorization": "Bearer open"}, {"Authorization": "Basic ????"}, {"X_Api_Key": "ö"}):
            status, headers, _ = server.request("POST", "/v1/completions", ASK, **bad)
            assert status == 401 and "basic" in headers["www-authenticate"].lower()
        assert server.request("GET", "/health")[0] == 200
        assert server.request("GET", "/status")[0] == 401


@pytest.mark.parametrize(
    ("host", "name"), [("localhost:8012", "localhost"), ("[::1]:80", "::1"), ("Box.Lan.", "box.lan"), ("a:b:c", "a")]
)
def test_the_name_in_a_host_header(host: str, name: str):
    assert host_name(host) == name


@pytest.fixture
def strict(model, tokenizer):
    limits = Limits(body_bytes=20_000, body_seconds=0.3, head_seconds=0.3)
    with serving(Decoder(model, tokenizer), limits=limits) as server:
        yield server


def test_a_body_that_is_too_long(strict: Served):
    status, _, body = strict.request("POST", "/v1/completions", b'{"prompt": "' + b"a" * 30_000 + b'"}')
    assert status == 413 and b"longer than 20,000 bytes" in body
    chunks = b"".join(b"1000\r\n" + b"a" * 4096 + b"\r\n" for _ in range(10)) + b"0\r\n\r\n"
    head = b"POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert strict.raw(head + chunks).startswith(b"HTTP/1.1 413 ")
    strict.until(lambda: strict.service.outcomes.counts == {"refused": 2})


def test_who_sends_ten_megabytes_gets_to_read_why_they_are_refused(served: Served):
    status, _, body = served.request("POST", "/v1/completions", b'{"prompt": "' + b"a" * 10_000_000 + b'"}')
    assert status == 413 and b"longer than 2,000,000 bytes" in body


def test_a_body_beyond_all_measure_is_not_even_read(strict: Served):
    announced = b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 64000001\r\n\r\n"
    asked_first = b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20001\r\nExpect: 100-continue\r\n\r\n"
    for head in (announced, asked_first):
        with strict.open(head) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_senders_that_are_too_slow(strict: Served):
    for part in (
        b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"POST /infill HTTP/1.1\r\nHost: local",
    ):
        with strict.open(part) as connection:
            assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
    with strict.open(b"") as silent:
        assert silent.recv(100) == b""
    strict.until(lambda: strict.service.outcomes.counts == {"too slow": 2})


def test_requests_that_are_cut_short(strict: Served):
    for part in (
        b"POST /infill HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"POST /infill HTTP/1.1\r\nHost: local",
        b"POST /infill HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        assert strict.raw(part).startswith(b"HTTP/1.1 400 "), part
    assert strict.request("GET", "/health")[0] == 200


def test_a_client_that_leaves_stops_the_computing(model, tokenizer):
    with serving(SlowDecoder(model, tokenizer, 1)) as server:
        load = server.service.scheduler.load
        head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(FOREVER)}\r\n\r\n".encode()
        with server.open(head + FOREVER) as connection:
            connection.recv(100)
        server.until(lambda: load.running == 0)
        server.until(lambda: server.service.outcomes.counts["cancelled"] == 1)
        steps = load.steps
        assert steps < 500
        time.sleep(0.1)
        assert load.steps == steps
        assert server.request("POST", "/v1/completions", ASK)[0] == 200


def test_the_waiting_list_is_bounded(model, tokenizer):
    """One runs, two wait, and the fourth is told when to come again; all others are answered."""
    with serving(SlowDecoder(model, tokenizer, 1), waiting=2) as server:
        body = json.dumps({"prompt": "def clip(", "max_tokens": 60}).encode()
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(server.request("POST", "/v1/completions", body)[0]))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        server.until(lambda: server.service.desk.inside == 3)
        status, headers, answer = server.request("POST", "/v1/completions", body)
        assert status == 429 and int(headers["retry-after"]) >= 1
        assert json.loads(answer)["error"]["type"] == "rate_limit_error"
        for thread in threads:
            thread.join(30)
        assert found == [200] * 3
        assert server.request("POST", "/v1/completions", ASK)[0] == 200
