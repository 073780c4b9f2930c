"""Replacing a whole folder: it is complete, or what it was before.

What is new is written beside its place and swapped in by two renames. A process that is killed between them leaves the
old folder beside the empty place; the next call puts it back first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

from charmer.common.failure import Failure
from charmer.common.files import read_json
from charmer.model.manifest import MANIFEST


@contextlib.contextmanager
def replacing_release(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; on leaving without an error it takes `folder`'s place.

    Raises:
        Failure: `folder` holds files that no release put there, or may not be written.
    """
    folder = Path(os.path.realpath(folder))  # a link stays one, and what it points to is replaced
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f".{folder.name}.*.part"):
            if not psutil.pid_exists(int(left.suffixes[-2][1:])):  # its writer was killed
                shutil.rmtree(left)
        if old.is_dir() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
        check(folder)
        unfinished.mkdir()
        yield unfinished
        if folder.exists():
            folder.rename(old)
        try:
            unfinished.rename(folder)
        except BaseException:
            if old.is_dir():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except PermissionError as error:
        raise Failure(f"{folder}: may not be written ({error.strerror}); check the owner of {folder.parent}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def check(folder: Path) -> None:
    """Refuse to replace anything but an earlier release.

    Raises:
        Failure: `folder` is a file, or holds one that its manifest does not name.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise Failure(f"release.folder: {folder} is a file; name a folder")
    manifest = folder / MANIFEST
    found = read_json(manifest) if manifest.is_file() else {}
    released = {MANIFEST, *(found.get("files", {}) if isinstance(found, dict) else {})}
    strange = sorted(path.name for path in folder.iterdir() if path.name not in released)
    if strange:
        raise Failure(
            f"release.folder: {folder} holds {strange[0]}, which no release put there; move it away, or name another "
            "folder"
        )
