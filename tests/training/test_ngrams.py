"""Fitting the n-gram cache: text that repeats itself makes it strong, text that does not leaves the network its say."""

from __future__ import annotations

import numpy as np
import pytest
from charmer.inference import ngram_cache
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer
from charmer.training.ngrams import fit, fitted


def costs(texts: list[np.ndarray], order: int) -> tuple[float, float]:
    """Bits a token with the network alone, which knows nothing of 64 tokens, and with the cache fitted to the texts."""
    bits = [np.full(len(text), 6.0) for text in texts]
    cache = fitted(texts, bits, order)
    return 6.0, float(np.concatenate([cache.refined(*both) for both in zip(texts, bits, strict=True)]).mean())


def test_phrases_that_come_again_are_learned_at_once():
    random = np.random.default_rng(0)
    phrases = random.integers(0, 64, (6, 12))
    texts = [np.concatenate(phrases[random.integers(0, 6, 30)]) for _ in range(4)]
    alone, cached = costs(texts, order=4)
    assert cached < alone / 3, "most of a phrase follows from its beginning"


def test_noise_costs_no_more_than_by_the_network():
    random = np.random.default_rng(0)
    alone, cached = costs([random.integers(0, 64, 2000)], order=4)
    assert alone <= cached + 1e-6 < alone + 0.02


def test_too_little_text_leaves_the_usual_strengths():
    cache = fitted([np.arange(5)], [np.full(5, 6.0)], order=3)
    assert cache.scales == pytest.approx([2.5] * 3) and cache.exponents == pytest.approx([2.0] * 3)


def test_a_models_cache_is_fitted_to_held_out_text_and_lies_beside_its_weights(run):
    model, data = run.folder / "model", run.data
    folder.save(model, untrained(), data["tokenizer"])
    fit(model, data["val_tokens"], data["val_documents"], model / "ngram_cache.json")
    cache = ngram_cache.read(model)
    assert cache is not None and cache.order == 24, "bytes: as many as some eight tokens have"
    text = np.tile(Tokenizer.load(data["tokenizer"]).encode("def area(self):\n"), 4)
    assert cache.refined(text, np.full(len(text), 8.0)).sum() < 8 * len(text) / 2


def untrained() -> Transformer:
    network = Transformer(ModelConfig(264, layers=1, width=16, heads=2, kv_heads=1, hidden=32, context_length=64))
    network.initialise(seed=1)
    return network
