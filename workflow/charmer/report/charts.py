"""The kinds of plot that a report is made of, as Vega-Lite specifications.

Notable here:
- Scales begin at zero (or below, where a value does), and shares end at one, unless a plot's caption says otherwise.
- Every value that has an interval shows it; numbers stand beside the marks so that nobody reads them off an axis.
- A curve of thousands of steps is drawn from at most `BINS` means, with the range of each bin as a band.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from charmer.report import numbers
from charmer.report.inputs import Rows

BINS = 300
ROW = 26  # pixels of a row in a plot of intervals or bars
MANY = 12  # rows above which a plot of them takes the page's whole width
BEHIND = 56  # pixels at the right for the number behind a mark that ends there, on any width of page
TITLES = {"bits/byte": "bits per byte", "share": "share", "s": "seconds"}
PLAIN = ",~f"  # of an axis: "g" writes 10 as 1e+1 where that is precise enough for the steps
THOUSANDS = alt.Axis(format="~s", labelExpr="datum.value === 0 ? '0' : datum.label")


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: of the SVG file, and of the place in the page.
        title: what one sees.
        caption: how to read it, in a sentence or two.
        specification: Vega-Lite, responsive in width.
        wide: whether no other stands beside it.
    """

    name: str
    title: str
    caption: str
    specification: dict[str, Any]
    wide: bool = False


def responsive(
    name: str, title: str, caption: str, chart: Any, height: int | None = None, right: int = 5, wide: bool = False
) -> Plot:
    """A plot that is as wide as its place on the page, with `right` pixels kept free at that side."""
    size = {"width": "container"} | ({"height": height} if height else {})
    chart = chart.properties(**size, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    specification = chart.to_dict(validate=True)
    specification.pop("config", None)
    specification["padding"] = {"left": 5, "top": 5, "right": right, "bottom": 5}
    specification["description"] = f"{title}. {caption}"
    return Plot(name, title, caption, specification, wide)


def in_rows(name: str, title: str, caption: str, chart: Any, count: int) -> Plot:
    """A plot of `count` rows with a number behind each."""
    return responsive(name, title, caption, chart, ROW * count, BEHIND, wide=count > MANY)


def zoom(name: str) -> alt.Parameter:
    """Drag to move, shift and the wheel to zoom, double click to go back: plain scrolling stays the page's."""
    return alt.selection_interval(
        name=name,
        bind="scales",
        encodings=["x"],
        translate="[mousedown, window:mouseup] > window:mousemove!",
        zoom="wheel![event.shiftKey]",
    )


def curve(name: str, title: str, axis: str, caption: str, points: Rows, zero: bool) -> Plot:
    """A line over the tokens seen, in its band.

    Args:
        points: as `stretches` gives them.
        zero: whether the scale begins at zero.
    """
    x = alt.X("x:Q", title="tokens seen", axis=THOUSANDS, scale=alt.Scale(nice=False))
    scale = alt.Scale(zero=zero, nice=True)
    tips = [alt.Tooltip("x:Q", title="tokens", format=",")]
    tips += [alt.Tooltip(f"{key}:Q", title=key, format=".4~g") for key in ("mean", "low", "high")]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x)
    band = base.mark_area(style="band").encode(
        y=alt.Y("low:Q", title=axis, scale=scale, axis=_axis(points)), y2="high:Q"
    )
    y = alt.Y("mean:Q", title=axis, scale=scale)
    line = base.mark_line(style="model-line").encode(y=y)
    touch = base.mark_point(size=150, opacity=0).encode(y=y, tooltip=tips)  # a line alone is too thin to point at
    return responsive(name, title, caption, alt.layer(band, line, touch).add_params(zoom("zoom")), height=190)


def _axis(points: Rows) -> alt.Axis:
    """Thousands as "k" where the values are that large, plain digits where they are not."""
    return THOUSANDS if max(point["high"] for point in points) >= 1000 else alt.Axis(format=PLAIN)


def stretches(pairs: list[tuple[float, float | None]]) -> Rows:
    """At most `BINS` stretches of a curve: mean, lowest and highest of each."""
    finite = [(x, y) for x, y in pairs if y is not None and math.isfinite(y)]
    parts = np.array_split(np.array(finite, dtype=np.float64).reshape(-1, 2), min(BINS, max(len(finite), 1)))
    return [
        {"x": float(part[-1, 0]), "mean": float(part[:, 1].mean())}
        | {"low": float(part[:, 1].min()), "high": float(part[:, 1].max())}
        for part in parts
        if len(part)
    ]


