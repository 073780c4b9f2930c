"""Python files of a git repository at a revision, read from its object store: no checkout, no work tree needed.

Notable here: one `git cat-file --batch` answers for all objects. Trees are walked here rather than by `git ls-tree`,
which gives up at the first object that the repository lacks; here it costs one line among the refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from charmer.common.failure import Failure
from charmer.corpus.found import Found, Package, shown
from charmer.corpus.licences import LICENCE_FILE, LONGEST_FILE, texts_licence
from charmer.corpus.reading import SHEBANG, Unreadable
from charmer.corpus.refusal import Refusal
from charmer.corpus.selection import SKIPPED_FOLDERS, Selection

FOLDER, LINK, SUBMODULE = "40000", "120000", "160000"
LARGEST_TREE = 50_000_000
MOST_ENTRIES = 1_000_000

# A repository is data, not a configuration to obey, and reading it fetches nothing.
ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
LOCATING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")


class TreeEntry(NamedTuple):
    """One line of a tree: its mode in octal digits, its name (bytes as the file system gives them), its object."""

    mode: str
    name: str
    object_id: str


def commit_of(source: dict[str, Any]) -> str:
    """The id of the commit that `revision` (HEAD if absent) names in the repository at `path`.

    Raises:
        Failure: git is not installed, or there is no such repository or revision.
    """
    path = Path(source["path"]).expanduser()
    revision = source.get("revision", "HEAD")
    if not path.is_dir():
        raise Failure(f"source {source['name']}: {shown(str(path))} is not a directory; correct its path in the config")
    asked = ["rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
    answer = subprocess.run(_git(path, source["name"], *asked), env=_environment(path), capture_output=True)
    lines = answer.stdout.decode().split()
    if answer.returncode or not lines:
        reason = " ".join(answer.stderr.decode("utf-8", "replace").split()) or "no such revision"
        raise Failure(f"source {source['name']}: git finds no commit {revision} in {shown(str(path))} ({reason[:300]})")
    return lines[-1]


def git_files(source: dict[str, Any], selection: Selection, limit: int) -> Iterator[Found | Refusal]:
    """The files of a source of kind `git`: one package, named like the source, its version the commit.

    The licence is what a licence file at the top of the repository states.

    Args:
        source: one entry of the config's `sources`.
        selection: which files are meant.
        limit: bytes above which a file is not read.
    """
    commit = commit_of(source)
    with Objects(Path(source["path"]).expanduser(), source["name"]) as objects:
        texts = []
        try:
            root = objects.tree(commit)
        except Unreadable as trouble:
            yield Refusal(source["name"], ".", -1, trouble.reason, trouble.detail)
            return
        for entry in root:
            if entry.mode not in {FOLDER, LINK, SUBMODULE} and LICENCE_FILE.fullmatch(entry.name):
                try:
                    content = objects.read(entry.object_id, LONGEST_FILE)
                except Unreadable:
                    continue
                texts.append((shown(entry.name), content.decode("utf-8", "replace")))
        package = Package(source["name"], commit, *texts_licence(texts))
        yield from _walk(objects, root, package, selection, limit)


def _walk(
    objects: Objects, root: list[TreeEntry], package: Package, selection: Selection, limit: int
) -> Iterator[Found | Refusal]:
    levels = [("", iter(root))]
    count = 0
    while levels:
        prefix, tree = levels[-1]
        entry = next(tree, None)
        if entry is None:
            levels.pop()
            continue
        count += 1
        if count > MOST_ENTRIES:  # a few objects can name one another into billions of files
            yield Refusal(package.name, shown(prefix), -1, "too many members", f"more than {MOST_ENTRIES:,}")
            return
        path = prefix + entry.name
        kind = selection.kind(path)
        try:
            if entry.mode == FOLDER:
                if entry.name not in SKIPPED_FOLDERS:
                    levels.append((path + "/", iter(objects.tree(entry.object_id))))
            elif entry.mode == SUBMODULE:
                raise Unreadable("submodule", f"commit {entry.object_id}")
            elif kind is not None and entry.mode == LINK:
                raise Unreadable("not a regular file", "symbolic link")
            elif kind is not None:
                data = objects.read(entry.object_id, limit)
                if kind != "script" or SHEBANG.match(data):
                    yield Found(package, shown(path), kind, len(data), content=data)
        except Unreadable as trouble:
            if kind != "script" or trouble.reason in {"submodule", "missing object", "damaged"}:
                yield Refusal(package.name, shown(path), trouble.size, trouble.reason, trouble.detail)


class Objects:
    """The objects of a repository, by id, through processes of `git cat-file`, started anew if bad data ends one."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def tree(self, object_id: str) -> list[TreeEntry]:
        """The entries of a tree, in git's order; a commit's id stands for its tree.

        Raises:
            Unreadable: the tree is missing or damaged.
        """
        content = self.read(f"{object_id}^{{tree}}", LARGEST_TREE)
        id_bytes = len(object_id) // 2  # 20 for SHA-1, 32 for SHA-256
        entries = []
        position = 0
        try:
            while position < len(content):
                space = content.index(b" ", position)
                end = content.index(b"\0", space)
                mode, name = content[position:space].decode("ascii"), os.fsdecode(content[space + 1 : end])
                position = end + 1 + id_bytes
                entries.append(TreeEntry(mode, name, content[end + 1 : position].hex()))
        except ValueError:
            raise Unreadable("damaged", f"object {object_id}") from None
        return entries

    def read(self, object_id: str, limit: int) -> bytes:
        """The content of an object of at most `limit` bytes.

        Raises:
            Unreadable: it is missing, damaged or too large.
        """
        size = self._ask("--batch-check", object_id)
        if size > limit:
            raise Unreadable("too large", f"{size:,} bytes, limit {limit:,}", size)
        self._ask("--batch", object_id)
        stdout = self.processes["--batch"].stdout
        content = stdout.read(size + 1) if stdout is not None else b""  # a newline follows the object
        if len(content) != size + 1:
            self._end("--batch")
            raise Unreadable("damaged", f"object {object_id}", size)
        return content[:-1]

    def _ask(self, mode: str, object_id: str) -> int:
        """Ask for one object; the answer is its size (and, in the mode --batch, its content is next to be read)."""
        if mode not in self.processes:
            self.processes[mode] = subprocess.Popen(
                _git(self.path, self.source, "cat-file", mode),
                env=_environment(self.path),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        process = self.processes[mode]
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(object_id.encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline().split()
        except BrokenPipeError:
            answer = []
        if len(answer) == 3 and answer[2].isdigit():
            return int(answer[2])
        if answer[-1:] == [b"missing"]:
            raise Unreadable("missing object", f"object {object_id}")
        self._end(mode)
        raise Unreadable("damaged", f"object {object_id}")

    def _end(self, mode: str) -> None:
        process = self.processes.pop(mode)
        process.kill()
        process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for mode in list(self.processes):
            self._end(mode)


def _git(path: Path, source: str, *arguments: str) -> list[str]:
    """A git command in the repository at `path`.

    Raises:
        Failure: git is not installed.
    """
    command = shutil.which("git")
    if command is None:
        raise Failure(f"source {source}: needs the command git, which is not installed; install git")
    return [command, "-C", str(path), *arguments]


def _environment(path: Path) -> dict[str, str]:
    """The environment for git: the repository is the one at `path`, and none in a folder above it."""
    inherited = {name: value for name, value in os.environ.items() if name not in LOCATING}
    return {**inherited, **ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(path.resolve().parent)}
