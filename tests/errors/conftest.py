"""A model that knows nothing: what is found without one can be told from what is ranked by one."""

import pytest
import torch
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def uniform() -> tuple[Transformer, Tokenizer]:
    """Gives every token the same probability, so that the shorter text is always the likelier."""
    torch.set_num_threads(1)
    tokenizer = Tokenizer.bytewise()
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 128))
    torch.nn.init.zeros_(network.embed_tokens.weight)  # tied to the head: all logits are zero
    return network.eval(), tokenizer
