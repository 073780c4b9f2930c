"""Fingerprints of code: two results may differ only by what their settings and their code say.

Snakemake's own code trigger looks at a script's date alone. Here a stage's fingerprint is a digest over the syntax
trees of its script and of every Charmer module that the script imports, directly or through others, with docstrings
left out: an edit in substance changes it; a comment, formatting, a touched file or a branch switched and back do not.
Files that lie beside the modules of a package and are not Python (a page's template) count by their bytes. The frame
around every job (job.py) does not count, or a reworded message would train every model anew.

Reading two hundred modules takes longer than all else that a dry run does, and every job reads them again: what a
file's bytes came to is kept in `.snakemake`, under a digest of these bytes. Nothing goes wrong when that is lost.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json

LIBRARY = Path(__file__).parents[1]  # the folder of the `charmer` package
PACKAGE = LIBRARY.name
FRAME = "charmer.pipeline.job"  # around every job, and decides nothing of a result
DATA = {".css", ".html", ".j2", ".js", ".json", ".svg", ".txt", ".yaml"}  # not an editor's `page.html~`

KEPT = Path(".snakemake/fingerprints.json")
MOST_KEPT = 5_000  # files' versions, some 200 bytes each
SELF = f"{sys.version_info[:2]} {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}"  # what it depends on besides


def fingerprint(script: Path | str, *modules: str) -> str:
    """A digest of the code that a stage runs.

    Args:
        script: the rule's script.
        modules: dotted names of modules that the script loads by name at run time, such as a metric's.
    """
    seen: dict[str, str] = {}
    digest, imports = _read(Path(script), package="")
    pending = [*imports, *modules]
    while pending:
        name = pending.pop()
        path = _locate(name)
        if name in seen or name == FRAME or path is None:
            continue
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        seen[name], further = _read(path, package)
        pending += [*further, *_ancestors(name)]
    parts = [digest, *(f"{name} {seen[name]}" for name in sorted(seen))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@functools.cache
def _read(path: Path, package: str) -> tuple[str, tuple[str, ...]]:
    """The digest of one file's substance, and the names of the Charmer modules that it imports."""
    source, data = path.read_bytes(), b""
    if path.name == "__init__.py":
        for file in sorted(_data_files(path.parent)):
            data += file.relative_to(path.parent).as_posix().encode() + file.read_bytes()
    key = hashlib.sha256(b"\0".join([SELF.encode(), package.encode(), source, data])).hexdigest()
    kept = _kept()
    if key not in kept:
        tree = ast.parse(source, filename=str(path))
        imports = sorted(set(_imports(tree, package)))
        substance = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode() + data)
        kept[key] = [substance.hexdigest(), *imports]
    digest, *imports = kept[key]
    return digest, tuple(imports)


@functools.cache
def _kept() -> dict[str, list[str]]:
    """What is known of files by a digest of their bytes; written back when the process ends."""
    kept: dict[str, list[str]] = {}
    with contextlib.suppress(Failure, OSError):
        kept = read_json(KEPT)
    before = len(kept)

    def keep() -> None:
        if len(kept) > before and KEPT.parent.is_dir():
            with contextlib.suppress(Failure, OSError):
                write_json(KEPT, dict(list(kept.items())[-MOST_KEPT:]))

    atexit.register(keep)
    return kept


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _ours(alias.name))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            if _ours(base):
                yield base
                # `from charmer.tokens import windows` names a module, `... import Windows` does not; `_locate` tells.
                yield from (f"{base}.{alias.name}" for alias in node.names)


def _ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def _ancestors(name: str) -> Iterator[str]:
    """Packages whose `__init__` runs before the module does."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _locate(name: str) -> Path | None:
    base = LIBRARY.parent.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _data_files(folder: Path) -> Iterator[Path]:
    """Files beside a package's modules that are not Python, those of sub-packages left to these."""
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__" and not (entry / "__init__.py").exists():
                yield from _data_files(entry)
        elif entry.suffix in DATA and not entry.name.startswith("."):
            yield entry


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.body
            and isinstance(node.body[0], ast.Expr)
            and isinstance(node.body[0].value, ast.Constant)
            and isinstance(node.body[0].value.value, str)
        ):
            node.body = node.body[1:]
    return tree
