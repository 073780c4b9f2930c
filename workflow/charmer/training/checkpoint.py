"""Checkpoints: one self-verifying file each, two of them kept.

Notable here:
- A checkpoint is a single safetensors file; what is not a tensor is JSON in its header. It is renamed into place
  when it is complete, and its name carries the digest of its bytes, so a flipped bit is seen before it is used.
- When the newest file is bad, the one before is tried.
- What another run left (an edited setting keeps its folder where only code or data changed) may have cost hours: its
  newest checkpoint is set aside, one at a time, and whoever goes back to that code or data goes on from it.
- A lock on the folder keeps a second process out; the system releases it when its process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load, save
from torch import Tensor

from charmer.common.failure import Failure
from charmer.common.files import replacing, sha256_of

logger = logging.getLogger(__name__)
ASIDE = "set-aside"  # folder within a run's own, for the newest checkpoint of another run
NAME = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on: tensors by name, and JSON values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process.

    Raises:
        Failure: another process holds it; the message gives its process id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise Failure(
                f"{folder}: process {holder} is training into it; wait for it, or stop it, and run again"
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def write(folder: Path, step: int, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write a checkpoint and remove all but the newest `keep`.

    Raises:
        Failure: the disk is full; the checkpoints before are untouched.
    """
    header = {"values": json.dumps(checkpoint.values)}
    content = save({name: tensor.contiguous().cpu() for name, tensor in checkpoint.tensors.items()}, header)
    path = folder / f"step-{step:09d}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    for old in listing(folder)[keep:]:
        old.unlink()
    return path


def listing(folder: Path) -> list[Path]:
    """The checkpoints in `folder`, newest first."""
    found = [path for path in folder.glob("step-*.safetensors") if NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.name[:14], path.stat().st_mtime_ns), reverse=True)


def read(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        Failure: its bytes are not those that were written.
    """
    match = NAME.fullmatch(path.name)
    if match is None or sha256_of(path)[:16] != match[2]:
        raise Failure(f"{path}: its bytes are not those that were written")
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return Checkpoint(load(content), json.loads(header["__metadata__"]["values"]))


def newest(folder: Path, identity: str) -> Checkpoint | None:
    """The newest good checkpoint of the run `identity`, or None; what is passed over is said in the log."""
    for path in [*listing(folder), *listing(folder / ASIDE)]:
        try:
            checkpoint = read(path)
        except (Failure, OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
            logger.warning(f"{error}; the checkpoint before it is tried")
            continue
        if checkpoint.values.get("identity") == identity:
            return checkpoint
    return None


def set_aside(folder: Path, identity: str, go_on: bool) -> None:
    """Take what another run left out of the way of the run `identity`; call it when `newest` was read.

    Args:
        go_on: whether the run has a good checkpoint; then its own come to lie in `folder`, else they are removed.
    """
    here, aside = listing(folder), listing(folder / ASIDE)
    own = [path for path in [*here, *aside] if _whose(path) == identity]
    for path in [path for path in here if path not in own][:1]:
        (folder / ASIDE).mkdir(exist_ok=True)
        kept = path.replace(folder / ASIDE / path.name)
        logger.warning(f"{path}: was left by other settings, data or code; it is not gone on with, but kept as {kept}")
        for old in set(aside) - set(own):
            old.unlink()
    for path in own if go_on else []:
        path.replace(folder / path.name)
    _remove_files(folder, keep={path.name for path in own} if go_on else set())


def _whose(path: Path) -> str | None:
    """The identity in a checkpoint's header; None where that can't be read."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return str(json.loads(header["__metadata__"]["values"])["identity"])
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return None


def clear(folder: Path) -> None:
    """Remove checkpoints, those that were set aside too, and what a killed writer left beside them."""
    if (folder / ASIDE).is_dir():
        clear(folder / ASIDE)
        (folder / ASIDE).rmdir()
    _remove_files(folder, keep=set())


def _remove_files(folder: Path, keep: set[str]) -> None:
    for path in [*folder.glob("*.safetensors"), *folder.glob(".*.part")]:
        if path.name not in keep:
            path.unlink(missing_ok=True)
