"""What became of requests: the status page, Prometheus, and a line for each; and what the playground asks."""

from __future__ import annotations

import json

import pytest
from charmer.serve import app
from charmer.serve.outcomes import Outcome, Outcomes

from .serving import SOURCE, Served


def test_each_requests_outcome_is_on_the_status_page(served: Served):
    served.post("/completion", {"prompt": "def clip(", "n_predict": 3})
    served.request("GET", "/<script>alert(1)</script>")
    status, headers, page = served.request("GET", "/status")
    html = page.decode()
    assert status == 200 and "script-src 'self'" in headers["content-security-policy"]
    assert '<td class="served">served</td><td>200</td><td>POST /completion</td>' in html
    assert "&lt;script&gt;alert(1)" in html and "<script" not in html
    assert "3 tokens" in html or "tokens in" in html


def test_a_line_says_what_a_person_wants_to_know():
    outcome = Outcome("POST", "/infill\n", kind="empty", why="nothing to suggest (eos)", status=200, at=0)
    outcome.prompt_tokens, outcome.cached_tokens, outcome.tokens, outcome.seconds = 40, 39, 2, 0.0125
    line = outcome.line()
    assert line.endswith("empty      200  POST /infill\\n  12 ms  40+2 tokens, 39 known  nothing to suggest (eos)")


def test_the_last_requests_are_kept_and_all_are_counted():
    said: list[str] = []
    outcomes = Outcomes(say=said.append)
    for number in range(1000):
        outcomes.record(Outcome("GET", f"/{number}", kind="refused"))
    outcomes.record(Outcome("GET", "/health"))
    assert len(outcomes.latest) == 200 and outcomes.latest[-1].path == "/999"
    assert outcomes.counts == {"refused": 1000, "served": 1} and len(said) == 1000


def test_metrics_in_prometheus_format(served: Served):
    served.post("/completion", {"prompt": "def clip(", "n_predict": 3})
    status, headers, text = served.request("GET", "/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'charmer_requests_total{outcome="served",path="/completion"}' in text
    assert b'charmer_tokens_total{kind="written"}' in text and b"charmer_running " in text


def test_the_description_names_every_endpoint(served: Served):
    description = json.loads(served.request("GET", "/openapi.json")[2])
    assert {endpoint.path for endpoint in app.ENDPOINTS} < set(description["paths"])
    assert description["components"]["schemas"]["Infill"]["required"] == ["input_prefix", "input_suffix"]


def test_surprise_of_each_piece_of_a_text(served: Served):
    text = SOURCE + "# ö\n"
    answer = served.post("/charmer/surprise", {"text": text})
    assert "".join(piece["text"] for piece in answer["pieces"]) == text
    assert sum(piece["bits"] for piece in answer["pieces"]) == pytest.approx(answer["bits"], rel=1e-4)
    assert answer["bits_per_byte"] == pytest.approx(answer["bits"] / len(text.encode()))
    assert served.post("/charmer/surprise", {"text": ""})["pieces"] == []
    assert "at most 100,000" in served.refused({"text": "a" * 100_001}, "/charmer/surprise")


def test_alternatives_at_a_place(served: Served):
    answer = served.post("/charmer/alternatives", {"text": "def clip(value", "at": 8, "count": 5})
    shares = [one["probability"] for one in answer["alternatives"]]
    assert 1 <= len(shares) <= 5 and sum(shares) <= 1.0001 and shares == sorted(shares, reverse=True)
    begin = answer["begin"]
    assert begin and all(
        one["text"].startswith(begin) or begin.startswith(one["text"]) for one in answer["alternatives"]
    )
    assert "at: 20 is behind the end" in served.refused({"text": "a", "at": 20}, "/charmer/alternatives")


def test_faults_of_a_text(served: Served):
    (finding,) = served.post("/check", {"text": "def f(:\r\n    pass\r\n", "path": "f.py"})["findings"]
    assert (finding["path"], finding["line"], finding["kind"]) == ("f.py", 1, "syntax")
    assert served.post("/check", {"text": ""}) == {"findings": []}


def test_a_client_that_leaves_stops_the_reading_of_its_text(served: Served):
    """A text that takes seconds to read: the next one need not wait for it."""
    body = json.dumps({"text": "value = value + 1\n" * 5000}).encode()
    head = f"POST /charmer/surprise HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with served.open(head + body):
        served.until(lambda: served.service.desk.inside == 1)
    served.until(lambda: served.service.desk.inside == 0)
    served.until(lambda: served.last.kind == "cancelled")


def test_attention_of_a_short_text(served: Served):
    """Rows are shares that add up to one, and no token looks ahead."""
    answer = served.post("/charmer/attention", {"text": "def clip(value):"})
    size = len(answer["tokens"])
    assert answer["tokens"][0] == "<|endoftext|>" and "".join(answer["tokens"][1:]) == "def clip(value):"
    for place, row in enumerate(answer["weights"]):
        assert len(row) == size and sum(row) == pytest.approx(1, abs=0.01) and not any(row[place + 1 :])
    one = served.post("/charmer/attention", {"text": "def clip(value):", "layer": 1, "head": 3})
    assert one["weights"] != answer["weights"]
    assert "layer: 2; the model has 2" in served.refused({"text": "a", "layer": 2}, "/charmer/attention")
    assert "an attention view has at most" in served.refused({"text": SOURCE * 9}, "/charmer/attention")
