"""The language server: what a client may ask, wired to documents, suggestions and checks.

Notable here:
- Inline completion (LSP 3.18) where the client knows it, ordinary completion elsewhere, never both.
- pygls keeps documents too, in lines that end at form feeds and with every edit as dear as the document is long, so
  `Protocol` keeps them its own way (see `documents`).
- Handlers run on the event loop and compute nothing there.
- Files that are not Python are followed and left alone.
"""

from __future__ import annotations

import asyncio
import logging
import re
from importlib.metadata import version
from typing import NamedTuple

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from charmer.common.failure import Failure
from charmer.errors.calibration import Calibration
from charmer.inference.context import REACH
from charmer.inference.decoder import Decoder
from charmer.lsp.checks import Checker, Marked, fixes, marks
from charmer.lsp.documents import Document
from charmer.lsp.settings import Settings
from charmer.lsp.suggestions import Suggester

logger = logging.getLogger(__name__)
BESIDE = 8  # other documents, those opened last, that tell what is likely in one
_WORD = re.compile(r"\w*\Z")
_END_OF_LINE = re.compile(r"[\r\n]")


class Engine(NamedTuple):
    """The model at work.

    Attributes:
        infill: whether it learned to write a middle.
        threads: of the processor.
    """

    decoder: Decoder
    infill: bool = True
    calibration: Calibration = Calibration()
    threads: int = 1


