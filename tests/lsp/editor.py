"""An editor for the tests: pytest-lsp's client, and a file in it that is typed into."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest_lsp
from charmer.inference.decoder import Decoder
from charmer.lsp.server import Engine, Server, build
from charmer.lsp.settings import Settings
from lsprotocol import types
from pytest_lsp import LanguageClient

INLINE = types.TextDocumentClientCapabilities(inline_completion=types.InlineCompletionClientCapabilities())
ORDINARY = types.TextDocumentClientCapabilities(completion=types.CompletionClientCapabilities())
ASKED, TYPING = types.InlineCompletionTriggerKind.Invoked, types.InlineCompletionTriggerKind.Automatic


class SlowDecoder(Decoder):
    """Takes a moment for each token, so that a test can do something meanwhile."""

    seconds = 0.01
    steps = 0

    def step(self, slots=None):
        self.steps += 1
        time.sleep(self.seconds)
        return super().step(slots)


@dataclass
class File:
    """A file that is open in the editor. Columns are in the client's units."""

    client: LanguageClient
    uri: str
    version: int = 1

    def type(self, text: str, line: int, column: int, end: tuple[int, int] | None = None) -> None:
        """Put `text` in the place of what stands up to `end`, by default nothing."""
        self.version += 1
        place = types.Range(types.Position(line, column), types.Position(*(end or (line, column))))
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangePartial(place, text)],
            )
        )

    async def grey(self, line: int, column: int, kind: types.InlineCompletionTriggerKind = ASKED) -> str:
        """The inline completion at a place."""
        found = await self.client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                types.InlineCompletionContext(kind),
                types.TextDocumentIdentifier(self.uri),
                types.Position(line, column),
            )
        )
        return found.items[0].insert_text if found.items else ""

    async def menu(
        self, line: int, column: int, kind: types.CompletionTriggerKind = types.CompletionTriggerKind.Invoked
    ) -> list[types.CompletionItem]:
        """The menu of completions at a place."""
        found = await self.client.text_document_completion_async(
            types.CompletionParams(
                types.TextDocumentIdentifier(self.uri), types.Position(line, column), types.CompletionContext(kind)
            )
        )
        return list(found.items)

    async def fixes(self, line: int) -> list[types.CodeAction]:
        """The quick fixes of a line."""
        return list(
            await self.client.text_document_code_action_async(
                types.CodeActionParams(
                    types.TextDocumentIdentifier(self.uri),
                    types.Range(types.Position(line, 0), types.Position(line, 1000)),
                    types.CodeActionContext([]),
                )
            )
        )

    async def diagnostics(self) -> list[types.Diagnostic]:
        """The next marks that the server sends."""
        return list((await self.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)).diagnostics)


@dataclass
class Session:
    """A client and the server that it speaks to."""

    client: LanguageClient
    server: Server
    answer: types.InitializeResult

    def open(self, text: str, name: str = "a.py", language: str = "python") -> File:
        """Open a file that holds `text`."""
        return opened(self.client, text, name, language)


def opened(client: LanguageClient, text: str, name: str = "a.py", language: str = "python") -> File:
    """Open a file in the client."""
    uri = f"file:///project/{name}"
    client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, language, 1, text)))
    return File(client, uri)


@contextlib.asynccontextmanager
async def session(
    engine: Engine,
    abilities: types.TextDocumentClientCapabilities = INLINE,
    encodings: list[str] | None = None,
    options: Any = None,
    settings: Settings | None = None,
    documents: bool = True,
) -> AsyncIterator[Session]:
    """A client and a server in this process, connected by TCP."""
    server = build(engine, settings or Settings(pause=0, check=False))
    thread = threading.Thread(target=server.start_tcp, args=("127.0.0.1", 0), daemon=True)
    thread.start()
    await until(lambda: server._server is not None and bool(server._server.sockets))
    client = pytest_lsp.client.make_test_lsp_client()
    await client.start_tcp("127.0.0.1", server._server.sockets[0].getsockname()[1])
    capabilities = types.ClientCapabilities(
        text_document=abilities,
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=documents)
        ),
        general=types.GeneralClientCapabilities(position_encodings=encodings),
    )
    try:
        answer = await client.initialize_session(types.InitializeParams(capabilities, initialization_options=options))
        yield Session(client, server, answer)
    finally:
        await client.shutdown_async(None)
        client.protocol.writer.close()
        await until(lambda: not thread.is_alive())
        await client.stop()
        server.close()


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it does not become so.
    """
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)
