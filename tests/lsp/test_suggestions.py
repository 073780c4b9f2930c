"""Suggestions as an editor asks for them, through pytest-lsp's client."""

import pytest

pytest.importorskip("pytest_lsp", reason="needs the packages pygls and pytest-lsp")

import asyncio
import time

import torch
from charmer.inference.decoder import Decoder
from charmer.inference.ngram_cache import NgramCache
from charmer.inference.suggest import Draft, suggest
from charmer.lsp.server import Engine
from charmer.lsp.settings import Settings
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled

from .editor import ORDINARY, TYPING, SlowDecoder, session, until

AGAIN = types.CompletionTriggerKind.TriggerForIncompleteCompletions
BEFORE = "def clip(value, limit=3):\n    if val"
AFTER = "\n    return value\n"
LINE, COLUMN = 1, 10

pytestmark = pytest.mark.asyncio


@pytest.fixture
def slow(model, tokenizer) -> Engine:
    return Engine(SlowDecoder(model, tokenizer, dtype=torch.float32))


def expected(engine: Engine, before: str = BEFORE, after: str = AFTER, until: str = "block") -> str:
    return suggest(engine.decoder, Draft(engine.decoder.tokenizer, 128, before, after, until=until)).text


async def test_inline_where_the_client_knows_it_and_ordinary_elsewhere(engine: Engine):
    wanted = expected(engine)
    async with session(engine) as here:
        assert here.answer.capabilities.inline_completion_provider
        assert here.answer.capabilities.completion_provider is None
        assert await here.open(BEFORE + AFTER).grey(LINE, COLUMN) == wanted != ""
    async with session(engine, ORDINARY) as here:
        assert here.answer.capabilities.inline_completion_provider is None
        (item,) = await here.open(BEFORE + AFTER).menu(LINE, COLUMN)
    assert item.text_edit.new_text == item.filter_text == "val" + wanted
    assert item.text_edit.range == types.Range(types.Position(LINE, 7), types.Position(LINE, COLUMN))
    assert item.label and "\n" not in item.label


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 21), ("utf-16", 18), ("utf-32", 17)])
async def test_places_in_the_client_s_units(engine: Engine, encoding: str, column: int):
    before = 's = "é😋"; y = val'
    async with session(engine, encodings=[encoding]) as here:
        assert here.answer.capabilities.position_encoding == encoding
        assert await here.open(before).grey(0, column) == expected(engine, before, "")
    async with session(engine, ORDINARY, encodings=[encoding]) as here:
        (item,) = await here.open(before).menu(0, column)
        assert item.text_edit.range == types.Range(types.Position(0, column - 3), types.Position(0, column))


async def test_typing_along_goes_on_showing_and_computes_nothing(engine: Engine):
    async with session(engine) as here:
        file = here.open(BEFORE + AFTER)
        text = await file.grey(LINE, COLUMN, TYPING)
        column = COLUMN
        for typed, letter in enumerate(text[:3], 1):
            file.type(letter, LINE, column)
            column += len(letter.encode("utf-16-le")) // 2
            assert await file.grey(LINE, column, TYPING) == text[typed:]
        assert here.server.suggester.computed == 1
        file.type("~", LINE, column)  # off the way
        await file.grey(LINE, column + 1, TYPING)
        assert here.server.suggester.computed == 2


async def test_crlf_files_get_crlf(engine: Engine):
    before = BEFORE.replace("\n", "\r\n")
    async with session(engine, options={"until": "function"}) as here:
        text = await here.open(before).grey(LINE, COLUMN)
    assert text == expected(engine, before, "", "function")
    assert text.count("\n") == text.count("\r\n")


async def test_manual_mode_computes_only_what_is_asked_for(engine: Engine):
    async with session(engine, options={"manual": True, "pause": 60_000}) as here:
        file = here.open(BEFORE + AFTER)
        assert await file.grey(LINE, COLUMN, TYPING) == ""
        assert here.server.suggester.computed == 0
        text = await file.grey(LINE, COLUMN)  # no pause either
        assert text == expected(engine)
        assert await file.grey(LINE, COLUMN, TYPING) == text  # goes on showing it
    async with session(engine, ORDINARY, options={"manual": True}) as here:
        file = here.open(BEFORE + AFTER)
        assert await file.menu(LINE, COLUMN, AGAIN) == []
        assert len(await file.menu(LINE, COLUMN)) == 1


