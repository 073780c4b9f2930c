"""Edits are judged as if each edited text were read on its own."""

import math

import numpy as np
import pytest
import torch
from charmer.errors import rank
from charmer.errors.edits import Edit, apply
from charmer.errors.rank import Reading, score_edits
from charmer.inference.score import bits_per_token
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer

TEXT = "def area(width, height):\n    # Größe\n    size = width * height\n    return size\n"
MERGES = [(105, 122), (32, 32), (257, 257), (115, 256), (259, 101), (32, 119), (10, 258)]  # "iz", blanks, "size", " w"


def network(vocab_size: int, context: int) -> Transformer:
    torch.manual_seed(0)
    model = Transformer(ModelConfig(vocab_size, 2, 16, 2, 1, 32, context))
    model.initialise(0)
    for weight in model.parameters():
        weight.data += 0.3 * torch.randn_like(weight)
    return model.eval()


def nats(model: Transformer, tokenizer: Tokenizer, text: str) -> float:
    tokens = tokenizer.encode(text)
    return -math.log(2) * float(bits_per_token(model, [tokens], tokenizer.eof, threads=1)[0].sum())


TOKENIZERS = {
    "bpe": Tokenizer.bpe(MERGES, "gpt-2"),
    "bpe, qwen2": Tokenizer.bpe(MERGES, "qwen2"),
    "byte": Tokenizer.bytewise(),
    "char": Tokenizer.characters("öß"),
}
EDITS = [
    Edit(TEXT.index("width *"), TEXT.index("width *") + 5, "height"),
    Edit(TEXT.index("* height"), TEXT.index("* height") + 1, "//"),
    Edit(TEXT.index("return size"), TEXT.index("return size") + 7, ""),
    Edit(0, 0, "async "),
    Edit(len(TEXT), len(TEXT), "# end"),
    Edit(len(TEXT) - 1, len(TEXT), ""),
    Edit(TEXT.index("ö"), TEXT.index("ö") + 2, "oss"),
    Edit(TEXT.index("    size"), TEXT.index("    size") + 4, " "),
]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_with_a_tail_to_the_end_a_change_is_the_difference_of_two_readings(kind):
    tokenizer = TOKENIZERS[kind]
    model = network(tokenizer.vocab_size, 256)
    whole = nats(model, tokenizer, TEXT)
    expected = [nats(model, tokenizer, apply(TEXT, edit)) - whole for edit in EDITS]
    assert score_edits(model, tokenizer, TEXT, EDITS, tail=500) == pytest.approx(expected, abs=1e-3)


def test_an_edit_that_changes_nothing_changes_nothing():
    tokenizer = TOKENIZERS["bpe"]
    edit = Edit(4, 8, "area")
    assert score_edits(network(tokenizer.vocab_size, 64), tokenizer, TEXT, [edit]) == [0.0]


def test_a_long_text_is_judged_in_windows_with_three_eighths_of_the_context_before_each_place():
    tokenizer = TOKENIZERS["byte"]
    model = network(tokenizer.vocab_size, 64)
    text = TEXT * 6
    edit = Edit(text.rindex("width *"), text.rindex("width *") + 5, "w")
    (judged,) = Reading(model, tokenizer, text).judge([edit], tail=4)
    first = len(text[: edit.start].encode()) + 1  # "w" agrees
    start = first // 32 * 32 - 24
    data = text.encode()
    old, new = (data[start - 1 : first] + rest for rest in (b"idth * h", b" * h"))

    def cost(part: bytes) -> float:
        with torch.inference_mode():
            tokens = torch.from_numpy(np.frombuffer(part, np.uint8).astype(np.int64))
            logs = model(tokens[None, :-1])[0].log_softmax(-1)
        behind = range(first - start, len(part) - 1)
        return sum(float(logs[at, tokens[at + 1]]) for at in behind)

    assert judged.change == pytest.approx(cost(new) - cost(old), abs=1e-3)


@pytest.mark.parametrize(
    ("windows", "lengths"),
    [(1, [1]), (2, [1, 1]), (5, [2, 3]), (12, [6, 6]), (13, [3, 3, 3, 4]), (25, [4, 4, 4, 4, 4, 5])],
)
def test_windows_that_follow_one_another_are_cut_into_an_even_number_of_chains(windows, lengths):
    groups = [rank._Group(base, max(base - 24, 0)) for base in range(0, 32 * windows, 32)]
    chains = rank._chains(groups, stride=32)
    assert [len(chain) for chain in chains] == lengths
    assert [group for chain in chains for group in chain] == groups


def test_a_chain_ends_where_a_window_is_left_out():
    first, second, third = (rank._Group(base, max(base - 24, 0)) for base in (0, 32, 96))
    assert rank._chains([first, second, third], stride=32) == [[first], [second], [third]]


def test_a_window_of_a_chain_sees_what_one_that_is_read_afresh_sees():
    """With one layer, what is kept of the window before depends on nothing before it: both readings are equal."""
    tokenizer = TOKENIZERS["byte"]
    torch.manual_seed(0)
    model = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 32, 64))
    model.initialise(0)
    text = TEXT * 6
    edits = [Edit(place, place + 4, "area") for place in range(text.index("size"), len(text) - 4, 40)]
    chained = score_edits(model.eval(), tokenizer, text, edits, tail=8)
    alone = [score_edits(model, tokenizer, text, [edit], tail=8)[0] for edit in edits]
    assert chained == pytest.approx(alone, abs=1e-3)


def test_an_edit_longer_than_the_context_is_not_judged():
    tokenizer = TOKENIZERS["byte"]
    assert score_edits(network(tokenizer.vocab_size, 32), tokenizer, TEXT, [Edit(0, 0, "x" * 40)]) == [-math.inf]


def test_a_promise_decides_which_edits_are_read_on_and_which_are_not_judged():
    tokenizer = TOKENIZERS["byte"]
    reading = Reading(network(tokenizer.vocab_size, 256), tokenizer, TEXT)
    edits = [Edit(40, 41, letter) for letter in "abcdef"]
    promises = {0: 1.0, 1: None, 2: 3.0, 3: None, 4: 2.0, 5: 0.0}
    judged = reading.judge(edits, most=2, promise=lambda number, one: promises[number])
    assert [at for at, one in enumerate(judged) if one is None] == [1, 3]
    assert [at for at, one in enumerate(judged) if one is not None and one.change is not None] == [2, 4]


def test_most_leaves_the_edits_with_the_best_first_tokens():
    tokenizer = TOKENIZERS["byte"]
    reading = Reading(network(tokenizer.vocab_size, 256), tokenizer, TEXT)
    edits = [Edit(40, 41, letter) for letter in "abcdefgh"]
    every, few = reading.judge(edits), reading.judge(edits, most=3)
    best = sorted(range(len(edits)), key=lambda at: -every[at].first)[:3]
    assert [at for at, judged in enumerate(few) if judged.change is not None] == sorted(best)
    assert all(few[at].change == pytest.approx(every[at].change, abs=1e-4) for at in best)
