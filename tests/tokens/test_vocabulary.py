"""Learning vocabularies: the size that was asked for, the same file every time, statistics that add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from charmer.common.failure import Failure
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.vocabulary import build, describe

Write = Callable[..., Path]


def settings(**changes: Any) -> dict[str, Any]:
    return {"kind": "bpe", "size": 700, "pre_tokenizer": "gpt-2", "sample_mb": 25.0, **changes}


def built(train: Path, **changes: Any) -> tuple[Tokenizer, dict[str, Any]]:
    out, statistics = train.parent / "tokenizer.json", train.parent / "statistics.json"
    build(train, settings(**changes), out, statistics)
    return Tokenizer.load(out), json.loads(statistics.read_text(encoding="utf-8"))


@pytest.mark.parametrize("pre_tokenizer", ["gpt-2", "starcoder", "qwen2"])
def test_bpe_has_the_size_that_was_asked_for(
    texts: list[str], write_shards: Write, tmp_path: Path, pre_tokenizer: str
) -> None:
    tokenizer, statistics = built(write_shards(tmp_path / "train", texts), pre_tokenizer=pre_tokenizer)
    assert tokenizer.kind == "bpe" and tokenizer.pre_tokenizer == pre_tokenizer
    assert tokenizer.vocab_size == statistics["entries"] == 700
    assert tokenizer.token_bytes(tokenizer.encode("self")[0]) == b"self"


def test_the_same_text_gives_the_same_file(texts: list[str], write_shards: Write, tmp_path: Path) -> None:
    for folder, shards in (("one", 1), ("two", 5)):
        built(write_shards(tmp_path / folder / "train", texts, shards))
    for name in ("tokenizer.json", "statistics.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_too_little_text_gives_a_smaller_vocabulary_and_says_so(
    write_shards: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer, _ = built(write_shards(tmp_path / "train", ["ab ab ab cd cd\n", "xy"]))
    assert tokenizer.vocab_size == 256 + 4 + 8  # "ab", " ab", "cd", " cd" and the marks, no pair that occurs once
    assert "vocab.size: 700 entries were asked for" in caplog.text


def test_bpe_learns_from_a_sample_of_the_size_that_the_knob_gives(write_shards: Write, tmp_path: Path) -> None:
    train = write_shards(tmp_path / "train", ["aaab " * 100, "zzzy " * 100, "qqqr " * 100])
    tokenizer, _ = built(train, sample_mb=0.0009)
    pieces = {tokenizer.token_bytes(index) for index in range(tokenizer.vocab_size)}
    assert {b"aaab", b"zzzy"} <= pieces and b"qqqr" not in pieces


def test_characters_are_those_that_occur_twice(write_shards: Write, tmp_path: Path) -> None:
    tokenizer, statistics = built(write_shards(tmp_path / "train", ["é世", "é\u00fc", "世"]), kind="char")
    assert tokenizer.kind == "char"
    assert [tokenizer.decode([index]) for index in range(256, tokenizer.vocab_size - 8)] == ["é", "世"]
    assert statistics["bytes_per_token"] is None  # three documents: none was kept aside


def test_bytes_need_no_learning(texts: list[str], write_shards: Write, tmp_path: Path) -> None:
    tokenizer, statistics = built(write_shards(tmp_path / "train", texts), kind="byte")
    assert tokenizer.vocab_size == 264
    assert statistics["bytes_per_token"] == 1.0


def test_what_is_measured_was_not_learned_from(write_shards: Write, tmp_path: Path) -> None:
    texts = [f"value_{number % 3} = None\n" * 5 for number in range(31)] + ["Qwfp Qwfp Qwfp\n" * 30]
    tokenizer, statistics = built(write_shards(tmp_path / "train", texts))
    assert statistics["measured"]["documents"] == 1
    assert statistics["measured"]["bytes"] == len(texts[-1])
    assert len(tokenizer.encode("value_0")) < len("value_0") and len(tokenizer.encode("Qwfp")) == 4


def test_statistics_count_what_the_texts_hold() -> None:
    found = describe(Tokenizer.bytewise(), ["aab \n", "世a"])
    assert found["measured"] == {"documents": 2, "bytes": 9, "tokens": 9}
    assert found["most_frequent"][0] == {"token": "a", "id": 97, "count": 3}
    assert {"token": "\\xe4", "id": 0xE4, "count": 1} in found["most_frequent"]
    assert found["whitespace_share"] == pytest.approx(2 / 9)
    assert found["used_share"] == pytest.approx(7 / 264)


def test_longest_entries_come_first(bpes: dict[str, Tokenizer]) -> None:
    longest = describe(bpes["gpt-2"], [])["longest"]
    lengths = [entry["bytes"] for entry in longest]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] >= 16


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_no_text_is_a_reason(write_shards: Write, tmp_path: Path, kind: str) -> None:
    with pytest.raises(Failure, match="train: holds no text to make a vocabulary from"):
        built(write_shards(tmp_path / "train", []), kind=kind)
