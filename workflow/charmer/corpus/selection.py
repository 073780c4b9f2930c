"""Which files of a source are meant: Python's suffixes, the knobs for notebooks and scripts, and globs.

Globs are those of .gitignore (the `pathspec` library), matched against the path relative to the source:
`tests/` every folder of that name at any depth, `/tests/` the one at the top, `*_pb2.py` a name at any depth,
`src/**/x.py` a path, and a later `!pattern` takes back. A file is taken if `include` is absent or matches it, and
`exclude` does not. Globs only narrow: no glob adds a file that is not Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from charmer.common.failure import Failure

SKIPPED_FOLDERS = {"__pycache__", ".git", ".hg", ".svn"}


class Selection:
    """The files that one source's entry and the `scrape` section of the settings ask for.

    Raises:
        Failure: a glob of the source is malformed.
    """

    def __init__(self, source: dict[str, Any], settings: dict[str, Any]) -> None:
        self.notebooks: bool = settings["notebooks"]
        self.scripts: bool = settings["shebang_scripts"]
        self.included = _matcher(source, "include", otherwise=True)
        self.excluded = _matcher(source, "exclude", otherwise=False)

    def kind(self, path: str) -> str | None:
        """py, pyi, notebook or script for a file that is meant, None for any other.

        A script is only a candidate: an extensionless name, whose first line nobody has read yet.
        """
        kind = self._kind_of_name(path.rpartition("/")[2])
        if kind is None or not self.included(path) or self.excluded(path):
            return None
        return kind

    def _kind_of_name(self, name: str) -> str | None:
        stem, dot, suffix = name.rpartition(".")
        if not dot:
            return "script" if self.scripts else None
        suffix = suffix.lower()
        if suffix in {"py", "pyi"}:
            return suffix
        return "notebook" if suffix == "ipynb" and self.notebooks and stem else None


def _matcher(source: dict[str, Any], knob: str, otherwise: bool) -> Callable[[str], bool]:
    globs = source.get(knob)
    if not globs:
        return lambda path: otherwise
    from pathspec import GitIgnoreSpec  # only who uses globs waits for the import

    try:
        return GitIgnoreSpec.from_lines(globs).match_file
    except (ValueError, re.error) as error:
        raise Failure(f"source {source['name']}: {knob}: {globs} is not a list of .gitignore globs ({error})") from None
