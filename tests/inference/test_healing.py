"""Token healing: what is dropped, what may come next, and that a text cut inside a word is written on as a whole."""

from __future__ import annotations

import pytest
import torch
from charmer.inference.generate import generate
from charmer.inference.healing import Beginnings, healed
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.storage import PRE_TOKENIZERS
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe
from hypothesis import given
from hypothesis import strategies as st

TEXT = "def area(width, height):\n    return width * height\n\n\nclass Größe:\n    width = 3\n" * 4
TOKENIZERS = {name: learn_bpe([TEXT], 340, name) for name in sorted(PRE_TOKENIZERS)}
BPE = TOKENIZERS["gpt-2"]


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_every_cut_of_a_text_leaves_the_tokens_of_the_whole_reachable(name):
    tokenizer = TOKENIZERS[name]
    whole = tokenizer.encode(TEXT).tolist()
    for cut in range(1, len(TEXT) // 2):
        tokens, begin = healed(tokenizer, TEXT[:cut])
        assert tokenizer.decode_bytes(tokens) + begin == TEXT[:cut].encode()
        assert tokens == whole[: len(tokens)], TEXT[:cut][-20:]


def test_a_cut_inside_a_word_drops_the_word_and_its_blank():
    assert healed(BPE, "    return wid").begin == b" wid"
    assert healed(BPE, "x = 1\n").begin == b"\n"
    assert healed(BPE, "").begin == b""


@given(st.text(max_size=40))
def test_any_text_is_kept_whole(text):
    tokens, begin = healed(BPE, text)
    assert BPE.decode_bytes(tokens) + begin == text.encode()


def test_a_long_run_of_blanks_is_dropped_in_part():
    tokens, begin = healed(BPE, "x" + " " * 1000)
    assert len(begin) < 400 and BPE.decode_bytes(tokens) + begin == b"x" + b" " * 1000


def test_characters_and_bytes_have_nothing_to_heal():
    assert healed(Tokenizer.bytewise(), "retu").begin == b""


def test_tokens_that_fit_a_beginning_are_its_prefixes_and_its_extensions():
    pieces = {BPE.token_bytes(index): index for index in range(BPE.vocab_size) if BPE.token_bytes(index)}
    for begin in (b" wid", b"w", b"\n    ", b"\xc3"):
        fitting = {index for piece, index in pieces.items() if piece.startswith(begin) or begin.startswith(piece)}
        assert set(Beginnings(BPE).allowed(begin).tolist()) == fitting


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.set_num_threads(1)
    network = Transformer(
        ModelConfig(BPE.vocab_size, layers=1, width=16, heads=2, kv_heads=1, hidden=16, context_length=64)
    )
    generator = torch.Generator().manual_seed(0)
    for weight in network.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return network.eval()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_generated_begins_as_it_must_and_is_free_behind_it(model, temperature):
    begins = [b" wid", b"", b"\n    ret", "Größe".encode()]
    prompts = [[65]] * len(begins)
    newline = BPE.encode("\n")[0]
    written = generate(model, BPE, prompts, 12, temperature=temperature, seed=1, begins=begins, stop=[BPE.eof, newline])
    for begin, tokens in zip(begins, written, strict=True):
        assert BPE.decode_bytes(tokens).startswith(begin)
    assert written[1] == generate(model, BPE, prompts, 12, temperature=temperature, seed=1, stop=[BPE.eof, newline])[1]


def test_a_row_ends_when_it_is_told_to(model):
    free = generate(model, BPE, [[65], [66]], 10, stop=[])
    ended = generate(model, BPE, [[65], [66]], 10, stop=[], until=lambda row, new: row == 1 and len(new) == 3)
    assert ended == [free[0], free[1][:3]]