def intervals(
    name: str,
    title: str,
    caption: str,
    rows: Rows,
    strong: str | None = None,
    beside: str | None = None,
    whole: bool = True,
) -> Plot:
    """Values with their intervals, one row each, in the given order.

    Args:
        rows: with `member` as label; the unit is that of the first.
        strong: the member shown in the accent color while the others are baselines; None: all are the model's.
        beside: a key of each row's detail, drawn as a stroke for comparison.
        whole: whether a scale of shares ends at one; else it ends behind the largest value.
    """
    unit = rows[0]["unit"]
    data: Rows = [
        {"label": row["member"], "value": row["value"], "low": row["low"], "high": row["high"]}
        | {"text": numbers.number(row["value"], unit), "end": row["value"] if row["high"] is None else row["high"]}
        | {"cases": row["cases"], "interval": numbers.interval(row["low"], row["high"], unit) or "none"}
        | {"strong": strong is None or row["member"] == strong, "beside": row["detail"].get(beside or "")}
        for row in rows
    ]
    highest = max(max(point["end"], point["beside"] or 0.0) for point in data)
    for point in data:
        if point["beside"] and 0 <= point["beside"] - point["end"] < 0.2 * highest:
            point["end"] = point["beside"]  # the stroke would stand in the number
    lowest = min(0, *(point["value"] if point["low"] is None else point["low"] for point in data))
    domain = [lowest, 1 if unit == "share" and whole else highest or 1]
    labels = ".0%" if unit == "share" else PLAIN
    x = alt.X(
        "value:Q",
        title=TITLES.get(unit, unit),
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(format=labels),
    )
    y = alt.Y("label:N", title=None, sort=[point["label"] for point in data])
    tips = [
        alt.Tooltip("label:N", title="of"),
        alt.Tooltip("text:N", title="value"),
        alt.Tooltip("interval:N", title="95% interval"),
        alt.Tooltip("cases:Q", title="cases"),
    ]
    layers = []
    for is_strong, suffix in ((True, ""), (False, "-baseline")):
        part = alt.Chart(alt.InlineData(values=[point for point in data if point["strong"] is is_strong]))
        layers += [
            part.mark_rule(style=f"interval{suffix}").encode(x=alt.X("low:Q"), x2="high:Q", y=y),
            part.mark_point(style=suffix.removeprefix("-") or "model", filled=True, size=64, opacity=1).encode(
                x=x, y=y, tooltip=tips
            ),
        ]
    everything = alt.Chart(alt.InlineData(values=data))
    if beside:
        tip = [alt.Tooltip("label:N", title="of"), alt.Tooltip("beside:Q", title=beside, format=".3f")]
        layers.append(
            everything.mark_tick(style="baseline", thickness=2, size=14).encode(x=alt.X("beside:Q"), y=y, tooltip=tip)
        )
    layers.append(everything.mark_text(style="value").encode(x=alt.X("end:Q"), y=y, text="text:N"))
    return in_rows(name, title, caption, alt.layer(*layers), len(data))


def bars(name: str, title: str, caption: str, parts: list[tuple[str, dict[str, int], bool]], unit: str) -> list[Plot]:
    """Bars of files or bytes with their numbers beside them; those that are not marked as ours are gray.

    Args:
        parts: label, its `files` and maybe `bytes`, and whether it is ours; from the first to the last that has any.
    """
    write = numbers.size if unit == "bytes" else "{:,}".format
    there = [place for place, (_, part, _) in enumerate(parts) if part[unit]]
    if not there:
        return []
    data: Rows = [
        {"label": label, "ours": ours, "text": write(part[unit])} | part
        for label, part, ours in parts[there[0] : there[-1] + 1]
    ]
    y = alt.Y("label:N", sort=[point["label"] for point in data], title=None)
    scale = alt.Scale(domain=[0, max(point[unit] for point in data)], nice=False)
    x = alt.X(f"{unit}:Q", title=unit, axis=THOUSANDS, scale=scale)
    tips = [alt.Tooltip("label:N", title="of")]
    tips += [alt.Tooltip(f"{key}:Q", title=key, format=",") for key in ("files", "bytes") if key in data[0]]
    layers = [
        alt.Chart(alt.InlineData(values=[point for point in data if point["ours"] is ours]))
        .mark_bar(style=style, height=14, opacity=0.85)
        .encode(x=x, y=y, tooltip=tips)
        for ours, style in ((True, "model"), (False, "baseline"))
    ]
    label = alt.Chart(alt.InlineData(values=data)).mark_text(style="value").encode(x=x, y=y, text="text:N")
    return [in_rows(name, title, caption, alt.layer(*layers, label), len(data))]


def reliability(title: str, caption: str, rows: Rows) -> Plot:
    """Observed accuracy over confidence, beside the diagonal on which the two agree."""
    data: Rows = [
        {"x": row["detail"]["confidence"], "share": row["detail"]["share"]}
        | {"guesses": row["detail"].get("guesses", row["cases"])}
        | {"y": row["value"], "low": row["low"], "high": row["high"]}
        for row in rows
    ]
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", title="probability of the best guess", scale=scale, axis=alt.Axis(format=".0%"))
    y = alt.Y("y:Q", title="right", scale=scale, axis=alt.Axis(format=".0%"))
    tips = [alt.Tooltip("x:Q", title="probability", format=".1%"), alt.Tooltip("y:Q", title="right", format=".1%")]
    tips += [alt.Tooltip("guesses:Q", title="guesses", format=",")]
    ends = alt.Chart(alt.InlineData(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
    base = alt.Chart(alt.InlineData(values=data)).encode(x=x)
    size = alt.Size("share:Q", scale=alt.Scale(range=[25, 400], domainMin=0), legend=None)
    chart = alt.layer(
        ends.mark_line(style="baseline", strokeWidth=1, strokeDash=[4, 3]).encode(x=x, y=y),
        base.mark_rule(style="interval").encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_point(style="model", filled=True, opacity=1).encode(y=y, size=size, tooltip=tips),
    )
    return responsive("calibration", title, caption, chart, height=320)
