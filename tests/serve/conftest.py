"""A small vocabulary, a model that was never trained, and a server that runs for all tests."""

from collections.abc import Iterator

import pytest
import torch
from charmer.inference.decoder import Decoder
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe

from .serving import SOURCE, Served, serving, small_model


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return learn_bpe([SOURCE] * 4, 320, "gpt-2")


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer) -> Transformer:
    return small_model(tokenizer)


@pytest.fixture(scope="session")
def served(model: Transformer, tokenizer: Tokenizer) -> Iterator[Served]:
    """A server for all tests that leave it as it was; float32, so that batches of any size give the same tokens."""
    decoder = Decoder(model, tokenizer, 4, torch.float32, block=8)
    decoder.warm()
    with serving(decoder, metrics=True) as one:
        yield one
