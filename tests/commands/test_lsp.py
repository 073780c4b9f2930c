"""`charmer lsp`: what it refuses to start with, and a real process that serves an editor and ends with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from charmer import cli

pytest.importorskip("pygls", reason="needs the package pygls")

PATIENCE = 300  # seconds after which a test gives up; most are for starting, on a machine with other work


class Editor:
    """The client's side of a process, message by message as they go over the wire."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.others: list[dict[str, Any]] = []
        self.number = 0

    def tell(self, method: str, **params: Any) -> None:
        self._write({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request; what else comes meanwhile is kept in `others`."""
        self.number += 1
        self._write({"id": self.number, "method": method, "params": params or None})
        while (message := self.read()).get("id") != self.number:
            self.others.append(message)
        return message["result"]

    def read(self) -> dict[str, Any]:
        """The next message."""
        wire = self.process.stdout
        assert wire is not None
        length = 0
        while line := wire.readline().strip():
            name, _, value = line.partition(b": ")
            length = int(value) if name == b"Content-Length" else length
        assert length, "the server is gone"
        return json.loads(wire.read(length))

    def told(self, method: str) -> dict[str, Any]:
        """What the server says by itself, as soon as it does."""
        while not (found := [message for message in self.others if message.get("method") == method]):
            self.others.append(self.read())
        return found[0]["params"]

    def begin(self) -> dict[str, Any]:
        able = {"textDocument": {"inlineCompletion": {}}}
        answer = self.ask("initialize", processId=None, rootUri=None, capabilities=able)
        self.tell("initialized")
        return answer

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()


@pytest.fixture
def editor(uniform: SimpleNamespace) -> Iterator[Editor]:
    command = [sys.executable, "-m", "charmer.cli", "lsp", "--threads", "1", "--check-pause", "0", "--stdio"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*command, "--model", uniform.folder], **pipes) as process:
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        try:
            yield Editor(process)
        finally:
            late.cancel()
            process.kill()


def complaints(editor: Editor) -> str:
    assert editor.process.stderr is not None
    return editor.process.stderr.read().decode()


def test_a_session_from_the_first_word_to_the_last(editor: Editor):
    answer = editor.begin()
    assert answer["serverInfo"]["name"] == "charmer"
    assert answer["capabilities"]["inlineCompletionProvider"] == {}
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "area = sum((1, 2)\n"}
    editor.tell("textDocument/didOpen", textDocument=document)
    found = editor.ask(
        "textDocument/inlineCompletion",
        textDocument={"uri": "file:///a.py"},
        position={"line": 1, "character": 0},
        context={"triggerKind": 1},
    )
    assert [set(item) for item in found["items"]] in ([], [{"insertText"}])
    (mark,) = editor.told("textDocument/publishDiagnostics")["diagnostics"]
    assert "never closed" in mark["message"]
    assert editor.ask("shutdown") is None
    editor.tell("exit")
    assert editor.process.wait(PATIENCE) == 0
    assert complaints(editor) == ""


def test_an_editor_that_is_gone_ends_it(editor: Editor):
    editor.begin()
    assert editor.process.stdin is not None
    editor.process.stdin.close()
    assert editor.process.wait(PATIENCE) == 1, "as the protocol asks where nobody said shutdown"
    assert complaints(editor) == ""


def test_ctrl_c_ends_it(editor: Editor):
    editor.begin()
    editor.process.send_signal(signal.SIGINT)
    assert editor.process.wait(PATIENCE) in (-signal.SIGINT, 130)
    assert complaints(editor) == ""


def test_no_model_and_a_broken_one(uniform: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["lsp", "--model", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("charmer lsp:") and "holds no config.json" in line
    with pytest.raises(SystemExit, match="2"):
        cli.main(["lsp", "--pause", "-1"])
    command = [sys.executable, "-m", "charmer.cli", "lsp", "--model", str(broken(uniform.folder, tmp_path))]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert "model.safetensors" in line


def broken(folder: Path, into: Path) -> Path:
    """A copy of a model whose weights end in the middle."""
    for file in folder.iterdir():
        (into / file.name).write_bytes(file.read_bytes())
    weights = into / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return into
