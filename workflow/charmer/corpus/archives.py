"""Python files inside sdists, wheels, zip and tar archives, read as streams without unpacking anything to the disk.

Notable here: an archive is gone through twice. The first pass reads its metadata and licence files, which may come
last, and sees whether it is whole; the second reads the code. A truncated archive gives what precedes the cut; one
that fails its checksum gives nothing, for no byte of it can be trusted.
"""

from __future__ import annotations

import email.parser
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from charmer.common.failure import Failure
from charmer.corpus.directories import Entry, examine
from charmer.corpus.found import Found, Package, normalized, shown
from charmer.corpus.licences import LICENCE_FILE, LONGEST_FILE, metadata_licence, texts_licence
from charmer.corpus.parts import WHOLE, Part
from charmer.corpus.reading import SHEBANG, Unreadable, obstacle
from charmer.corpus.refusal import Refusal
from charmer.corpus.selection import SKIPPED_FOLDERS, Selection
from charmer.corpus.unpack import DAMAGE, Member, described, members

SUFFIX = re.compile(r"\.(whl|zip|tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
METADATA = re.compile(r"([^/]+/)?PKG-INFO|[^/]+\.dist-info/METADATA|EGG-INFO/PKG-INFO")
LARGEST_METADATA = 2_000_000
MOST_LICENCE_FILES = 50
CUT_SHORT = {"EOFError", "ReadError"}  # tarfile and the decompressors say so of a stream that ends too early


def archive_entries(source: dict[str, Any], selection: Selection) -> Iterator[Entry]:
    """The archives of a source of kind `archive`: `path` itself, or every archive directly in that folder.

    Raises:
        Failure: there is none.
    """
    root = Path(source["path"]).expanduser()
    if root.is_dir():
        names = sorted(name for name in os.listdir(root) if SUFFIX.search(name))  # noqa: PTH208 (any bytes in names)
        if not names:
            raise Failure(f"source {source['name']}: {shown(str(root))} holds no archive (.whl, .zip, .tar.gz, ...)")
        for name in names:
            yield from examine(str(root / name), name, "archive")
    elif root.exists():
        yield from examine(str(root), root.name, "archive")
    else:
        raise Failure(f"source {source['name']}: {shown(str(root))} does not exist; correct its path in the config")


def archive_files(
    source: dict[str, Any], selection: Selection, limit: int, part: Part = WHOLE
) -> Iterator[Found | Refusal]:
    """The files of a source of kind `archive`; one archive is one package, and its members carry their content.

    Args:
        source: one entry of the config's `sources`.
        selection: which members are meant.
        limit: bytes above which a member is not read.
        part: which of the archives.
    """
    several = Path(source["path"]).expanduser().is_dir()
    for entry in part.choose(lambda: archive_entries(source, selection)):
        name = shown(entry.path)
        if entry.problem is not None:
            yield Refusal(name, name, entry.bytes, entry.problem, entry.detail)
            continue
        yield from members_of(Path(entry.place), entry.bytes, name, f"{name}/" if several else "", selection, limit)


def members_of(
    archive: Path, packed: int, name: str, prefix: str, selection: Selection, limit: int
) -> Iterator[Found | Refusal]:
    """The selected members of one archive of `packed` bytes.

    Args:
        name: of the archive, for people.
        prefix: of the paths that its members get.
        selection, limit: as of `archive_files`.
    """
    try:
        with archive.open("rb") as file:
            yield from _files(file, packed, name, prefix, selection, limit)
    except OSError as error:
        yield Refusal(name, name, packed, *obstacle(error, str(archive)))


def _files(
    file: IO[bytes], packed: int, name: str, prefix: str, selection: Selection, limit: int
) -> Iterator[Found | Refusal]:
    package, trouble = _package(file, packed, name)
    if trouble is not None:
        yield Refusal(package.name, name, packed, trouble.reason, trouble.detail)
        if trouble.reason != "damaged" or trouble.detail.partition(":")[0] not in CUT_SHORT:
            return
    try:
        for member in members(file, packed):
            path = member.path.removeprefix("./")
            if member.type == "folder" or SKIPPED_FOLDERS.intersection(path.split("/")):
                continue
            kind = selection.kind(prefix + path)
            if kind is not None:
                yield from _file(member, package, prefix + path, path, kind, limit)
    except Unreadable:
        pass  # the first pass met it too, and reported it


def _file(member: Member, package: Package, path: str, inside: str, kind: str, limit: int) -> Iterator[Found | Refusal]:
    try:
        if member.type != "file":
            if kind == "script":
                return
            raise Unreadable("encrypted" if member.type == "encrypted" else "not a regular file", member.type)
        if inside.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", inside) or ".." in re.split(r"[/\\]", inside):
            raise Unreadable("outside", "its path leads out of the archive")
        if member.bytes > limit and kind != "script":
            raise Unreadable("too large", f"{member.bytes:,} bytes, limit {limit:,}")
        try:
            data = member.read(limit)
        except DAMAGE as error:
            raise Unreadable("damaged", described(error)) from None
        if kind == "script" and not SHEBANG.match(data):
            return
        if len(data) > limit:
            raise Unreadable("too large", f"{max(member.bytes, len(data)):,} bytes, limit {limit:,}")
    except Unreadable as trouble:
        yield Refusal(package.name, shown(path), member.bytes, trouble.reason, trouble.detail)
    else:
        yield Found(package, shown(path), kind, len(data), content=data)


def _package(file: IO[bytes], packed: int, name: str) -> tuple[Package, Unreadable | None]:
    """The package that an archive holds, from its metadata or else its file name; and what is wrong with it."""
    metadata: dict[str, bytes] = {}
    texts: dict[str, str] = {}
    trouble = None
    try:
        for member in members(file, packed):
            path = member.path.removeprefix("./")
            if member.type != "file":
                continue
            try:
                if METADATA.fullmatch(path) and member.bytes <= LARGEST_METADATA and not metadata:
                    metadata[path] = member.read(LARGEST_METADATA)
                elif _licence_file(path) and member.bytes <= LONGEST_FILE and len(texts) < MOST_LICENCE_FILES:
                    texts[shown(path)] = member.read(LONGEST_FILE).decode("utf-8", "replace")
            except DAMAGE:
                continue  # of one member; if it is the archive's, the next step says so
    except Unreadable as met:
        trouble = met
    ordered = sorted(texts.items(), key=lambda item: (item[0].count("/"), item[0]))
    for content in metadata.values():
        fields = email.parser.HeaderParser().parsestr(content.decode("utf-8", "replace"))
        if fields["Name"]:
            licence = metadata_licence(fields, ordered)
            return Package(normalized(fields["Name"]), fields["Version"], *licence), trouble
    stem = SUFFIX.sub("", name)
    split = re.fullmatch(r"(.+?)-v?(\d[^-]*)(-.*)?", stem)
    project, version = (split[1], split[2]) if split else (stem, None)
    return Package(normalized(project), version, *texts_licence(ordered)), trouble


def _licence_file(path: str) -> bool:
    folder, _, file = path.rpartition("/")
    near = folder.count("/") == 0 or ".dist-info/licenses" in folder
    return near and LICENCE_FILE.fullmatch(file) is not None and not file.endswith((".py", ".pyi"))
