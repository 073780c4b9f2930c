"""Escapes tried from inside a sandbox, and what would take everything (see `attacks`); none may succeed."""

import json
import os
from pathlib import Path

import psutil
import pytest
from charmer.common.failure import Failure
from charmer.sandbox.limits import Limits, Outcome
from charmer.sandbox.run import Sandbox

from .attacks import BOMBS, ESCAPES, LIFTED, SECRET, attempts, controls, places, without_a_sandbox


def python(sandbox: Sandbox, code: str, **limits: float) -> Outcome:
    return sandbox.run(["python3", "-c", code], limits=Limits(**{"wall_seconds": 30, "memory_mb": 256} | limits))


def test_nothing_outside_can_be_reached(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """All of them in one sandbox, each in a process of its own, since most of the time goes into opening one."""
    monkeypatch.setenv(SECRET, "x")
    with places() as (real, _):
        outcome = python(sandbox, attempts(real, ESCAPES), wall_seconds=120, cpu_seconds=60)
    assert outcome.status == "ok", outcome
    said = json.loads(outcome.stdout)
    assert set(said) == set(ESCAPES) and len(ESCAPES) >= 25
    assert {name: text for name, text in said.items() if "escaped" in text or "SyntaxError" in text} == {}


def test_the_same_attempts_succeed_where_nothing_isolates():
    """Else the test above would pass for probes that never work."""
    with places() as (_, stand_ins):
        said = json.loads(without_a_sandbox(attempts(stand_ins, controls())))
    sure = [name for name, escape in ESCAPES.items() if escape.without == "escapes"]
    assert len(sure) >= 15
    assert {name: said[name] for name in sure if "escaped" not in said[name]} == {}


def test_the_sandbox_is_a_place_to_work_in(sandbox: Sandbox, tmp_path: Path):
    """Files are given, a folder is copied, both may be changed, and nothing of that reaches the originals."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text("VALUE = 1\n")
    code = "import os; from pkg.a import VALUE; open('pkg/a.py', 'w').write('x'); print(VALUE, open('note').read())"
    outcome = sandbox.run(["python3", "main.py"], {"main.py": code, "note": "hello"}, folder=tmp_path)
    assert (outcome.status, outcome.returncode, outcome.stdout) == ("ok", 0, "1 hello\n"), outcome.stderr
    assert (tmp_path / "pkg" / "a.py").read_text() == "VALUE = 1\n"
    with pytest.raises(ValueError, match="leads out"):
        sandbox.run(["true"], {"../escape": "x"})
    with pytest.raises(Failure, match="nowhere"):
        sandbox.run(["true"], folder=tmp_path / "nowhere")


def test_exit_status_and_output_are_told_apart_from_limits(sandbox: Sandbox):
    outcome = python(sandbox, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (outcome.status, outcome.returncode) == ("error", 3)
    assert (outcome.stdout, outcome.stderr) == ("out\n", "err\n")
    assert python(sandbox, "import os; os.kill(os.getpid(), 9)").returncode == 137


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_take_everything_meets_a_limit(sandbox: Sandbox, name: str):
    code, limits, expected = BOMBS[name]
    outcome = python(sandbox, code, **limits)
    assert outcome.status in expected, outcome
    assert "escaped" not in outcome.stdout and len(outcome.stdout) <= 1_000_000
    assert outcome.peak_mb < 600  # limit and what is taken between two looks
    assert outcome.seconds < limits.get("wall_seconds", 30) + 10


@pytest.mark.parametrize("name", LIFTED)
def test_a_limit_ends_what_runs_to_its_end_where_it_is_lifted(sandbox: Sandbox, name: str):
    bounded = LIFTED[name]
    assert python(sandbox, bounded.code, **bounded.low).status in bounded.ended
    assert python(sandbox, bounded.code, **bounded.high).status == "ok"


def test_detached_children_are_gone_at_the_end(sandbox: Sandbox):
    mark = f"charmer-detached-{os.getpid()}"
    code = (
        "import os, sys, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        f"            os.execv(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(60)', '{mark}'])\n"
        "        os._exit(0)\n"
        "time.sleep(0.5)\n"
        "print('done')\n"
    )
    outcome = python(sandbox, code)
    assert (outcome.status, outcome.stdout) == ("ok", "done\n")
    assert outcome.seconds < 20
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or [])]
