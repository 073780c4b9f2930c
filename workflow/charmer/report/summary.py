"""What a run says at its end, on a terminal of 80 columns."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.report import numbers

WIDTH, SAMPLES, LINES = 80, 2, 9
FIGURES = {
    "bits_per_byte": "bits per byte on packages it never saw",
    "xz": "bits per byte that xz -9 needs for the same files",
    "compiles": "of the functions that it writes compile",
    "names_exist": "use only names that exist",
}


def text(run: Path) -> str:
    """The summary of a finished run, from its `summary.json`: figures, two samples, gaps, and where to look next.

    Raises:
        Failure: the run has no summary.
    """
    summary = files.read_json(run / "summary.json")
    parts = [*_figures(summary), ""]
    for sample in summary["samples"][:SAMPLES]:
        parts += [*_sample(sample), ""]
    for line in summary.get("doctor", []):
        parts += textwrap.wrap(f"doctor  {line}", WIDTH, subsequent_indent=8 * " ")
    parts += [""] if summary.get("doctor") else []
    if summary.get("warning"):
        parts += [*textwrap.wrap(f"warning {summary['warning']}", WIDTH, subsequent_indent=8 * " "), ""]
    for name, reason in summary.get("gaps", {}).items():
        parts += textwrap.wrap(f"gap     {name}: {reason}", WIDTH, subsequent_indent=8 * " ")
    parts += [""] if summary.get("gaps") else []
    for name in ("model", "report", "index"):
        if summary["paths"].get(name):
            parts.append(f"{name:<8}{_from_here(run / summary['paths'][name])}")
    return "\n".join(parts) + "\n"


def _figures(summary: dict[str, Any]) -> list[str]:
    headline, model = summary["headline"], summary["model"]
    shown = {name: figure["label"] for name, figure in headline.items() if name.startswith("tuned_")} or FIGURES
    rows = [(*_value(headline[name]), words) for name, words in shown.items()]
    if "parameters" in model:
        size = f", {numbers.size(model['bytes'])} on disk" if "bytes" in model else ""
        rows.append((numbers.scaled(model["parameters"]), "", f"parameters{size}"))
    if "tokens" in model and "seconds" in model:
        spent = f"tokens of training in {numbers.duration(model['seconds'])}"
        rows.append((numbers.scaled(model["tokens"]), "", spent))
    # Narrow spaces, which not every terminal has, become plain ones.
    return [f"{value:>8}  {interval:<18} {words}".replace(numbers.SPACE, " ") for value, interval, words in rows]


def _value(figure: dict[str, Any]) -> tuple[str, str]:
    interval = numbers.interval(figure["low"], figure["high"], figure["unit"])
    return numbers.number(figure["value"], figure["unit"]), f"({interval})" if interval else ""


def _sample(sample: dict[str, Any]) -> list[str]:
    """The first lines of a sample, indented; control characters, which could steer a terminal, are shown as `?`."""
    code = re.sub(r"\n\s*\n\s*\n", "\n\n", sample["prompt"] + sample["completion"])
    lines = code.strip("\n").expandtabs(4).split("\n")
    shown = ["    " + line[: WIDTH - 4] for line in lines[:LINES]]
    if len(lines) > LINES:
        shown.append("    ...")
    return ["".join(character if character.isprintable() else "?" for character in line) for line in shown]


def _from_here(path: Path) -> str:
    return Path(os.path.normpath(path)).as_posix()
