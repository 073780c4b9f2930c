"""The network against `transformers`' Qwen3, and against what causality and document borders demand."""

from __future__ import annotations

import pytest
import torch
from charmer.model import folder
from charmer.model.network import Cache, ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer

CONFIG = ModelConfig(vocab_size=264, layers=2, width=32, heads=4, kv_heads=2, hidden=48, context_length=24)


@pytest.fixture
def model() -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(CONFIG)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.3 + (weight.ndim == 1))
    return model.eval()


def tokens(rows: int = 2, length: int = 24) -> torch.Tensor:
    return torch.randint(0, CONFIG.vocab_size, (rows, length), generator=torch.Generator().manual_seed(1))


def test_transformers_gives_the_same_logits_from_the_saved_folder(model, tmp_path):
    transformers = pytest.importorskip("transformers", reason="the test needs transformers (extra `dev`)")
    Tokenizer.bytewise().save(tmp_path / "tokenizer.json")
    folder.save(tmp_path / "model", model, tmp_path / "tokenizer.json")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32).eval()
    assert type(theirs).__name__ == "Qwen3ForCausalLM"
    with torch.no_grad():
        torch.testing.assert_close(model(tokens()), theirs(tokens()).logits, atol=1e-4, rtol=1e-4)


def test_a_future_token_moves_nothing_before_it(model):
    changed = tokens()
    changed[:, 10] = (changed[:, 10] + 1) % CONFIG.vocab_size
    with torch.no_grad():
        before, after = model(tokens()), model(changed)
    assert torch.equal(before[:, :10], after[:, :10])
    assert (before[:, 10:] != after[:, 10:]).any(-1).all()


def test_a_token_of_another_document_moves_nothing(model):
    segments = torch.tensor([[0] * 8 + [1] * 9 + [2] * 7] * 2)
    changed = tokens()
    changed[:, 3] = (changed[:, 3] + 1) % CONFIG.vocab_size
    with torch.no_grad():
        before, after = model(tokens(), segments), model(changed, segments)
    assert torch.equal(before[:, 8:], after[:, 8:])
    assert (before[:, 3:8] != after[:, 3:8]).any(-1).all()


def test_a_document_reads_the_same_wherever_it_stands_in_the_window(model):
    segments = torch.tensor([[0] * 8 + [1] * 16])
    with torch.no_grad():
        torch.testing.assert_close(model(tokens(1), segments)[:, 8:], model(tokens(1)[:, 8:]), atol=1e-4, rtol=1e-4)


def test_reading_in_pieces_through_a_cache_gives_the_same_logits(model):
    cache = Cache(CONFIG, rows=2, length=24, device="cpu", dtype=torch.float32)
    positions = torch.arange(24).expand(2, -1)
    with torch.no_grad():
        pieces = [
            model(tokens()[:, a:b], cache=cache, positions=positions[:, a:b])
            for a, b in ((0, 9), (9, 10), (10, 11), (11, 24))
        ]
        torch.testing.assert_close(torch.cat(pieces, 1), model(tokens()), atol=1e-4, rtol=1e-4)


def test_bfloat16_stays_near_float32(model):
    with torch.no_grad():
        exact, rough = model(tokens()).log_softmax(-1), model(tokens(), dtype=torch.bfloat16).float().log_softmax(-1)
    assert (exact - rough).abs().mean() < 0.1


def test_parameters_and_flops_are_counted_by_hand():
    config = ModelConfig(vocab_size=10, layers=2, width=8, heads=2, kv_heads=1, hidden=16, context_length=4)
    block = 8 * 8 * 2 + 8 * 4 * 2 + 3 * 8 * 16  # q and o, k and v, gate, up and down
    assert config.matrix_parameters() == 2 * block + 10 * 8
    assert config.flops_per_token() == 3 * 2 * (2 * block + 80) + 3 * 2 * 2 * 8 * 4  # matrices; scores and values
    assert sum(p.numel() for p in Transformer(config).parameters()) == 2 * (block + 2 * 8 + 2 * 4) + 80 + 8


def test_first_weights_depend_on_the_seed_alone():
    models = [Transformer(CONFIG) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        torch.randn(3)
        model.initialise(seed)
    first, again, other = (model.layers[1].mlp.up_proj.weight for model in models)
    assert torch.equal(first, again) and not torch.equal(first, other)
