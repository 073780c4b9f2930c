"""Diagnostics and quick fixes, through pytest-lsp's client."""

import pytest

pytest.importorskip("pytest_lsp", reason="needs the packages pygls and pytest-lsp")

import asyncio

from charmer.errors.finding import Finding
from charmer.lsp import checks
from charmer.lsp.server import Engine
from charmer.lsp.settings import Settings
from lsprotocol import types

from .editor import Session, session, until

BROKEN = "def area(width:\n    return '😋' + width\n"
AT_ONCE = Settings(pause=0, check_pause=0)

pytestmark = pytest.mark.asyncio


async def test_a_fault_is_marked_and_its_fix_mends_the_text(engine: Engine):
    async with session(engine, settings=AT_ONCE) as here:
        file = here.open(BROKEN)
        (mark,) = await file.diagnostics()
        assert (mark.source, mark.code, mark.severity) == ("charmer", "syntax", types.DiagnosticSeverity.Error)
        assert mark.range.start == types.Position(0, 14)
        (fix,) = await file.fixes(0)
        (edit,) = fix.edit.document_changes
        assert (fix.title, fix.kind, edit.text_document.version) == ("Insert `)`", "quickfix", 1)
        assert await file.fixes(1) == []
        place = edit.edits[0].range
        file.type(edit.edits[0].new_text, place.start.line, place.start.character)
        assert await file.diagnostics() == []
        assert await file.fixes(0) == []


async def test_without_versions_of_documents_the_edit_names_the_file_alone(engine: Engine):
    async with session(engine, settings=AT_ONCE, documents=False) as here:
        file = here.open(BROKEN)
        await file.diagnostics()
        (fix,) = await file.fixes(0)
        assert [edit.new_text for edit in fix.edit.changes[file.uri]] == [")"]


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 22), ("utf-16", 20), ("utf-32", 19)])
async def test_marks_are_in_the_client_s_units_and_fixes_in_the_file_s_newlines(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, encoding: str, column: int
):
    def check(model, tokenizer, text, path, **_):
        start = text.split("\n")[1].index("width") + 1
        return [Finding(path, 2, start, 2, start + 5, "name", 3.0, "`width` looks wrong.", "wide\n")]

    monkeypatch.setattr(checks, "check", check)
    text = "def area(width):\r\n    return '😋' + width\r\n"
    async with session(engine, encodings=[encoding], settings=AT_ONCE) as here:
        file = here.open(text)
        (mark,) = await file.diagnostics()
        assert mark.severity == types.DiagnosticSeverity.Warning
        assert mark.range == types.Range(types.Position(1, column - 2), types.Position(1, column + 3))
        (fix,) = await file.fixes(1)
        assert fix.edit.document_changes[0].edits[0].new_text == "wide\r\n"
        assert fix.title == "Replace by `wide`"


async def test_other_languages_are_not_marked_and_closing_takes_marks_back(engine: Engine):
    async with session(engine, settings=AT_ONCE) as here:
        here.open(BROKEN, "a.txt", "plaintext")
        file = here.open(BROKEN)
        assert len(await file.diagnostics()) == 1
        here.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(file.uri)))
        assert await file.diagnostics() == []
        assert list(here.client.diagnostics) == [file.uri]


async def test_checks_can_be_turned_off_while_it_runs(engine: Engine):
    async with session(engine, settings=AT_ONCE) as here:
        file = here.open(BROKEN)
        assert len(await file.diagnostics()) == 1
        here.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({"check": False}))
        assert await file.diagnostics() == []


async def test_a_check_of_a_text_that_changed_stops_and_gives_way_to_suggestions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    passes, texts = [], []

    def check(model, tokenizer, text, path, go_on, **_):
        texts.append(text)
        while text == "x = 1":
            go_on()
            passes.append(1)
        return []

    async def stopped(here: Session) -> bool:
        before = len(passes)
        await asyncio.sleep(0.1)
        return len(passes) <= before + 1

    monkeypatch.setattr(checks, "check", check)
    async with session(engine, settings=AT_ONCE) as here:
        file = here.open("x = 1")
        await until(lambda: len(passes) > 3)
        here.server.suggester.idle.clear()
        assert await stopped(here)
        here.server.suggester.idle.set()
        assert not await stopped(here)
        file.type("0", 0, 5)
        await file.diagnostics()
        assert texts == ["x = 1", "x = 10"] and await stopped(here)
