"""Generation: cached and batched it writes what the plain forward pass would."""

from __future__ import annotations

import pytest
import torch
from charmer.common.failure import Failure
from charmer.inference.generate import generate
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer

TOKENIZER = Tokenizer.bytewise()
PROMPTS = [[40, 41, 42, 43, 44, 45], [7], [], [100, 3, 50, 60]]


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(264, layers=2, width=32, heads=4, kv_heads=2, hidden=48, context_length=32))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return model.eval()


def plain(model, prompt, count):
    """Greedy continuation without a cache."""
    text = list(prompt) or [TOKENIZER.eof]
    others = [mark for mark in TOKENIZER.special.values() if mark != TOKENIZER.eof]
    for _ in range(count):
        with torch.no_grad():
            logits = model(torch.tensor([text]))[0, -1]
        logits[others] = -torch.inf
        token = int(logits.argmax())
        if token == TOKENIZER.eof:
            break
        text.append(token)
    return text[len(prompt) or 1 :]


def test_batched_and_cached_equals_the_plain_forward_pass(model):
    assert generate(model, TOKENIZER, PROMPTS, 20) == [plain(model, prompt, 20) for prompt in PROMPTS]


def test_a_continuation_does_not_depend_on_what_follows_it_in_the_list(model):
    together = generate(model, TOKENIZER, PROMPTS, 12, temperature=1.0, seed=5)
    assert generate(model, TOKENIZER, PROMPTS[:2], 12, temperature=1.0, seed=5) == together[:2]
    assert generate(model, TOKENIZER, PROMPTS, 12, temperature=1.0, seed=6) != together


def test_text_longer_than_the_context_slides(model):
    long = list(range(30, 90))
    written = generate(model, TOKENIZER, [long], 80, stop=[])
    assert len(written[0]) == 80
    assert written[0][:5] == generate(model, TOKENIZER, [long[-16:]], 5, stop=[])[0]


def test_a_stop_token_ends_its_row_alone(model):
    free = generate(model, TOKENIZER, PROMPTS, 20, stop=[])
    stop = free[0][3]
    stopped = generate(model, TOKENIZER, PROMPTS, 20, stop=[stop])
    for whole, cut in zip(free, stopped, strict=True):
        assert cut == (whole[: whole.index(stop)] if stop in whole else whole)


@pytest.mark.parametrize("knobs", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_k": -1}, {"temperature": float("nan")}])
def test_values_out_of_range_are_refused(model, knobs):
    with pytest.raises(Failure, match=next(iter(knobs))):
        generate(model, TOKENIZER, PROMPTS, 4, **knobs)


def test_foreign_tokens_are_refused(model):
    with pytest.raises(Failure, match="token 999"):
        generate(model, TOKENIZER, [[999]], 4)


def test_of_the_special_tokens_only_those_that_stop_are_chosen(model):
    fond = Transformer(model.config).eval()
    fond.load_state_dict(model.state_dict())
    mark = TOKENIZER.fim_prefix
    fond.embed_tokens.weight.data[mark] = 10 * fond.embed_tokens.weight.data[plain(model, PROMPTS[0], 1)[0]]
    with torch.no_grad():
        assert int(fond(torch.tensor(PROMPTS[:1]))[0, -1].argmax()) == mark
    assert mark not in generate(fond, TOKENIZER, PROMPTS[:1], 5, stop=[])[0]
    assert generate(fond, TOKENIZER, PROMPTS[:1], 5, stop=[mark]) == [[]]
