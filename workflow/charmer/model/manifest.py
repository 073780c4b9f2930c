"""The manifest of a model that ships: the size and SHA-256 of each file, so that a folder is known to be whole.

A file that was cut short, or taken from another model, can still be opened: weights whose bits were flipped load
without a word, and two tokenizers of one size are told apart by nothing else. So a released folder says what belongs
into it, and is held against that before it is opened. A folder without a manifest, as training writes it, is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import read_json, sha256_of

MANIFEST = "release.json"
CURE = "put the released files back (`git checkout -- {folder}`, or install Charmer again), or name another model"


def described(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Bytes and SHA-256 of each of the files `names` in `folder`."""
    return {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in names}


def check(folder: Path) -> None:
    """Hold a folder against its manifest; one that has none passes. Costs a hash of its bytes, 20 ms for 20 MB.

    Raises:
        Failure: the manifest is damaged, or a file is missing, cut short, or another than the one that was released.
    """
    path = folder / MANIFEST
    if not path.exists():
        return
    cure = CURE.format(folder=folder)
    try:
        files = {
            str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in read_json(path)["files"].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Failure(f"{path}: is damaged; {cure}") from error
    for name, (size, digest) in files.items():
        file = folder / name
        if not file.is_file():
            raise Failure(f"{file}: is missing; {cure}")
        if file.stat().st_size != size:
            raise Failure(f"{file}: holds {file.stat().st_size} bytes, and {size} were released; {cure}")
        if sha256_of(file) != digest:
            raise Failure(f"{file}: is damaged, or belongs to another model: not the file that was released; {cure}")