class Protocol(LanguageServerProtocol):
    """Documents as the server keeps them."""

    _server: Server

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._server.opened(params.text_document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._server.changed(params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.closed(params.text_document.uri)


class Server(LanguageServer):
    """The state of one session.

    Attributes:
        ended: whether the client has asked the server to end.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        super().__init__("charmer", version("charmer"), protocol_cls=Protocol)
        self.settings, self.ended = settings, False
        decoder = engine.decoder
        self.suggester = Suggester(decoder, engine.infill, engine.threads)
        self.checker = Checker(
            decoder.model, decoder.tokenizer, engine.calibration, self.suggester.idle, engine.threads
        )
        self._documents: dict[str, Document] = {}
        self._marks: dict[str, list[Marked]] = {}
        self._checks: dict[str, asyncio.Task[None]] = {}

    def close(self) -> None:
        """Stop what is computed."""
        self.suggester.close()
        self.checker.close()

    def document(self, uri: str) -> Document | None:
        """The open document of Python by that name."""
        document = self._documents.get(uri)
        return document if document and document.python else None

    def opened(self, item: types.TextDocumentItem) -> None:
        """The client opened a document."""
        encoding = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
        self._documents[item.uri] = Document(item.uri, item.language_id, item.version, item.text, encoding)
        self.recheck(item.uri, 0)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """The client edited a document."""
        uri = params.text_document.uri
        if document := self._documents.get(uri):
            document.change(params.text_document.version, params.content_changes)
            self.suggester.cancel(uri)
            self.recheck(uri, self.settings.check_pause / 1000)

    def closed(self, uri: str) -> None:
        """The client closed a document."""
        known = self.document(uri)
        self._documents.pop(uri, None)
        self.suggester.forget(uri)
        self._stop_check(uri)
        if known:
            self._publish(uri, None, [])

    def configure(self, given: object) -> None:
        """Take over settings that the client gives; what is wrong with them, the person is told."""
        try:
            self.settings = self.settings.changed(given)
        except Failure as failure:
            logger.warning("%s", failure)
            self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"charmer: {failure}"))

    def recheck(self, uri: str, pause: float) -> None:
        """Check a document after so many seconds, and no longer as it was."""
        self._stop_check(uri)
        document = self.document(uri)
        if document and self.settings.check:
            self._checks[uri] = asyncio.ensure_future(self._check(document, pause))

    def recheck_all(self) -> None:
        """Check every document, or where checks were turned off take all marks back."""
        for uri in self._documents:
            self.recheck(uri, 0)
            if self.document(uri) and not self.settings.check:
                self._publish(uri, None, [])

    def fixes(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        """Fixes of the marks that touch a range."""
        document = self.document(params.text_document.uri)
        only = params.context.only
        if not document or (only is not None and not {"", types.CodeActionKind.QuickFix} & set(only)):
            return []
        versioned = get_capability(self.client_capabilities, "workspace.workspace_edit.document_changes", False)
        return fixes(document, self._marks.get(document.uri, []), params.range, versioned)

    def shown(self, code: str) -> str | types.MarkupContent:
        """Code beside an entry of a menu: in its colors where the client has them."""
        formats = get_capability(
            self.client_capabilities, "text_document.completion.completion_item.documentation_format", ()
        )
        fenced = types.MarkupKind.Markdown in formats and "```" not in code
        return types.MarkupContent(types.MarkupKind.Markdown, f"```python\n{code}\n```") if fenced else code

    async def suggest(self, uri: str, position: types.Position, asked: bool) -> tuple[Document, str, str] | None:
        """A document of Python, the text before the place, and what to insert there; None where there is nothing.

        Args:
            asked: whether the person asked for it, and does not just type.
        """
        document = self.document(uri)
        if document is None:
            return None
        before, after = document.around(position)
        text = self.suggester.rest(uri, before, after)
        if not text and (asked or not self.settings.manual):
            pause = 0 if asked else self.settings.pause / 1000
            others = [other for other in self._documents.values() if other.python and other is not document]
            beside = [other.tail(REACH) for other in others[-BESIDE:]]
            text = await self.suggester.suggest(uri, before, after, self.settings.until, pause, beside)
        return (document, before, text) if text.strip() else None

    async def _check(self, document: Document, pause: float) -> None:
        await asyncio.sleep(pause)
        text = document.text
        found = marks(document, text, await self.checker.check(text, document.uri))
        self._marks[document.uri] = found
        self._publish(document.uri, document.version, [mark.diagnostic for mark in found])

    def _stop_check(self, uri: str) -> None:
        self._marks.pop(uri, None)
        if task := self._checks.pop(uri, None):
            task.cancel()

    def _publish(self, uri: str, number: int | None, diagnostics: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics, number))


def build(engine: Engine, settings: Settings) -> Server:
    """A server, ready to be started on a transport."""
    server = Server(engine, settings)

    @server.feature(types.INITIALIZE)
    def begin(ls: Server, params: types.InitializeParams) -> None:
        ls.configure(params.initialization_options)
        if get_capability(params.capabilities, "text_document.inline_completion"):
            ls.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())(inline)
        else:
            ls.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())(ordinary)

    @server.feature(types.SHUTDOWN)
    def end(ls: Server, params: None) -> None:
        ls.ended = True

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def configure(ls: Server, params: types.DidChangeConfigurationParams) -> None:
        ls.configure(params.settings)
        ls.recheck_all()

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix]))
    def fix(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
        return ls.fixes(params)

    return server


async def inline(ls: Server, params: types.InlineCompletionParams) -> types.InlineCompletionList:
    """What stands grey behind the cursor."""
    asked = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    found = await ls.suggest(params.text_document.uri, params.position, asked)
    return types.InlineCompletionList([types.InlineCompletionItem(found[2])] if found else [])


async def ordinary(ls: Server, params: types.CompletionParams) -> types.CompletionList:
    """One entry of the client's menu. It replaces the word at the cursor, by which clients choose what they show.

    The protocol calls a menu that opened by itself "invoked" too, so only here manual mode can't tell them apart; a
    menu that is open already and asks again is not.
    """
    again = types.CompletionTriggerKind.TriggerForIncompleteCompletions
    kind = params.context.trigger_kind if params.context else types.CompletionTriggerKind.Invoked
    asked = ls.settings.manual and kind != again
    found = await ls.suggest(params.text_document.uri, params.position, asked)
    if not found:
        return types.CompletionList(True, [])
    document, before, text = found
    line = _END_OF_LINE.split(before)[-1]
    word = _WORD.findall(line)[0]
    number = min(params.position.line, document.last_line)
    end = types.Position(number, document.units(line))
    start = types.Position(number, document.units(line[: len(line) - len(word)]))
    new = word + text
    item = types.CompletionItem(
        label=next(filter(str.strip, new.splitlines())).strip(),
        kind=types.CompletionItemKind.Text,
        detail="charmer",
        documentation=ls.shown(new),
        filter_text=new,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(types.Range(start, end), new),
    )
    return types.CompletionList(True, [item])
