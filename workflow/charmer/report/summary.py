"""What a run says at its end, on a terminal of 80 columns."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.report import numbers

WIDTH, SAMPLES, LINES = 80, 2, 9


def text(run: Path) -> str:
    """The summary of a finished run, from its `summary.json`: figures, two samples, and where to look next.

    Raises:
        Failure: the run has no summary.
    """
    summary = files.read_json(run / "summary.json")
    parts = [*_figures(summary), ""]
    for sample in summary["samples"][:SAMPLES]:
        parts += [*_sample(sample), ""]
    for name in ("model", "report", "index"):
        if summary["paths"].get(name):
            parts.append(f"{name:<8}{_from_here(run / summary['paths'][name])}")
    return "\n".join(parts) + "\n"


def _figures(summary: dict[str, Any]) -> list[str]:
    headline, model = summary["headline"], summary["model"]
    lines = []
    bits, xz = headline["bits_per_byte"], headline["xz"]
    beside = f"   xz -9 needs {numbers.number(xz['value'], 'bits/byte')}" if xz["value"] is not None else ""
    lines.append(f"{_value(bits):<28}bits per byte on packages it never saw{beside}")
    lines.append(f"{_value(headline['compiles']):<28}of the functions that it writes compile")
    lines.append(f"{_value(headline['names_exist']):<28}compile and use only names that exist")
    if "parameters" in model:
        size = f" ({numbers.size(model['bytes'])} on disk)" if "bytes" in model else ""
        lines.append(f"{numbers.scaled(model['parameters']):<28}parameters{size}")
    if "tokens" in model and "seconds" in model:
        lines.append(f"{numbers.scaled(model['tokens']):<28}tokens of training in {numbers.duration(model['seconds'])}")
    return [_plain(line) for line in lines]


def _value(figure: dict[str, Any]) -> str:
    interval = numbers.interval(figure["low"], figure["high"], figure["unit"])
    return numbers.number(figure["value"], figure["unit"]) + (f" ({interval})" if interval else "")


def _sample(sample: dict[str, Any]) -> list[str]:
    """The first lines of a sample, indented; control characters, which could steer a terminal, are shown as `?`."""
    code = re.sub(r"\n\s*\n\s*\n", "\n\n", sample["prompt"] + sample["completion"])
    lines = code.strip("\n").expandtabs(4).split("\n")
    shown = ["    " + line[: WIDTH - 4] for line in lines[:LINES]]
    if len(lines) > LINES:
        shown.append("    ...")
    return ["".join(character if character.isprintable() else "?" for character in line) for line in shown]


def _plain(line: str) -> str:
    """Narrow spaces, which not every terminal has, as plain ones."""
    return line.replace(numbers.SPACE, " ")


def _from_here(path: Path) -> str:
    return Path(os.path.normpath(path)).as_posix()
