"""One tokenizer for three kinds of vocabulary: characters, bytes, and byte-level BPE.

Notable here:
- In all three kinds the ids 0 to 255 are the bytes, so nothing is ever unknown; then comes what the kind adds
  (characters beyond ASCII, or the results of BPE's merges in their order); the special tokens are the last ids.
- Text never becomes a special token: the encoders do not know their names. `allow_special=True` is for callers who
  write the marks themselves.
- BPE runs in tiktoken, which merges the pair whose result has the lowest id. Where ids follow the order of merges,
  that is what the list of merges in tokenizer.json says, at several times the speed of `tokenizers`.
- Text is whatever UTF-8 can hold. A lone surrogate is refused as `str.encode` refuses it, so that what is decoded can
  always be written to a file.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import tiktoken
from tokenizers import Tokenizer as Reference

from charmer.common import files
from charmer.common.failure import Failure
from charmer.tokens import storage
from charmer.tokens.storage import BYTES, PRE_TOKENIZERS, SPECIAL_NAMES, Kind

_SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIAL_NAMES)) + ")")


class Tokenizer:
    """Encodes text to ids and back. Made by `load`, `characters`, `bytewise` or `bpe`.

    Attributes:
        kind: "char", "byte" or "bpe".
        pre_tokenizer: for bpe a key of `storage.PRE_TOKENIZERS`, else None.
        merges: for bpe the pairs of ids that make the ids 256, 257, ...; else empty.
        vocab_size: number of ids, special tokens included.
        special: the id of each special token by its name.
        eof, fim_prefix, fim_suffix, fim_middle, fim_pad, error, place, fix: the same ids as attributes.
    """

    def __init__(
        self,
        kind: Kind,
        pieces: Sequence[bytes],
        merges: Sequence[tuple[int, int]] = (),
        pre_tokenizer: str | None = None,
    ) -> None:
        """Take `pieces[i]` as the bytes of id i; special tokens follow behind them.

        Raises:
            ValueError: the pieces do not begin with the 256 bytes, or one occurs twice, or merges do not make them.
        """
        if tuple(pieces[:256]) != BYTES or len(set(pieces)) != len(pieces):
            raise ValueError("a vocabulary begins with the 256 bytes and holds no entry twice")
        self.kind, self.pre_tokenizer, self.merges = kind, pre_tokenizer, list(merges)
        self._pieces = list(pieces)
        self.special = {name: index for index, name in enumerate(SPECIAL_NAMES, len(pieces))}
        self.eof, self.fim_prefix, self.fim_suffix, self.fim_middle = (self.special[n] for n in SPECIAL_NAMES[:4])
        self.fim_pad, self.error, self.place, self.fix = (self.special[n] for n in SPECIAL_NAMES[4:])
        self.vocab_size = len(pieces) + len(SPECIAL_NAMES)
        if kind == "bpe":
            if [pieces[left] + pieces[right] for left, right in self.merges] != self._pieces[256:]:
                raise ValueError("the entries behind the bytes are not the results of the merges in their order")
            self._bpe = tiktoken.Encoding(
                "charmer",
                pat_str=PRE_TOKENIZERS[str(pre_tokenizer)].pattern,
                mergeable_ranks={piece: rank for rank, piece in enumerate(pieces)},
                special_tokens={},
            )
        elif kind == "char":
            self._by_codepoint = np.full(0x110000, -1, np.int32)
            self._by_codepoint[:128] = np.arange(128)
            for index, piece in enumerate(pieces[256:], 256):
                self._by_codepoint[ord(piece.decode())] = index

    @classmethod
    def characters(cls, characters: Iterable[str]) -> Self:
        """An id for each ASCII character and each of `characters`; any other is spelled by its UTF-8 bytes."""
        beyond = sorted({character for character in characters if not character.isascii()})
        return cls("char", [*BYTES, *(character.encode() for character in beyond)])

    @classmethod
    def bytewise(cls) -> Self:
        """An id for each byte of the UTF-8 text."""
        return cls("byte", BYTES)

    @classmethod
    def bpe(cls, merges: Sequence[tuple[int, int]], pre_tokenizer: str) -> Self:
        """Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019): merge i joins two ids into id 256 + i."""
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
        content = files.read_json(path)
        try:
            return cls(*storage.parse(content))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, StopIteration) as error:
            raise Failure(
                f"{path}: is damaged or no vocabulary of Charmer's ({type(error).__name__}: {error}); "
                "delete it and run the same command again"
            ) from error

    def save(self, path: Path | str) -> None:
        """Write the tokenizer.json, which Hugging Face's `tokenizers` opens as it is."""
        files.write_text(path, self._json)

    @functools.cached_property
    def _json(self) -> str:
        return storage.dumps(storage.describe(self.kind, self._pieces, self.merges, self.pre_tokenizer))

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of tokenizer.json, in hexadecimal."""
        return hashlib.sha256(self._json.encode()).hexdigest()

    @functools.cached_property
    def byte_lengths(self) -> np.ndarray:
        """int32[vocab_size]: how many bytes of text each id stands for, 0 for special tokens."""
        return np.array([*map(len, self._pieces), *[0] * len(self.special)], np.int32)

    def encode(self, text: str, allow_special: bool = False) -> np.ndarray:
        """The ids of `text`, int32. With `allow_special`, names of special tokens in it become these tokens.

        Raises:
            UnicodeEncodeError: `text` holds a lone surrogate.
        """
        if not allow_special:
            return self._encode_ordinary(text)
        parts = _SPECIAL.split(text)  # text, name, text, name, ..., text
        ids = [self._encode_ordinary(part) for part in parts]
        for place in range(1, len(parts), 2):
            ids[place] = np.array([self.special[parts[place]]], np.int32)
        return np.concatenate(ids)

    def _encode_ordinary(self, text: str) -> np.ndarray:
        if self.kind == "bpe":
            return self._encode_bpe(text)
        if self.kind == "byte" or text.isascii():
            return np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        codepoints = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ids = self._by_codepoint[codepoints]
        other = ids < 0
        if other.any():
            ids = np.repeat(ids, np.where(other, 2 + (codepoints >= 0x800) + (codepoints >= 0x10000), 1))
            ids[ids < 0] = np.frombuffer(codepoints[other].tobytes().decode("utf-32-le").encode(), np.uint8)
        return ids

    def _encode_bpe(self, text: str) -> np.ndarray:
        if not text.isascii():
            text.encode()  # tiktoken would put U+FFFD in the place of a lone surrogate without a word
        try:
            return self._bpe.encode_to_numpy(text, disallowed_special=()).astype(np.int32)
        except ValueError:  # its regex engine gives up on hundreds of thousands of spaces in a row
            return np.array(self._reference.encode(text).ids, np.int32)

    @functools.cached_property
    def _reference(self) -> Reference:
        reference = Reference.from_str(self._json)
        reference.encode_special_tokens = True  # as text, that is
        return reference

    def decode_bytes(self, ids: Iterable[int] | np.ndarray, show_special: bool = False) -> bytes:
        """The bytes that `ids` stand for. Special tokens stand for none; `show_special` writes their names.

        Raises:
            IndexError: an id outside of the vocabulary.
        """
        table = self._shown if show_special else self._silent
        found = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
        if found and min(found) < 0:
            raise IndexError(f"token {min(found)} is outside of the vocabulary of {self.vocab_size}")
        return b"".join([table[index] for index in found])

    def decode(self, ids: Iterable[int] | np.ndarray, show_special: bool = False) -> str:
        """The text of `ids`, with U+FFFD for bytes that are no UTF-8 (a model may stop inside a character)."""
        return self.decode_bytes(ids, show_special).decode("utf-8", errors="replace")

    def token_bytes(self, index: int) -> bytes:
        """The bytes that one id stands for, none for a special token."""
        return self.decode_bytes([index])

    @functools.cached_property
    def _silent(self) -> list[bytes]:
        return [*self._pieces, *[b""] * len(self.special)]

    @functools.cached_property
    def _shown(self) -> list[bytes]:
        return [*self._pieces, *(name.encode() for name in self.special)]
