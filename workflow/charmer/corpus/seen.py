"""Which files a released model may have read: their digests, so that it is neither fitted to them nor measured on them.

Notable here: the first eight bytes of the SHA-256 of each text, sorted, are enough to know a file again: with 40,000
files that were read, one in 10^14 others is taken for one. Texts are compared with newlines made alike; a file that was
edited since is not known again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from charmer.common.files import open_array, read_table, write_array

SEEN = "seen.npy"


def write(shards: Path, folder: Path) -> None:
    """Write the digests of all documents of a training split as `SEEN`, uint64[documents], ascending.

    Args:
        shards: the folder of train's shards.
        folder: of the model that ships.

    Raises:
        Failure: a shard is damaged.
    """
    tables = [read_table(path, ["document"]) for path in sorted(shards.glob("shard-*.parquet"))]
    found = [int(name[:16], 16) for table in tables for name in table["document"].to_pylist()]
    write_array(folder / SEEN, np.unique(np.array(found, np.uint64)))


def by(model: str, documents: np.ndarray) -> np.ndarray:
    """Which of these files the model may have read, bool[files]; none where its folder does not say.

    Args:
        model: its folder; "": no model.
        documents: the beginning of each text's digest, uint64[files].

    Raises:
        Failure: the file is damaged.
    """
    path = Path(model) / SEEN
    if not model or not path.is_file():
        return np.zeros(len(documents), bool)
    return np.isin(documents, open_array(path))
