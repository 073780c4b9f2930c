"""What pages that lie beside their plots share: the script that draws, its themes, and the plots as SVG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from charmer.common import files
from charmer.report import style
from charmer.report.charts import Plot
from charmer.report.page import drawing, render


def write(page: Path, template: str, context: dict[str, Any], plots: Iterable[Plot]) -> None:
    """Write a page over `layout.html`, and its plots as SVG into the folder `plots` beside it.

    Args:
        context: with a `title`, and whatever else the template shows.

    Raises:
        Failure: the folder cannot be written.
    """
    folder = page.parent / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {f"{plot.name}.svg": plot for plot in plots}
    for old in set(folder.glob("*.svg")) - {folder / name for name in drawn}:
        old.unlink()
    for name, plot in drawn.items():
        files.write_text(folder / name, style.svg(plot.specification))
    files.write_text(page, render(template, {**drawing(), **context}))
