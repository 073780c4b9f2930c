"""tokenizer.json: every kind of vocabulary in the format of Hugging Face's `tokenizers`, for other programs to open.

Notable here:
- bpe is a byte-level BPE model; byte is one without merges; char is a BPE model of single characters whose
  `byte_fallback` spells any other character by its bytes. All three open in `tokenizers` as they are.
- `describe` makes the content from a vocabulary, `parse` the vocabulary from the content. A file is good when the two
  agree in every field, so nothing in it is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["char", "byte", "bpe"]
Merges = Sequence[tuple[int, int]]

# Names that editor plugins' infill templates know (Qwen2.5-Coder's), then those of repair.
SPECIAL_NAMES = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|error|>",
    "<|place|>",
    "<|fix|>",
)
BYTES = tuple(bytes([value]) for value in range(256))


class PreTokenizer(NamedTuple):
    """How text is cut into the pieces inside which BPE merges."""

    pattern: str  # for tiktoken
    layout: dict[str, Any]  # the same for `tokenizers`


def _byte_level(use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Each is one that llama.cpp knows by this name. StarCoder's takes every digit alone and then cuts the rest as GPT-2's
# does; as one pattern that means that a digit ends a run of spaces as the text's end does.
PRE_TOKENIZERS = {
    "gpt-2": PreTokenizer(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", _byte_level(True)
    ),
    "starcoder": PreTokenizer(
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
        {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, _byte_level(True)]},
    ),
    "qwen2": PreTokenizer(
        _QWEN2,
        {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": _QWEN2}, "behavior": "Isolated", "invert": False},
                _byte_level(False),
            ],
        },
    ),
}


def _visible_bytes() -> list[str]:
    """GPT-2's printable stand-in for each byte: itself where it prints, else the next character from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    stand_in = iter(range(0x100, 0x200))
    return [chr(value if value in printable else next(stand_in)) for value in range(256)]


VISIBLE = _visible_bytes()
_VALUE = {character: value for value, character in enumerate(VISIBLE)}


def describe(
    kind: Kind, pieces: Sequence[bytes], merges: Merges = (), pre_tokenizer: str | None = None
) -> dict[str, Any]:
    """The content of tokenizer.json for a vocabulary in which id i stands for `pieces[i]`, special tokens behind."""
    before: dict[str, Any] | None
    if kind == "char":
        spellings = [chr(value) if value < 128 else f"<0x{value:02X}>" for value in range(256)]
        spellings += [piece.decode() for piece in pieces[256:]]
        before, after = None, {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
    else:
        spellings = ["".join(VISIBLE[value] for value in piece) for piece in pieces]
        before, after = _byte_level(False), _byte_level(True)
        if pre_tokenizer is not None:
            before = PRE_TOKENIZERS[pre_tokenizer].layout
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": index, "content": name, **flags} for index, name in enumerate(SPECIAL_NAMES, len(pieces))
        ],
        "normalizer": None,
        "pre_tokenizer": before,
        "post_processor": None,
        "decoder": after,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": kind == "char",
            "ignore_merges": False,
            "vocab": {spelling: index for index, spelling in enumerate(spellings)},
            "merges": [[spellings[left], spellings[right]] for left, right in merges],
        },
    }


def parse(content: Any) -> tuple[Kind, list[bytes], list[tuple[int, int]], str | None]:
    """The arguments of `describe` from its result.

    Raises:
        ValueError, KeyError, TypeError, IndexError, AttributeError, StopIteration: `content` is something else.
    """
    model = content["model"]
    ids: dict[str, int] = model["vocab"]
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    spellings = sorted(ids, key=ids.__getitem__)
    kind: Kind = "char" if model["byte_fallback"] else "bpe" if merges else "byte"
    if kind == "char":
        pieces = [*BYTES, *(spelling.encode() for spelling in spellings[256:])]
    else:
        pieces = [bytes(_VALUE[character] for character in spelling) for spelling in spellings]
    names = (name for name, (_, layout) in PRE_TOKENIZERS.items() if layout == content["pre_tokenizer"])
    found = kind, pieces, merges, next(names) if kind == "bpe" else None
    if describe(*found) != content:
        raise ValueError("it has fields or values that Charmer does not write")
    return found


def dumps(content: dict[str, Any]) -> str:
    """The content as the text of tokenizer.json."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def merges_of(content: dict[str, Any]) -> list[tuple[int, int]]:
    """The merges of a trained byte-level model, whatever its ids, as pairs of ids in which the bytes are 0 to 255."""
    ids = dict(_VALUE)
    merges = []
    for left, right in content["model"]["merges"]:
        merges.append((ids[left], ids[right]))
        ids[left + right] = len(ids)
    return merges
