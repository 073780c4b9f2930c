"""Files and directories that a person names, read as the corpus reads them: for measuring a model on anybody's code.

Notable here: a named file is read whatever its name ends in, a directory gives its Python files. Each is decoded,
refused or split into a notebook's cells by the same functions as in a scrape, so that what is measured here is what
training would see; only the curation is left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.parallel import WorkerDied, ordered_map
from charmer.corpus.directories import directory_files
from charmer.corpus.found import Found, Package, shown
from charmer.corpus.refusal import Refusal
from charmer.corpus.rows import Batch, Outcome, process
from charmer.corpus.selection import Selection

SETTINGS = {"max_file_mb": 10.0, "notebooks": True, "shebang_scripts": True}
LIMIT = int(SETTINGS["max_file_mb"] * 1e6)
NAME = "given"


def read(paths: Sequence[Path], workers: int = 1) -> tuple[list[dict[str, Any]], list[Refusal]]:
    """The rows (columns of charmer.corpus.shards.ROWS) of all files that `paths` mean, in order, and the refused ones.

    A row's `path` is the path as a person would write it from here, its `package` the path that was given.

    Args:
        paths: files and directories; a file that several of them mean counts once.
        workers: processes that read; with 1 it happens in this one, where a file that crashes Python's parser ends it.

    Raises:
        Failure: a path is not there.
    """
    rows: dict[str, dict[str, Any]] = {}
    refused: dict[str, Refusal] = {}
    batches = (Batch(NAME, True, LIMIT, [found]) for found in _found(paths, refused))
    for outcome in ordered_map(process, batches, workers, _crashed):
        for stream in outcome.rows:
            rows.update((row["path"], row) for batch in pa.ipc.open_stream(stream) for row in batch.to_pylist())
        refused.update((refusal.path, refusal) for refusal in outcome.refusals)
    return list(rows.values()), list(refused.values())


def _found(paths: Sequence[Path], refused: dict[str, Refusal]) -> Iterator[Found]:
    for path in paths:
        package = Package(shown(str(path)))
        if not path.is_dir():
            if not path.exists() and not path.is_symlink():
                raise Failure(f"{path}: there is no such file or directory")
            kind = "notebook" if path.suffix.lower() == ".ipynb" else "py"
            yield Found(package, shown(str(path)), kind, path.stat().st_size if path.exists() else -1, str(path))
            continue
        source = {"name": NAME, "kind": "directory", "path": str(path), "own": True}
        for item in directory_files(source, Selection(source, SETTINGS)):
            inside = shown(str(path / item.path))
            if isinstance(item, Refusal):
                refused[inside] = item._replace(package=package.name, path=inside)
            else:
                yield item._replace(package=package, path=inside)


def _crashed(batch: Batch, death: WorkerDied) -> Outcome:
    (file,) = batch.files
    why = Refusal(file.package.name, file.path, file.bytes, "crashes the parser", f"status {death.returncode}")
    return Outcome([], [why], file.bytes)


def complain(refused: Sequence[Refusal]) -> None:
    """Name the refused files on standard error, one a line, with the reason."""
    for one in refused:
        print(f"refused: {one.path}: {one.reason}{f' ({one.detail})' if one.detail else ''}", file=sys.stderr)
