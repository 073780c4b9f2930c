"""Scoring: each token once, with at least half a window before it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from charmer.inference.score import bits_per_token, windows_of
from charmer.model.network import ModelConfig, Transformer
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def model() -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(50, layers=1, width=16, heads=2, kv_heads=1, hidden=32, context_length=8))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.5 + (weight.ndim == 1))
    return model.eval()


@given(st.integers(0, 100), st.integers(1, 17))
def test_every_token_is_counted_once_with_half_a_window_before_it(length, context):
    reached = 0
    for start, stop, counted in windows_of(length, context):
        assert counted == reached and stop - start <= context
        assert start == 0 or counted - start >= context // 2
        reached = stop
    assert reached == length


def test_bits_equal_those_of_one_window_at_a_time(model):
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 49, size) for size in (3, 0, 20, 8, 9)]
    scored = bits_per_token(model, documents, eof=49, batch_tokens=24)
    for document, bits in zip(documents, scored, strict=True):
        assert bits.shape == document.shape
        stream = np.concatenate([[49], document])
        for start, stop, counted in windows_of(len(document), 8):
            with torch.no_grad():
                logits = model(torch.from_numpy(stream[start:stop])[None])[0]
            expected = -(logits.log_softmax(-1) / np.log(2)).numpy()[np.arange(stop - start), document[start:stop]]
            np.testing.assert_allclose(bits[counted:stop], expected[counted - start :], rtol=1e-4, atol=1e-4)


def test_a_model_that_knows_nothing_needs_log2_of_the_vocabulary(model):
    blank = Transformer(model.config)
    blank.embed_tokens.weight.data.zero_()
    assert bits_per_token(blank, [np.arange(20)], eof=49)[0] == pytest.approx(np.log2(50))
