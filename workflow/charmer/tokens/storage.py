"""tokenizer.json: every kind of vocabulary in the format of Hugging Face's `tokenizers`, so other programs open it.

Notable here:
- bpe is a byte-level BPE model; byte is one without merges; char is a BPE model of single characters whose
  `byte_fallback` spells any other character by its bytes. All three open in `tokenizers` as they are.
- The file is read with this module alone and checked entry by entry: ids without gaps, every merge making the id at
  its place, the special tokens in their places. What fails is named.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from charmer.common import files
from charmer.common.failure import Failure

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

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PRE_TOKENIZERS: dict[str, dict[str, Any]] = {
    "gpt-2": {**_BYTE_LEVEL, "use_regex": True},
    "starcoder": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, {**_BYTE_LEVEL, "use_regex": True}],
    },
    "qwen2": {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": _QWEN2}, "behavior": "Isolated", "invert": False},
            {**_BYTE_LEVEL, "use_regex": False},
        ],
    },
}


def _visible_bytes() -> list[str]:
    """GPT-2's printable stand-in for each byte: itself where it prints, else the next character from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    stand_in = iter(range(0x100, 0x200))
    return [chr(value if value in printable else next(stand_in)) for value in range(256)]


VISIBLE = _visible_bytes()


def visible(piece: bytes) -> str:
    """A piece as byte-level vocabularies write it."""
    return "".join(VISIBLE[value] for value in piece)


def describe(
    kind: str, pieces: Sequence[bytes], merges: Sequence[tuple[int, int]], pre_tokenizer: str | None
) -> dict[str, Any]:
    """The content of tokenizer.json."""
    if kind == "char":
        spellings = [chr(value) if value < 128 else f"<0x{value:02X}>" for value in range(256)]
        spellings += [piece.decode() for piece in pieces[256:]]
        before: dict[str, Any] | None = None
        after: dict[str, Any] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
    else:
        spellings = [visible(piece) for piece in pieces]
        before = PRE_TOKENIZERS[pre_tokenizer] if pre_tokenizer else {**_BYTE_LEVEL, "use_regex": False}
        after = {**_BYTE_LEVEL, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": len(pieces) + index, "content": name, **flags} for index, name in enumerate(SPECIAL_NAMES)
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


def dumps(kind: str, pieces: Sequence[bytes], merges: Sequence[tuple[int, int]], pre_tokenizer: str | None) -> str:
    """tokenizer.json as text."""
    return to_text(describe(kind, pieces, merges, pre_tokenizer))


def to_text(content: dict[str, Any]) -> str:
    """The content of tokenizer.json in its textual form."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def merges_of(text: str) -> list[tuple[int, int]]:
    """The merges of a byte-level tokenizer.json with whatever ids, as pairs of Charmer's ids."""
    ids = {character: value for value, character in enumerate(VISIBLE)}
    merges = []
    for left, right in json.loads(text)["model"]["merges"]:
        merges.append((ids[left], ids[right]))
        ids[left + right] = len(ids)
    return merges


def write(
    path: Path, kind: str, pieces: Sequence[bytes], merges: Sequence[tuple[int, int]], pre_tokenizer: str | None
) -> None:
    """Write tokenizer.json."""
    files.write_text(path, dumps(kind, pieces, merges, pre_tokenizer))


def read(path: Path) -> tuple[Literal["char", "byte", "bpe"], list[bytes], list[tuple[int, int]], str | None]:
    """Read a tokenizer.json as (kind, pieces, merges, pre_tokenizer).

    Raises:
        Failure: the file is absent, damaged, or not one of those that `write` writes.
    """
    content = files.read_json(path)
    try:
        found = _parse(content)
        same = describe(*found) == content
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise Failure(f"{path}: is no vocabulary of Charmer's ({error!r}); delete it and run `vocab` again") from error
    if not same:
        raise Failure(f"{path}: is damaged or was not written by Charmer; delete it and run `vocab` again")
    return found


def _parse(content: Any) -> tuple[Literal["char", "byte", "bpe"], list[bytes], list[tuple[int, int]], str | None]:
    model = content["model"]
    ids: dict[str, int] = model["vocab"]
    merges = [(ids[left], ids[right]) for left, right in model["merges"]]
    spellings = sorted(ids, key=ids.__getitem__)
    if model["byte_fallback"]:
        return "char", [bytes([v]) for v in range(256)] + [s.encode() for s in spellings[256:]], merges, None
    value_of = {character: value for value, character in enumerate(VISIBLE)}
    pieces = [bytes(value_of[character] for character in spelling) for spelling in spellings]
    if not merges:
        return "byte", pieces, merges, None
    pre_tokenizer = next(name for name, layout in PRE_TOKENIZERS.items() if layout == content["pre_tokenizer"])
    for index, (left, right) in enumerate(merges, 256):
        if pieces[index] != pieces[left] + pieces[right]:
            raise ValueError(f"merge {index - 256} does not make token {index}")
    return "bpe", pieces, merges, pre_tokenizer
