"""What changed between two runs: knobs, data, metrics with their intervals, loss curves and samples side by side.

Notable here:
- Everything is read from what the two runs left on disk; what is no longer there is a gap.
- Two values count as told apart where the 95% interval of their difference leaves out zero (see `difference`). That is
  said of each value alone: of twenty that are the same, one will seem to differ.
- The environment is part of the answer: versions, processor, and the digests of whatever both were made from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt

from charmer.common import files
from charmer.common.nested import flattened
from charmer.report import frame, grid_table, numbers
from charmer.report.charts import THOUSANDS, Plot, responsive, stretches, zoom
from charmer.report.difference import Difference, difference
from charmer.report.finished import Run
from charmer.report.grid_plots import title_of
from charmer.report.inputs import Rows

SAME, APART, UNSURE = "same", "apart", "unsure"
WORDS = {SAME: "the same", APART: "differ", UNSURE: "may be chance"}
LISTED = 12  # differences that the text for the terminal lists


@dataclass(frozen=True)
class Pair:
    """One thing of both runs; None where a run has none."""

    name: str
    one: Any
    other: Any

    @property
    def differs(self) -> bool:
        return bool(self.one != self.other)


def write(folder: Path, results: Path, one: str, other: str) -> None:
    """Write `index.html`, `plots/*.svg` and `summary.txt`.

    Args:
        folder: the comparison's.
        one, other: names of folders under `results`/runs.

    Raises:
        Failure: one of the runs has no settings or no summary, or the folder cannot be written.
    """
    runs = Run.read(results, one), Run.read(results, other)
    knobs = differences(*(flattened(_named(run.settings)) for run in runs))
    data = _data(*runs)
    measured = metrics(*(run.metrics() for run in runs))
    plots = _curves(*runs)
    measuring = [pair for pair in knobs if pair.name.startswith("evaluate.")]
    context = {
        "title": f"{one} and {other}",
        "one": one,
        "other": other,
        "knobs": [pair for pair in knobs if pair not in measuring],
        "measuring": measuring,
        "data": data,
        "digests": _digests(*runs),
        "packages": packages(*(run.table("packages.parquet", ["package", "version", "split"]) for run in runs)),
        "environment": differences(*(_environment(run) for run in runs)),
        "metrics": [row for row in measured if row["one"] and row["other"]],
        "single": [row for row in measured if not (row["one"] and row["other"])],
        "costs": _costs(*runs),
        "samples": samples(*(run.summary.get("samples", []) for run in runs)),
        "plots": plots,
        "gaps": list(dict.fromkeys([*runs[0].gaps, *runs[1].gaps])),
        "APART": APART,
        "WORDS": WORDS,
    }
    frame.write(folder / "index.html", "compare.html", context, plots)
    files.write_text(folder / "summary.txt", _text(folder, context))


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Pair]:
    """What stands otherwise in two flat mappings, in their order; a value that one of them lacks is None."""
    return [pair for pair in _pairs(one, other) if pair.differs]


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with each source under its own name, so that one more source is one difference."""
    sources = [dict(source) for source in settings.get("sources", [])]
    return {**settings, "sources": {source.pop("name"): source for source in sources}}


def _environment(run: Run) -> dict[str, Any]:
    kept = ("host", "processor", "cores", "platform", "python")
    return {key: run.provenance.get(key) for key in kept} | flattened(run.provenance.get("versions", {}))


def _data(one: Run, other: Run) -> list[Pair]:
    """Files and bytes of each split."""

    def counted(run: Run) -> dict[str, str]:
        counts = run.document("counts.json")
        parts = {"found": counts.get("in"), **counts.get("kept", {})}
        return {
            f"files {split}": f"{part['files']:,}, {numbers.size(part['bytes'])}"
            for split, part in parts.items()
            if part
        }

    return _pairs(counted(one), counted(other))


def _digests(one: Run, other: Run) -> list[Pair]:
    """Whether what both were made of is the same to the byte."""
    return _pairs(*({name: digest[:12] for name, digest in run.digests.items()} for run in (one, other)))


def _pairs(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Pair]:
    return [Pair(name, one.get(name), other.get(name)) for name in dict.fromkeys([*one, *other])]


def packages(one: Rows, other: Rows) -> list[Pair]:
    """Packages that only one of two corpora has, or that differ in version or split."""
    told = [{row["package"]: f"{row['version'] or ''} {row['split']}".strip() for row in rows} for rows in (one, other)]
    return differences(*told)


