"""Models of every kind of vocabulary, with random weights, and a thousand Python files with our markers in some.

CHARMER_MODEL=FOLDER adds a trained model to them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.storage import PRE_TOKENIZERS, SPECIAL_NAMES
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import learn_bpe

KINDS = [*PRE_TOKENIZERS, "byte", "char", *(["trained"] if "CHARMER_MODEL" in os.environ else [])]
ODD = [
    *(" ", "\n", "\t\n  \n", "a\r\nb\r\n", "\x00\x01", "  \u3000\xa0 x", "'s 'S 'LL don't I'Ve", "12345 ٣٤ Ⅷ ²"),
    *("x = '😀 é長\u200b\ufeff'", "e\u0301 ñ", "\u0130\u017f\u212a", "<|fim_prefix|><|endoftext|>", "<|fim_"),
]


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """The beginnings of 1,000 files of PyTorch, every fourth with names of special tokens strewn in, and odd texts."""
    paths = sorted(Path(torch.__file__).parent.rglob("*.py"))
    rng = random.Random(1)
    found: list[str] = []
    for path in rng.sample(paths, len(paths)):
        text = path.read_text(encoding="utf-8")[:1500]
        if len(text) < 100:
            continue
        for _ in range(3 if len(found) % 4 == 0 else 0):
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(SPECIAL_NAMES) + text[place:]
        found.append(text)
        if len(found) == 1000:
            return found + ODD
    raise AssertionError("PyTorch has fewer than 1,000 files")


@pytest.fixture
def is_greedy() -> Callable[[Transformer, list[int], list[int]], bool]:
    """Returns `check(network, prompt, continuation)`: is each token the one that our network rates highest there?"""

    def check(network: Transformer, prompt: list[int], continuation: list[int]) -> bool:
        with torch.no_grad():
            logits = network(torch.tensor([prompt + continuation]))[0, len(prompt) - 1 : -1]
        return logits.argmax(-1).tolist() == continuation

    return check


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of vocabulary, BPE by the name of its pre-tokenizer."""
    return request.param


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Callable[..., Path]:
    """Returns `make(kind, **sizes)`, which gives a model's folder; each is made once."""
    made: dict[str, Path] = {"trained": Path(os.environ.get("CHARMER_MODEL", ""))}

    def make(kind: str, **sizes: int) -> Path:
        name = "-".join([kind, *map(str, sizes.values())])
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            _random_model(_tokenizer(kind, texts), sizes, made[name])
        return made[name]

    return make


def _tokenizer(kind: str, texts: list[str]) -> Tokenizer:
    if kind == "byte":
        return Tokenizer.bytewise()
    if kind == "char":
        return Tokenizer.characters("éß長😀»")
    return learn_bpe([*texts[:100], *ODD * 2], 1000, kind)


def _random_model(tokenizer: Tokenizer, sizes: dict[str, int], out: Path) -> None:
    """No weight is zero or one, so that a matrix forgotten or swapped shows in the logits."""
    config = ModelConfig(
        tokenizer.vocab_size,
        **{"layers": 2, "width": 96, "heads": 6, "kv_heads": 2, "hidden": 160, "context_length": 512, **sizes},
        rope_theta=50_000.0,
        norm_epsilon=1e-5,
    )
    network = Transformer(config)
    generator = torch.Generator().manual_seed(1)
    for weight in network.parameters():
        noise = torch.randn(weight.shape, generator=generator)
        weight.data.copy_(noise * 1.5 * weight.shape[-1] ** -0.5 if weight.ndim == 2 else 1 + 0.2 * noise)
    tokenizer.save(out / "made.json")
    folder.save(out, network, out / "made.json")
