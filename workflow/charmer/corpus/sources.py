"""The kinds of source behind one small interface: `files` finds, `digest` says whether anything changed.

Notable here: `digest` runs whenever the Snakefile is parsed, for every source, so this module and those it imports
load nothing heavy, and a digest reads names, sizes and times only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from charmer.common.failure import Failure
from charmer.corpus import archives, directories, distributions, git, releases
from charmer.corpus.found import Found
from charmer.corpus.parts import WHOLE, Part
from charmer.corpus.refusal import Refusal
from charmer.corpus.selection import Selection

ON_DISK = {"directory", "stdlib", "distributions"}  # kinds whose files lie on the disk, with sizes known beforehand


class Listed(NamedTuple):
    """What a look at a source tells without reading it.

    Attributes:
        digest: of relative path, size and modification time of each file that it selects, in hexadecimal; for
            archives those of the archives themselves, for releases their versions, for a git repository the
            commit's id.
        bytes: of these files; 0 for releases and for a git repository, whose files nobody has seen yet.
    """

    digest: str
    bytes: int


def listed(source: dict[str, Any], settings: dict[str, Any]) -> Listed:
    """Look at a source, file by file, without reading any.

    Args:
        source: one entry of the config's `sources`.
        settings: the config's `scrape` section.

    Raises:
        Failure: a directory, archive, repository or distribution that the source names is not there.
    """
    hasher = hashlib.sha256()
    size = 0
    for entry in _entries(source, Selection(source, settings)):
        line = f"{entry.path}\0{entry.kind}\0{entry.bytes}\0{entry.mtime_ns}\0{entry.problem}\n"
        hasher.update(os.fsencode(line))
        size += max(entry.bytes, 0)
    return Listed(hasher.hexdigest(), size)


def digest(source: dict[str, Any], settings: dict[str, Any]) -> str:
    """The digest of `listed`."""
    return listed(source, settings).digest


def files(source: dict[str, Any], settings: dict[str, Any], part: Part = WHOLE) -> Iterator[Found | Refusal]:
    """Every file of a source, or of one part of it, in a fixed order, with its package; what cannot be a row comes as
    its refusal. Archives are not divided; releases and a git repository are one part.

    Raises:
        Failure: as `listed`.
    """
    selection = Selection(source, settings)
    match source["kind"]:
        case "directory":
            return part.choose(lambda: directories.directory_files(source, selection))
        case "stdlib":
            return part.choose(lambda: directories.stdlib_files(selection))
        case "distributions":
            return part.choose(lambda: distributions.distribution_files(source, selection))
        case "archive":
            return archives.archive_files(source, selection, largest_file(settings), part)
        case "releases":
            return releases.release_files(source, selection, largest_file(settings))
        case "git":
            return git.git_files(source, selection, largest_file(settings))
    raise Failure(f"source {source['name']}: unknown kind {source['kind']}")


def largest_file(settings: dict[str, Any]) -> int:
    """The size in bytes above which a file is refused."""
    return int(settings["max_file_mb"] * 1_000_000)


def _entries(source: dict[str, Any], selection: Selection) -> Iterator[directories.Entry]:
    match source["kind"]:
        case "directory":
            return directories.directory_entries(source, selection)
        case "stdlib":
            return directories.stdlib_entries(selection)
        case "distributions":
            return distributions.distribution_entries(source, selection)
        case "archive":
            return archives.archive_entries(source, selection)
        case "releases":
            return releases.release_entries(source)
        case "git":
            commit = git.commit_of(source)
            return iter([directories.Entry(source["path"], commit, "commit", -1, 0)])
    raise Failure(f"source {source['name']}: unknown kind {source['kind']}")