def metrics(one: Mapping[str, Rows], other: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """Each value of both runs with its interval, and whether the intervals keep them apart."""
    found = []
    for metric in dict.fromkeys([*one, *other]):
        first, second = (grid_table.headlines(metric, table.get(metric, [])) for table in (one, other))
        for column in dict.fromkeys([*first, *second]):
            a, b = first.get(column), second.get(column)
            unit = (a or b).unit  # type: ignore[union-attr]
            texts = [
                (numbers.number(v.value, unit), numbers.interval(v.low, v.high, unit)) if v else None for v in (a, b)
            ]
            change = difference(a, b) if a and b else None
            found.append(
                {"name": title_of(column), "unit": unit, "one": texts[0], "other": texts[1]}
                | {"change": change, "verdict": verdict(a, b, change), "told": told(change, unit)}
            )
    return found


def verdict(one: grid_table.Measured | None, other: grid_table.Measured | None, change: Difference | None) -> str:
    """Whether two values are told apart by the 95% interval of their difference; empty where there is none."""
    if one is None or other is None or change is None:
        return ""
    if one == other:
        return SAME
    if change.low is None:
        return ""
    return APART if change.apart else UNSURE


def told(change: Difference | None, unit: str) -> tuple[str, str] | None:
    """A difference and its interval, with signs; shares in percentage points."""
    if change is None:
        return None
    scale, digits, name = (
        (100, 1, f"{numbers.SPACE}pp") if unit == "share" else (1, 3 if unit == "bits/byte" else 2, "")
    )
    value, low, high = (
        None if part is None else f"{scale * part:+.{digits}f}" for part in (change.value, change.low, change.high)
    )
    return f"{value}{name}", "" if low is None else f"{low} to {high}"


def _costs(one: Run, other: Run) -> list[Pair]:
    """What training took."""
    write_as = {
        "parameters": numbers.scaled,
        "tokens": numbers.scaled,
        "steps": lambda value: f"{value:,}",
        "seconds": numbers.duration,
        "flops": lambda value: f"{value:.3g}",
    }
    return [
        Pair(
            name, *(text(run.summary["model"][name]) if name in run.summary["model"] else None for run in (one, other))
        )
        for name, text in write_as.items()
    ]


def samples(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[Pair]:
    """What both runs wrote after the same prompts."""
    completions = {sample["prompt"]: sample["completion"] for sample in other}
    shared = [sample for sample in one if sample["prompt"] in completions]
    return [Pair(sample["prompt"], sample["completion"], completions[sample["prompt"]]) for sample in shared]


def _curves(one: Run, other: Run) -> list[Plot]:
    plots = []
    vocabularies = {json.dumps(run.settings.get("vocab"), sort_keys=True) for run in (one, other)}
    wanted = [("held_out", "bits_per_byte", "Held-out bits per byte", "bits per byte")]
    if len(vocabularies) == 1:  # a token of another vocabulary is another unit
        wanted.append(("metrics", "loss", "Training loss", "nats per token"))
    for file, column, title, axis in wanted:
        points = [
            {"x": point["x"], "y": point["mean"], "run": run.name}
            for run in (one, other)
            for point in stretches(run.curve(f"{file}.parquet", column))
        ]
        if points:
            plots.append(_over(file, title, axis, points, [one.name, other.name]))
    return plots


def _over(name: str, title: str, axis: str, points: Rows, runs: list[str]) -> Plot:
    x = alt.X("x:Q", title="tokens seen", axis=THOUSANDS, scale=alt.Scale(nice=False))
    y = alt.Y("y:Q", title=axis, scale=alt.Scale(zero=False))
    color = alt.Color(
        "run:N", title=None, sort=runs, legend=alt.Legend(orient="top", columns=1, labelLimit=320, symbolType="stroke")
    )
    tips = [
        alt.Tooltip("run:N"),
        alt.Tooltip("x:Q", title="tokens", format=","),
        alt.Tooltip("y:Q", title=axis, format=".4f"),
    ]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x, y=y, color=color)
    chart = alt.layer(base.mark_line(strokeWidth=1.75), base.mark_point(size=60, opacity=0).encode(tooltip=tips))
    caption = "Over the tokens seen. The axis does not begin at zero."
    return responsive(name, title, caption, chart.add_params(zoom("zoom")), height=260)


def _text(folder: Path, context: Mapping[str, Any]) -> str:
    """What a call says at its end."""
    lines = [f"A  {context['one']}", f"B  {context['other']}", ""]
    changed = [*context["knobs"], *context["environment"], *context["measuring"]]
    lines += [f"  {pair.name}: {_short(pair.one)} -> {_short(pair.other)}" for pair in changed[:LISTED]]
    if len(changed) > LISTED:
        lines.append(f"  and {len(changed) - LISTED} more")
    lines.append("")
    width = max((len(row["name"]) for row in context["metrics"]), default=0)
    for row in context["metrics"]:
        one, other = row["one"][0], row["other"][0]
        lines.append(f"  {row['name']:<{width}}  {one:>7} {other:>7}  {_value(row['told'])}".rstrip())
    if context["single"]:
        lines.append(f"  and {len(context['single'])} that only one of the runs has")
    return "\n".join([*lines, "", f"page    {folder}/index.html", ""]).replace(numbers.SPACE, " ")


def _value(written: tuple[str, str]) -> str:
    number, interval = written
    return f"{number} ({interval})" if interval else number


def _short(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
