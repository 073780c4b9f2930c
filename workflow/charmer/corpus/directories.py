"""Files of a directory, and of the running interpreter's standard library.

Notable here: the walk opens nothing and reads no content, so it can stand in a digest that is taken before every
run; it follows no link to a folder, so it ends also where links form a loop; and what it cannot enter is reported.
"""

# Paths stay strings here, for speed and so that names of any bytes pass through.
# ruff: noqa: PTH110, PTH111, PTH112, PTH115, PTH116

from __future__ import annotations

import os
import platform
import stat
import sysconfig
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, NamedTuple

from charmer.common.failure import Failure
from charmer.corpus.found import Found, Package, shown
from charmer.corpus.licences import folder_licence
from charmer.corpus.reading import file_type, obstacle
from charmer.corpus.refusal import Refusal
from charmer.corpus.selection import SKIPPED_FOLDERS, Selection

ENVIRONMENT_MARKS = {"pyvenv.cfg", "conda-meta"}


class Entry(NamedTuple):
    """One file that a walk met: `place` on the disk, `path` below the root, its kind, size and time.

    With `problem` set it is a file or folder that cannot be read; `problem` is a reason of refusal.
    """

    place: str
    path: str
    kind: str
    bytes: int
    mtime_ns: int
    problem: str | None = None
    detail: str = ""


def walk(root: str, selection: Selection, skip: frozenset[str] = frozenset()) -> Iterator[Entry]:
    """Every selected file below `root`, and every obstacle, sorted by path component.

    Args:
        root: a directory.
        selection: which files are meant.
        skip: names of folders at the top of `root` that do not belong to it.
    """
    levels = [_open(root, "", selection, SKIPPED_FOLDERS | skip)]  # not recursion: a path may have 2,000 folders
    while levels:
        item = next(levels[-1], None)
        if item is None:
            levels.pop()
        elif isinstance(item, Entry):
            yield item
        else:
            levels.append(_open(item.place, item.prefix, selection, SKIPPED_FOLDERS))


class _Folder(NamedTuple):
    place: str
    prefix: str


def _open(folder: str, prefix: str, selection: Selection, skip: Set[str]) -> Iterator[Entry | _Folder]:
    """The entries of one folder, and the folders in it that are to be opened in their turn."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        yield Entry(folder, prefix.rstrip("/") or ".", "folder", -1, 0, *obstacle(error))
        return
    if prefix and any(entry.name in ENVIRONMENT_MARKS for entry in entries):
        yield Entry(folder, prefix.rstrip("/"), "folder", -1, 0, "virtual environment", "not entered")
        return
    for entry in entries:
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in skip:
                yield _Folder(entry.path, path + "/")
        elif entry.is_symlink() and _is_folder(entry):
            if entry.name not in skip:
                yield Entry(entry.path, path, "folder", -1, 0, "linked folder", f"to {shown(os.readlink(entry.path))}")
        elif (kind := selection.kind(path)) is not None:
            yield from examine(entry.path, path, kind)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def examine(place: str, path: str, kind: str) -> Iterator[Entry]:
    """The entry of one file, by its status alone; nothing for an extensionless name that is no regular file."""
    try:
        status = os.stat(place)
    except OSError as error:
        if kind != "script":
            yield Entry(place, path, kind, -1, 0, *obstacle(error, place))
        return
    if stat.S_ISREG(status.st_mode):
        yield Entry(place, path, kind, status.st_size, status.st_mtime_ns)
    elif kind != "script":
        yield Entry(place, path, kind, -1, 0, "not a regular file", file_type(status.st_mode))


def directory_entries(source: dict[str, Any], selection: Selection) -> Iterator[Entry]:
    """The entries of a source of kind `directory`.

    Raises:
        Failure: `path` is no directory or may not be read.
    """
    root = os.path.expanduser(source["path"])
    if not os.path.isdir(root):
        wrong = "is not a directory" if os.path.exists(root) else "does not exist"
        raise Failure(f"source {source['name']}: {shown(root)} {wrong}; correct its path in the config")
    if not os.access(root, os.R_OK | os.X_OK):
        raise Failure(f"source {source['name']}: {shown(root)} may not be read by this user; check its permissions")
    return walk(root, selection)


def directory_files(source: dict[str, Any], selection: Selection) -> Iterator[Found | Refusal]:
    """The files of a source of kind `directory`.

    The package of a file is its top-level folder or single module; a person's own directory is one package, named
    like the source. A licence is what a licence file at the top of the package, or else of the directory, says.
    """
    root = Path(source["path"]).expanduser()
    own = bool(source.get("own"))
    packages: dict[str, Package] = {}
    everywhere = folder_licence(root)
    for entry in directory_entries(source, selection):
        top, slash, _ = entry.path.partition("/")
        module = slash == "" and entry.kind != "folder"
        name = source["name"] if own else shown((module and top.rpartition(".")[0]) or top)
        if name not in packages:
            inside = folder_licence(root / top, f"{shown(top)}/") if slash and not own else (None, None)
            packages[name] = Package(name, None, *(inside if inside[0] else everywhere))
        yield found(entry, packages[name])


def stdlib_entries(selection: Selection) -> Iterator[Entry]:
    """The entries of the running interpreter's standard library, without what is installed inside it."""
    root = sysconfig.get_path("stdlib")
    return walk(root, selection, skip=frozenset({"site-packages", "dist-packages"}))


def stdlib_files(selection: Selection) -> Iterator[Found | Refusal]:
    """The standard library: one package named python, for its modules have one licence and one set of authors."""
    package = Package("python", platform.python_version(), "PSF-2.0", "the interpreter")
    for entry in stdlib_entries(selection):
        yield found(entry, package)


def found(entry: Entry, package: Package) -> Found | Refusal:
    """An entry of a walk as a file of `package`, or as the refusal that it is."""
    if entry.problem is not None:
        return Refusal(package.name, shown(entry.path), entry.bytes, entry.problem, entry.detail)
    return Found(package, shown(entry.path), entry.kind, entry.bytes, place=entry.place)
