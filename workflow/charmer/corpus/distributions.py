"""Files of installed distributions, found through the metadata that installers leave.

Notable here: `importlib.metadata` finds the distributions, each one's RECORD names its files, so nothing is guessed
from folder names, and two distributions that share a namespace folder stay apart.
"""

# Paths stay strings here, for speed and so that names of any bytes pass through.
# ruff: noqa: PTH118

from __future__ import annotations

import csv
import importlib.metadata
import os
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.corpus.directories import Entry, examine, found
from charmer.corpus.found import Found, Package, normalized, shown
from charmer.corpus.licences import LICENCE_FILE, metadata_licence, read_text
from charmer.corpus.refusal import Refusal
from charmer.corpus.selection import SKIPPED_FOLDERS, Selection


def installed(source: dict[str, Any]) -> list[tuple[str, Distribution]]:
    """The distributions that the source names (`all`: every one), with normalized names, sorted by them.

    Raises:
        Failure: one of them is not installed.
    """
    wanted = source.get("packages") or []
    if not wanted:
        raise Failure(f"source {source['name']}: names no packages; list installed distributions, or [all]")
    chosen: dict[str, Distribution] = {}
    if "all" in wanted:
        for distribution in importlib.metadata.distributions():
            name = _name(distribution)
            if name and name not in chosen:  # the first on sys.path is the one that imports
                chosen[name] = distribution
    for name in wanted:
        if name != "all" and normalized(name) not in chosen:
            try:
                chosen[normalized(name)] = importlib.metadata.distribution(name)
            except (PackageNotFoundError, ValueError):
                raise Failure(
                    f"source {source['name']}: the distribution {name} is not installed; install it with pip, "
                    "or take it off the list of packages"
                ) from None
    return sorted(chosen.items())


def _name(distribution: Distribution) -> str | None:
    try:
        name = distribution.metadata["Name"]
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return normalized(name) if name else None


def _recorded(distribution: Distribution) -> list[str] | None:
    """The paths that the distribution recorded, relative to where it is installed; None without a record."""
    record = distribution.read_text("RECORD")  # the csv module alone is three times faster than .files
    if record:
        return [row[0] for row in csv.reader(record.splitlines()) if row]
    files = distribution.files
    return None if files is None else [file.as_posix() for file in files]


def _entries(distribution: Distribution, selection: Selection) -> Iterator[Entry]:
    """The selected files of one distribution by their status, sorted by path."""
    root = str(distribution.locate_file(""))
    paths = _recorded(distribution)
    if paths is None:
        yield Entry(root, ".", "folder", -1, 0, "not in the record", "it left no list of its files")
    elif re.search(r'"editable":\s*true', distribution.read_text("direct_url.json") or ""):
        detail = "installed in editable mode: name its folder as a source of kind directory"
        yield Entry(root, ".", "folder", -1, 0, "not in the record", detail)
    else:
        for path in sorted(set(paths)):
            kind = selection.kind(path)
            if kind is not None and not SKIPPED_FOLDERS.intersection(path.split("/")):
                yield from examine(os.path.join(root, path), path, kind)


def distribution_entries(source: dict[str, Any], selection: Selection) -> Iterator[Entry]:
    """The entries of a source of kind `distributions`, with name and version of each distribution."""
    for name, distribution in installed(source):
        yield Entry(name, f"{name} {distribution.version}", "metadata", -1, 0)
        yield from _entries(distribution, selection)


def distribution_files(source: dict[str, Any], selection: Selection) -> Iterator[Found | Refusal]:
    """The files of a source of kind `distributions`, in the order of package and path."""
    for name, distribution in installed(source):
        licence = metadata_licence(distribution.metadata, _licence_texts(distribution))
        package = Package(name, distribution.version, *licence)
        for entry in _entries(distribution, selection):
            yield found(entry, package)


def _licence_texts(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Name and text of the licence files among the recorded files, those of the metadata folder first."""
    paths = [path for path in _recorded(distribution) or [] if LICENCE_FILE.fullmatch(path.rpartition("/")[2])]
    root = Path(str(distribution.locate_file("")))
    for path in sorted(paths, key=lambda path: (".dist-info/" not in path, path.count("/"), path)):
        if path.endswith((".py", ".pyi", ".pyc")):
            continue
        yield shown(path), read_text(root / path)
