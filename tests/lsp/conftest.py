"""A small vocabulary and a model that was never trained."""

import pytest
import torch
from charmer.inference.decoder import Decoder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe

SOURCE = "def clip(value, limit=3):\n    if value > limit:\n        value = limit\n    return value\n"


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return learn_bpe([SOURCE] * 4, 300, "gpt-2")


@pytest.fixture(scope="session")
def model(tokenizer: Tokenizer) -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(tokenizer.vocab_size, 2, 32, 4, 2, 48, 128))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return model.eval()


@pytest.fixture
def engine(model: Transformer, tokenizer: Tokenizer):
    from charmer.lsp.server import Engine  # needs pygls

    return Engine(Decoder(model, tokenizer, dtype=torch.float32))
