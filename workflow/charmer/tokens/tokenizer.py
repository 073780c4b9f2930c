"""One tokenizer for three kinds of vocabulary: characters, bytes, and byte-level BPE.

Notable here:
- In all three kinds the ids 0 to 255 are the bytes, so nothing is ever unknown; what the kind adds follows (characters
  beyond ASCII, or the results of BPE merges in the order of their ranks); the special tokens are the last ids.
- Text never becomes a special token: the encoders do not know their names. `allow_special=True` is for callers who
  write the markers themselves.
- BPE runs in tiktoken, where a pair is merged by the id of its result; `Tokenizer` accepts only vocabularies in which
  the order of ids is the order of merges, for which this equals the merge list that tokenizer.json holds.
- All three kinds are stored in the `tokenizer.json` format of Hugging Face's `tokenizers` (see `storage`).
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
import tiktoken

from charmer.tokens import storage

Kind = Literal["char", "byte", "bpe"]

SPECIAL_NAMES = storage.SPECIAL_NAMES
BYTES = tuple(bytes([value]) for value in range(256))

# How text is cut before BPE merges inside the pieces; each is one that llama.cpp knows by this name. StarCoder's takes
# every digit alone and then cuts as GPT-2's does: written here as one pattern, in which a digit ends a run of spaces.
PATTERNS = {
    "gpt-2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "starcoder": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+",
    "qwen2": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


class Tokenizer:
    """Encodes text to ids and back. Build one with `characters`, `bytewise`, `bpe` or `load`.

    Attributes:
        kind: "char", "byte" or "bpe".
        pre_tokenizer: a key of `PATTERNS` for bpe, else None.
        merges: for bpe, the pairs of ids that make the ids 256, 257, ...; else empty.
        vocab_size: number of ids, special tokens included.
        special: the id of every special token by its name.
        eof, fim_prefix, fim_suffix, fim_middle, fim_pad, error, place, fix: the same ids as attributes.
    """

    def __init__(
        self,
        kind: Kind,
        pieces: Sequence[bytes],
        merges: Sequence[tuple[int, int]] = (),
        pre_tokenizer: str | None = None,
    ) -> None:
        """`pieces[i]` are the bytes of id i, special tokens left out."""
        if tuple(pieces[:256]) != BYTES or len(set(pieces)) != len(pieces):
            raise ValueError("the first 256 pieces must be the bytes, and no piece may occur twice")
        self.kind, self.pre_tokenizer = kind, pre_tokenizer
        self.merges = list(merges)
        self._pieces = list(pieces)
        self.special = {name: len(pieces) + index for index, name in enumerate(SPECIAL_NAMES)}
        self.eof, self.fim_prefix, self.fim_suffix, self.fim_middle = (self.special[n] for n in SPECIAL_NAMES[:4])
        self.fim_pad, self.error, self.place, self.fix = (self.special[n] for n in SPECIAL_NAMES[4:])
        self.vocab_size = len(pieces) + len(SPECIAL_NAMES)
        if kind == "bpe":
            assert pre_tokenizer is not None
            ranks = {piece: rank for rank, piece in enumerate(pieces)}
            self._bpe = tiktoken.Encoding(
                "charmer", pat_str=PATTERNS[pre_tokenizer], mergeable_ranks=ranks, special_tokens={}
            )
        elif kind == "char":
            self._by_codepoint = np.full(0x110000, -1, np.int32)
            self._by_codepoint[:128] = np.arange(128)
            for index, piece in enumerate(pieces[256:], 256):
                self._by_codepoint[ord(piece.decode())] = index

    @classmethod
    def characters(cls, characters: Iterable[str]) -> Self:
        """A token for each ASCII character and each of `characters`; any other goes through its UTF-8 bytes."""
        beyond = sorted({character for character in characters if ord(character) >= 128})
        return cls("char", [*BYTES, *(character.encode() for character in beyond)])

    @classmethod
    def bytewise(cls) -> Self:
        """A token for each byte of the UTF-8 text."""
        return cls("byte", BYTES)

    @classmethod
    def bpe(cls, merges: Sequence[tuple[int, int]], pre_tokenizer: str) -> Self:
        """Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019) whose merge i joins two ids into id 256 + i."""
        pieces = list(BYTES)
        for left, right in merges:
            pieces.append(pieces[left] + pieces[right])
        return cls("bpe", pieces, merges, pre_tokenizer)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a tokenizer.json.

        Raises:
            Failure: the file is absent, damaged, or holds a tokenizer that Charmer did not write.
        """
        return cls(*storage.read(Path(path)))

    def save(self, path: Path | str) -> None:
        """Write the tokenizer.json, which Hugging Face's `tokenizers` opens as it is."""
        storage.write(Path(path), self.kind, self._pieces, self.merges, self.pre_tokenizer)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of what tokenizer.json holds: equal for two tokenizers exactly when they encode alike."""
        return hashlib.sha256(
            storage.dumps(self.kind, self._pieces, self.merges, self.pre_tokenizer).encode()
        ).hexdigest()

    @functools.cached_property
    def byte_lengths(self) -> np.ndarray:
        """int32[vocab_size]: the UTF-8 bytes of each id's text, 0 for special tokens (bits per byte divides by them)."""
        return np.array([*map(len, self._pieces), *[0] * len(self.special)], np.int32)

    def encode(self, text: str, allow_special: bool = False) -> np.ndarray:
        """The ids of `text`, int32. With `allow_special`, the names of special tokens in it become these tokens.

        Raises:
            UnicodeEncodeError: `text` holds lone surrogates, which no UTF-8 file can hold.
        """
        if not allow_special:
            return self._encode_ordinary(text)
        parts = [
            np.array([self.special[part]], np.int32) if part in self.special else self._encode_ordinary(part)
            for part in _SPECIAL.split(text)
        ]
        return np.concatenate(parts)

    def _encode_ordinary(self, text: str) -> np.ndarray:
        if self.kind == "bpe":
            if not text.isascii():
                text.encode()  # tiktoken would put U+FFFD in the place of a lone surrogate, without a word
            return self._bpe.encode_to_numpy(text, disallowed_special=()).astype(np.int32)
        if self.kind == "byte" or text.isascii():
            return np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        codepoints = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ids = self._by_codepoint[codepoints]
        unseen = ids < 0
        if not unseen.any():
            return ids
        lengths = np.where(unseen, 2 + (codepoints >= 0x800) + (codepoints >= 0x10000), 1)
        ids = np.repeat(ids, lengths)
        ids[ids < 0] = np.frombuffer(codepoints[unseen].tobytes().decode("utf-32-le").encode(), np.uint8)
        return ids

    def decode_bytes(self, ids: Iterable[int] | np.ndarray, show_special: bool = False) -> bytes:
        """The bytes of `ids`. Special tokens stand for no text; `show_special` writes their names instead.

        Raises:
            IndexError: an id outside of the vocabulary.
        """
        table = self._table(show_special)
        ids = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
        if ids and min(ids) < 0:
            raise IndexError(f"token id {min(ids)} is outside of the vocabulary of {self.vocab_size}")
        return b"".join([table[index] for index in ids])

    def decode(self, ids: Iterable[int] | np.ndarray, show_special: bool = False) -> str:
        """The text of `ids`; U+FFFD for bytes that are no UTF-8 (a model may stop inside a character)."""
        return self.decode_bytes(ids, show_special).decode("utf-8", errors="replace")

    def token_bytes(self, index: int) -> bytes:
        """The bytes that one id stands for, empty for special tokens."""
        return self.decode_bytes([index])

    @functools.lru_cache(maxsize=2)  # noqa: B019  a tokenizer lives as long as the program
    def _table(self, show_special: bool) -> list[bytes]:
        return [*self._pieces, *(name.encode() if show_special else b"" for name in self.special)]

    def __len__(self) -> int:
        return self.vocab_size


_SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIAL_NAMES)) + ")")