async def test_waits_for_a_pause_in_typing(engine: Engine):
    async with session(engine, options={"pause": 150}) as here:
        file = here.open(BEFORE + AFTER)
        first = asyncio.ensure_future(file.grey(LINE, COLUMN, TYPING))
        await asyncio.sleep(0.02)
        file.type("u", LINE, COLUMN)
        began = time.monotonic()
        second = await file.grey(LINE, COLUMN + 1, TYPING)
        assert time.monotonic() - began >= 0.14
        assert await first == "" and second == expected(engine, BEFORE + "u")
        assert here.server.suggester.computed == 1


@pytest.mark.parametrize("way", ["typing", "cancelling", "asking again", "closing"])
async def test_a_stale_request_stops_the_decoder(slow: Engine, way: str):
    async with session(slow, options={"until": "file"}) as here:
        file = here.open("x = val")
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(TYPING), types.TextDocumentIdentifier(file.uri), types.Position(0, 7)
        )
        request = here.client.protocol.send_request_async(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id="mine")
        running = asyncio.ensure_future(request)
        await until(lambda: slow.decoder.steps >= 2)
        if way == "typing":
            file.type("u", 0, 7)
        elif way == "cancelling":
            here.client.cancel_request(types.CancelParams("mine"))
        elif way == "closing":
            here.client.text_document_did_close(
                types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(file.uri))
            )
        else:
            SlowDecoder.seconds = 0
            try:
                await file.grey(0, 3)
            finally:
                SlowDecoder.seconds = 0.01
        if way == "cancelling":
            with pytest.raises(JsonRpcRequestCancelled):
                await running
        else:
            assert (await running).items == ()
        await until(here.server.suggester.idle.is_set)
        assert slow.decoder.steps < 250  # of 1024


async def test_other_languages_and_files_that_are_not_open_are_left_alone(engine: Engine):
    async with session(engine) as here:
        file = here.open("x = val", "a.rs", "rust")
        assert await file.grey(0, 7) == ""
        file.type("u", 0, 7)
        file.uri = "file:///project/never/opened.py"
        file.type("u", 0, 7)
        assert await file.grey(0, 7) == "" and await file.fixes(0) == []
        assert here.server.suggester.computed == 0


async def test_ten_megabytes_and_odd_characters(engine: Engine):
    async with session(engine, settings=Settings(pause=0, check_pause=0)) as here:
        file = here.open("x = 1\n" * 1_700_000 + "y = val")
        await file.diagnostics()
        for column in range(7, 12):
            file.type("u", 1_700_000, column)
        began = time.monotonic()
        assert await file.grey(1_700_000, 12) == expected(engine, "x = 1\n" * 1_700_000 + "y = valuuuuu", "")
        assert time.monotonic() - began < 5
        odd = here.open("\0\f\ud83d\ufeff'\x1c\u2028é\nx = val", "odd.py")
        assert len(await odd.diagnostics()) == 1
        assert await odd.grey(1, 7)
        assert await here.open("", "empty.py").grey(0, 0) == expected(engine, "", "")


async def test_wrong_settings_are_told_and_the_server_goes_on(engine: Engine):
    async with session(engine, options={"pause": "soon"}) as here:
        await until(lambda: bool(here.client.messages))
        assert here.client.messages[0].message.startswith("charmer: settings: pause: ")
        assert here.server.settings.pause == 0
        here.client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams({"charmer": {"manual": True, "pause": 30}})
        )
        await until(lambda: here.server.settings.manual)
        assert here.server.settings.pause == 30


async def test_other_open_files_tell_what_is_likely_in_this_one(model, tokenizer):
    cache = NgramCache((-20.0,) * 4, (1.0,) * 4)
    engine = Engine(Decoder(model, tokenizer, dtype=torch.float32, ngrams=cache))
    async with session(engine, options={"until": "line"}) as here:
        here.open("frobnicate(alpha)\nfrobnicate(alpha)\n", name="other.py")
        here.open("frobnicate of this world\n" * 9, name="notes.md", language="markdown")
        assert await here.open("x = 1\nfrobni", name="here.py").grey(1, 6) == "cate(alpha)"
