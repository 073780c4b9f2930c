"""What a model writes: limits in bytes that hold for every vocabulary, and definitions that end where they end."""

from collections.abc import Callable

import pytest
from charmer.evaluation.support import writing
from charmer.inference.healing import Prompt
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer

TEXT = "    return größer\n" * 9
VOCABULARIES = {
    "characters": Tokenizer.characters(sorted(set(TEXT) | set("def f(a):"))),
    "bytes": Tokenizer.bytewise(),
    "pairs": Tokenizer.bpe([(32, 32), (256, 256), (114, 101)], "gpt-2"),  # "  ", "    ", "re"
}


def network(tokenizer: Tokenizer, context: int = 64) -> Transformer:
    return Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, context))


def writes(text: str) -> Callable[..., list[list[int]]]:
    """Stands for `generate`: writes `text` behind every prompt, until it is stopped."""

    def generate(network, tokenizer, prompts, max_tokens, begins, until, **knobs):
        outputs = []
        for row, begin in enumerate(begins):
            tokens: list[int] = []
            for token in tokenizer.encode(begin.decode() + text).tolist()[:max_tokens]:
                tokens.append(token)
                if until(row, tokens):
                    break
            outputs.append(tokens)
        return outputs

    return generate


@pytest.mark.parametrize("name", VOCABULARIES)
@pytest.mark.parametrize("begin", [b"", b"re"], ids=["", "healed"])
def test_every_vocabulary_may_write_the_same_bytes(monkeypatch: pytest.MonkeyPatch, name: str, begin: bytes):
    monkeypatch.setattr(writing, "generate", writes(TEXT))
    tokenizer = VOCABULARIES[name]
    (written,) = writing.continuations(network(tokenizer), tokenizer, [Prompt([1, 2], begin)], 40)
    assert written == (TEXT.encode()[:40].decode(), False)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_what_ends_before_the_limit_ended_by_itself(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(writing, "generate", writes("return"))
    tokenizer = VOCABULARIES[name]
    assert writing.continuations(network(tokenizer), tokenizer, [Prompt([1], b"")], 7) == [("return", True)]
    assert writing.continuations(network(tokenizer), tokenizer, [Prompt([1], b"")], 6) == [("return", False)]


def test_the_room_before_a_limit_depends_on_the_length_of_tokens():
    pairs, byte = VOCABULARIES["pairs"], VOCABULARIES["bytes"]
    assert writing.room(network(byte), byte, byte.encode("    ").tolist(), 20) == 44
    assert writing.room(network(pairs), pairs, pairs.encode("    ").tolist(), 20) == 59
    assert writing.room(network(byte), byte, byte.encode("    ").tolist(), 999) == 32  # half of it at least


@pytest.mark.parametrize(
    ("continuation", "kept", "ended"),
    [
        ("\n    return a\nx = 1\ny = 2\n", "\n    return a\n", True),  # a line at the margin
        ("\n    return a)\n    return a\n", "\n    return a)\n", True),  # past mending
        ("\n    a = 1" * 20, "\n    a = 1" * 5 + "\n", False),  # cut at the limit: complete lines alone
        ("\n    return a", "\n    return a", True),  # the end of the file
    ],
)
def test_a_definition_ends_where_it_ends(monkeypatch: pytest.MonkeyPatch, continuation: str, kept: str, ended: bool):
    monkeypatch.setattr(writing, "generate", writes(continuation))
    settings = {"max_bytes": 55, "temperature": 1.0, "seed": 1}
    tokenizer = VOCABULARIES["bytes"]
    found = writing.definitions(network(tokenizer), tokenizer, ["def f(a):\n    "] * 2, settings, "function")
    assert found == [("def f(a):" + kept, ended)] * 2
