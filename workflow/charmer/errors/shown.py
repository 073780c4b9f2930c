"""Findings as people and other programs read them: excerpts on a terminal, and SARIF for code hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from charmer.errors.finding import Finding

BOLD, RED, GREEN, DIM, PLAIN = "\033[1m", "\033[31m", "\033[32m", "\033[2m", "\033[0m"
WIDTH = 160  # characters of a line that an excerpt shows


def excerpt(finding: Finding, text: str, color: bool = False) -> str:
    """A finding with the line that it is about, what is at fault marked below it.

    Args:
        text: of the file; its lines end in "\\n".
        color: with the escape sequences of a terminal.
    """
    bold, red, green, dim, plain = (BOLD, RED, GREEN, DIM, PLAIN) if color else ("",) * 5
    head = f"{bold}{finding.path}:{finding.line}:{finding.column}:{plain} {red}{finding.kind}{plain} {finding.message}"
    rows = text.split("\n")
    row = rows[finding.line - 1] if finding.line <= len(rows) else ""
    first = max(0, finding.column - WIDTH // 2)
    shown = "".join(one if one.isprintable() else " " for one in row[first : first + WIDTH])
    last = finding.end_column if finding.end_line == finding.line else len(row) + 1
    marks = "^" * max(min(last, first + WIDTH + 1) - finding.column, 1)
    number = f"{finding.line:>5}"
    lines = [head, f"{dim}{number} |{plain} {shown}"]
    under = f"{dim}{' ' * 5} |{plain} {' ' * (finding.column - 1 - first)}{red}{marks}{plain}"
    written = (finding.suggestion or "").strip()
    if written and "\n" not in written:
        under += f" {green}{written}{plain}"
    return "\n".join([*lines, under])


def sarif(findings: Sequence[Finding]) -> Mapping[str, Any]:
    """The findings in the Static Analysis Results Interchange Format, version 2.1.0 (OASIS 2020).

    What does not parse is an error, what looks wrong a warning; a suggestion becomes a fix.
    """
    kinds = sorted({finding.kind for finding in findings})
    driver = {"name": "charmer", "version": version("charmer"), "rules": [{"id": kind} for kind in kinds]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding) -> Mapping[str, Any]:
    region = {"startLine": finding.line, "startColumn": finding.column}
    region |= {"endLine": finding.end_line, "endColumn": finding.end_column}
    file = {"uri": quote(finding.path.replace("\\", "/"))}
    found: dict[str, Any] = {
        "ruleId": finding.kind,
        "level": "error" if finding.kind in ("syntax", "encoding") else "warning",
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": file, "region": region}}],
    }
    if finding.suggestion is not None:
        change = {"deletedRegion": region, "insertedContent": {"text": finding.suggestion}}
        fix = {
            "description": {"text": finding.message},
            "artifactChanges": [{"artifactLocation": file, "replacements": [change]}],
        }
        found["fixes"] = [fix]
    return found
