"""Attribution: every package that the corpus holds, with version, licence and the copyright lines of its own files.

The lines are read from the heads of the training files, as the corpus holds them: of lines that differ by years alone
one is kept, the most frequent. E-mail addresses are placeholders already; they are left out.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.corpus.splits import SPLITS
from charmer.tokens.shards import batches

HEAD = 3000  # characters of a file in which its copyright lines stand
LINES = 200  # of one package, those of most files first
LONGEST = 120  # characters of a line that is shown
STATED = re.compile(
    r"^[ \t#*\"'.:/;%-]*(?:__copyright__\s*=\s*[\"'(]+)?("
    r"(?:(?:\([cC]\)|©)\s*)?(?i:copyright)\b(?=\s*(?:\([cC]\)|©|:|by\b|\d{4}|(?:the\s+)?[A-Z]))[^\n]*"
    r"|SPDX-FileCopyrightText:[^\n]*|©[^\n]*)",
    re.MULTILINE,
)
CODE = re.compile(r"[={}]|\"\"\"|\'\'\'")  # an assignment or the like, and no statement
ADDRESS = re.compile(r"\s*[<(][^<>()\s]*@[^<>()\s]*[>)]|\s*\buser@example\.com\b")
YEARS = re.compile(
    r"[\d\s,.\u2013-]|present|\(c\)|©|copyright|SPDX-FileCopyrightText:|all rights reserved", re.IGNORECASE
)
MARKUP = re.compile(r"([\\`*_\[\]<>|#~])")


def statements(text: str) -> list[str]:
    """The copyright lines at the head of a file, without comment signs and addresses.

    >>> statements('# Copyright (c) 2011, Ada Example <ada@example.org>\\n')
    ['Copyright (c) 2011, Ada Example']
    """
    head = text[:HEAD]
    found: list[str] = []
    if "copyright" not in head.lower() and "©" not in head:
        return found
    for match in STATED.finditer(head):
        line = " ".join(ADDRESS.sub("", match[1]).split()).rstrip(" #*\"'/-\\")
        if re.search(r"[^\W\d_]{2}", YEARS.sub("", line)) and not CODE.search(line):
            found.append(line if len(line) <= LONGEST else line[:LONGEST].rsplit(" ", 1)[0] + " …")
    return found


def holders(shards: Path) -> dict[str, list[str]]:
    """The copyright lines of each package in a split's shards, those of most files first; one of each holder.

    Raises:
        Failure: a shard is damaged.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for batch in batches(shards, ["package", "text"], rows=256):
        for package, text in zip(batch["package"].to_pylist(), batch["text"].to_pylist(), strict=True):
            counts[package].update(set(statements(text)))
    found: dict[str, list[str]] = {}
    for package, lines in counts.items():
        by_holder: dict[str, str] = {}
        for line, _ in sorted(lines.items(), key=lambda item: (-item[1], item[0])):
            by_holder.setdefault(YEARS.sub("", line).lower(), line)
        found[package] = list(by_holder.values())
    return found


def packages(table: Path, ledger: Path, lines: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The packages of the corpus, sorted by name and split: package, version, licence, own, split, files, bytes,
    sources, and copyright, its lines as (text of at most LINES of them, how many more there are).

    Args:
        table: the corpus' packages.parquet.
        ledger: its ledger.parquet, which knows the sources.
        lines: as `holders` gives them.
    """
    columns = ["package", "version", "licence", "own", "split", "files", "bytes"]
    fates = (
        files.read_table(ledger, ["source", "package", "fate"]).group_by(["source", "package", "fate"]).aggregate([])
    )
    sources: dict[str, set[str]] = defaultdict(set)
    for row in fates.to_pylist():
        if row["fate"] in SPLITS:
            sources[row["package"]].add(row["source"])
    found = []
    for row in files.read_table(table, columns).to_pylist():
        stated = lines.get(row["package"], [])
        more = max(len(stated) - LINES, 0)
        found.append({**row, "sources": sorted(sources[row["package"]]), "copyright": stated[:LINES], "more": more})
    return sorted(found, key=lambda row: (row["package"], row["version"] or "", row["split"]))


def by_licence(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Packages and bytes by licence, the largest first."""
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = "your own code" if row["own"] else row["licence"] or "unknown"
        one = sums.setdefault(name, {"licence": name, "names": set(), "bytes": 0})
        one["names"].add(row["package"])
        one["bytes"] += row["bytes"]
    for one in sums.values():
        one["packages"] = len(one.pop("names"))
    return sorted(sums.values(), key=lambda one: (-one["bytes"], one["licence"]))


def plain(text: Any) -> str:
    """Text of others inside Markdown: no sign of it is markup."""
    return MARKUP.sub(r"\\\1", " ".join(str(text).split()))
