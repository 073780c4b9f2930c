"""Reading and writing: a written file is complete or absent, and a bad one is named by its reader.

Notable here:
- `replacing` is the only way in which Charmer writes: beside the target, flushed to the disk, then renamed.
- Loaders never unpickle. Tables are Parquet, arrays are `.npy` without objects, settings are JSON.
- What the disk refuses (no room, no permission) and what a reader finds broken becomes a `Failure` that names
  the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import DISK_FULL, Failure

FULL_DISK = {errno.ENOSPC, errno.EDQUOT}


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a path beside `path` to write to; on leaving without an error it takes `path`'s place atomically.

    After an error, `path` is what it was before (absent, or the old file) and nothing lies beside it.

    Raises:
        Failure: the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    here = os.uname().nodename
    temporary = path.with_name(f".{path.name}.{here}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(f".{path.name}.{here}.*.part"):
            if not psutil.pid_exists(int(left.suffixes[-2][1:])):  # its writer was killed
                left.unlink(missing_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _disk_failure(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the file system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _disk_failure(path: Path, error: OSError) -> Exception:
    if error.errno in FULL_DISK:
        return Failure(f"{path}: {DISK_FULL}")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return Failure(f"{path}: may not be written ({error.strerror}); check the owner of {path.parent}")
    return error


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, complete or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON with a newline at its end; key order is kept."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        Failure: the file is absent or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: is not valid JSON ({error}); delete it and run the same command again") from error


def write_table(path: Path | str, table: pa.Table) -> None:
    """Write a Parquet table (zstd, with page checksums so that a flipped bit is seen on reading)."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_table(path: Path | str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a Parquet table, checking its page checksums.

    Raises:
        Failure: the file is absent, damaged, or lacks one of `columns`.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            missing = set(columns or ()) - set(parquet.schema_arrow.names)
            if missing:
                raise Failure(f"{path}: lacks the columns {', '.join(sorted(missing))}; delete it and run again")
            return parquet.read(columns=list(columns) if columns is not None else None)
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise Failure(f"{path}: is damaged ({error}); delete it and run the same command again") from error


def write_array(path: Path | str, array: np.ndarray) -> None:
    """Write one NumPy array as `.npy`."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def open_array(path: Path | str) -> np.ndarray:
    """Memory-map a `.npy` array for reading.

    Raises:
        Failure: the file is absent, cut short, or is no plain array.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file") from None
    except (ValueError, OSError, EOFError) as error:
        raise Failure(f"{path}: is damaged or cut short ({error}); delete it and run again") from error


def sha256_of(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
