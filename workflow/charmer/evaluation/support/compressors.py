"""What general compressors need for a text: the yardstick beside which bits per byte means something."""

from __future__ import annotations

import lzma
from collections.abc import Callable

import pyarrow as pa

LARGEST_DICTIONARY = 1 << 26  # that of `xz -9`


def xz(data: bytes) -> int:
    """The size in bytes of what `xz -9` makes of `data`.

    The dictionary is cut to the size of the data, which changes no byte of the compressed text but saves `xz -9`
    from clearing 64 MB of memory for every file.
    """
    size = min(LARGEST_DICTIONARY, max(4096, len(data)))
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": size}]
    return len(lzma.compress(data, format=lzma.FORMAT_XZ, filters=filters))


def zstd(data: bytes) -> int:
    """The size in bytes of what zstd at level 19 makes of `data`, without the checksum that the command adds."""
    return len(pa.Codec("zstd", compression_level=19).compress(data, asbytes=True))


COMPRESSORS: dict[str, Callable[[bytes], int]] = {"xz -9": xz, "zstd -19": zstd}
