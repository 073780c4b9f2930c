"""`charmer serve`: what it refuses to start with, and a real process that answers and ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer import cli


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "give --api-key too"),
        (["--host", "192.168.0.7"], "give --api-key too"),
        (["--api-key", " a"], "printable ASCII"),
        (["--api-key", "schlüssel"], "printable ASCII"),
    ],
)
def test_arguments_that_are_not_safe(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["serve", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_a_port_in_use(uniform: SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert cli.main(["serve", "--model", str(uniform.folder), "--port", str(number)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"127.0.0.1:{number}: can't listen there (Address already in use)" in line


def test_an_address_that_is_not_this_machine_s(uniform: SimpleNamespace, capsys: pytest.CaptureFixture[str]):
    elsewhere = ["--host", "192.0.2.1", "--api-key", "k", "--port", "0"]
    assert cli.main(["serve", "--model", str(uniform.folder), *elsewhere]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "192.0.2.1:0: can't listen there" in line and line.endswith("name another with --host")


def test_no_port_and_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["serve", "--port", "70000"])
    assert cli.main(["serve", "--model", str(tmp_path)]) == 1
    assert "holds no config.json" in capsys.readouterr().err


def test_a_process_answers_and_ends_with_ctrl_c(uniform: SimpleNamespace):
    command = [sys.executable, "-m", "charmer.cli", "serve", "--port", "0", "--threads", "1", "--verbose"]
    with subprocess.Popen([*command, "--model", uniform.folder], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"answers at (http://127\.0\.0\.1:\d+)", process.stdout.readline())
            assert found
            body = json.dumps({"prompt": "a", "max_tokens": 2}).encode()
            with urllib.request.urlopen(f"{found[1]}/v1/completions", body, timeout=30) as answer:
                assert json.load(answer)["usage"]["completion_tokens"] == 2
            assert re.search(r"served +200 +POST /v1/completions", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(20) in (0, 130)
        finally:
            process.kill()
