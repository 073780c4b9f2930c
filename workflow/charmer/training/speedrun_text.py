"""The fixed text of the ten-minute speedrun, made of the running interpreter's own standard library.

Notable here: nothing is downloaded, and one interpreter always gives the same bytes, so figures compare across machines
and years. CPython 3.11.7 gives 22,496,254 bytes to train on (SHA-256 ad1a930613e13f83...) and 1,026,364 to measure on
(a583260c9c548dfb...).
"""

from __future__ import annotations

import hashlib
import random
import sysconfig
from pathlib import Path

from charmer.common.files import write_text

BETWEEN = "\n\n"  # stands between two files of the text
SMALLEST, LARGEST = 201, 199_999  # bytes of a file that is taken
HELD_OUT = 10  # of 256 values that the first byte of a file's SHA-256 can have
FOREIGN = {"site-packages", "dist-packages"}  # installed beside the library, not part of it


def library_files(library: Path | None = None) -> dict[str, list[str]]:
    """The files of a library by split, "train" and "val", each in its order in the text.

    Taken is every .py file of 201 to 199,999 bytes of ASCII, the first of equal ones, with newlines as \\n. The digest
    of its bytes decides its split; the order within a split is shuffled with seed 0.

    Args:
        library: folder to search; None: the running interpreter's standard library.
    """
    library = library or Path(sysconfig.get_paths()["stdlib"])
    splits: dict[str, list[str]] = {"train": [], "val": []}
    taken: set[bytes] = set()
    for path in sorted(library.rglob("*.py"), key=lambda path: path.relative_to(library).parts):
        if FOREIGN.intersection(path.relative_to(library).parts):
            continue
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if SMALLEST <= len(content) <= LARGEST and content.isascii() and digest not in taken:
            taken.add(digest)
            text = content.decode("ascii").replace("\r\n", "\n").replace("\r", "\n")
            splits["val" if digest[0] < HELD_OUT else "train"].append(text)
    for texts in splits.values():
        random.Random(0).shuffle(texts)
    return splits


def write_speedrun_text(folder: Path, library: Path | None = None) -> dict[str, list[str]]:
    """Write train.txt and val.txt into `folder`; gives each split's documents, which joined are its text.

    A document is a file with what stands between it and the next one.
    """
    documents = {}
    for split, texts in library_files(library).items():
        documents[split] = [text + BETWEEN for text in texts[:-1]] + texts[-1:]
        write_text(folder / f"{split}.txt", "".join(documents[split]))
    return documents
