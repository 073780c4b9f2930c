"""The plots of a run, from its tables, as Vega-Lite specifications.

Notable here:
- Scales begin at zero, and shares end at one, unless a plot's caption says that it is about change.
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
from charmer.report.inputs import Rows, members, pick

THOUSANDS = alt.Axis(format="~s", labelExpr="datum.value === 0 ? '0' : datum.label")
BINS = 300
ROW = 26  # pixels of a row in a plot of intervals
STRETCH = "Mean of each stretch of steps, and range."
TITLES = {"bits/byte": "bits per byte", "share": "share"}


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: of the SVG file, and of the place in the page.
        title: what one sees.
        caption: how to read it, in a sentence or two.
        specification: Vega-Lite, responsive in width.
    """

    name: str
    title: str
    caption: str
    specification: dict[str, Any]


def _plot(name: str, title: str, caption: str, chart: Any, height: int | None = None) -> Plot:
    size = {"width": "container"} | ({"height": height} if height else {})
    chart = chart.properties(**size, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    specification = chart.to_dict(validate=True)
    specification.pop("config", None)
    specification["description"] = f"{title}. {caption}"
    return Plot(name, title, caption, specification)


def _zoom(name: str) -> alt.Parameter:
    """Drag to move, shift and the wheel to zoom, double click to go back: plain scrolling stays the page's."""
    return alt.selection_interval(
        name=name,
        bind="scales",
        encodings=["x"],
        translate="[mousedown, window:mouseup] > window:mousemove!",
        zoom="wheel![event.shiftKey]",
    )


def training(metrics: Rows, held_out: Rows) -> list[Plot]:
    """Loss, held-out bits per byte, learning rate, gradient norm and throughput over the tokens seen."""
    plots = []
    if held_out:
        plots.append(_held_out(held_out))
    curves = [
        ("loss", "Training loss", "nats per token", f"{STRETCH} The axis does not begin at zero.", False),
        ("learning_rate", "Learning rate", "learning rate", "What the schedule asked for.", True),
        ("gradient_norm", "Gradient norm", "norm", f"Over all weights, before clipping. {STRETCH}", True),
        ("tokens_per_second", "Throughput", "tokens per second", STRETCH, True),
    ]
    for column, title, axis, caption, zero in curves:
        points = _bins([(row["tokens"], row.get(column)) for row in metrics])
        if len(points) > 1:
            plots.append(_curve(column, title, axis, caption, points, zero))
    return plots


def _bins(pairs: list[tuple[float, float | None]]) -> Rows:
    """At most `BINS` stretches of a curve: mean, lowest and highest of each."""
    finite = [(x, y) for x, y in pairs if y is not None and math.isfinite(y)]
    stretches = np.array_split(np.array(finite, dtype=np.float64).reshape(-1, 2), min(BINS, max(len(finite), 1)))
    return [
        {"x": float(part[-1, 0]), "mean": float(part[:, 1].mean())}
        | {"low": float(part[:, 1].min()), "high": float(part[:, 1].max())}
        for part in stretches
        if len(part)
    ]


def _axis(points: Rows) -> alt.Axis:
    """Thousands as "k" where the values are that large, plain digits where they are not."""
    return THOUSANDS if max(point["high"] for point in points) >= 1000 else alt.Axis(format="~g")


def _curve(name: str, title: str, axis: str, caption: str, points: Rows, zero: bool) -> Plot:
    x = alt.X("x:Q", title="tokens seen", axis=THOUSANDS, scale=alt.Scale(nice=False))
    scale = alt.Scale(zero=zero, nice=True)
    tips = [alt.Tooltip("x:Q", title="tokens", format=",")]
    tips += [alt.Tooltip(f"{key}:Q", title=key, format=".4~g") for key in ("mean", "low", "high")]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x)
    band = base.mark_area(style="band").encode(
        y=alt.Y("low:Q", title=axis, scale=scale, axis=_axis(points)), y2="high:Q"
    )
    line = base.mark_line(style="model-line").encode(y=alt.Y("mean:Q", title=axis, scale=scale), tooltip=tips)
    return _plot(name, title, caption, alt.layer(band, line).add_params(_zoom("zoom")), height=190)


def _held_out(rows: Rows) -> Plot:
    points = [{"x": row["tokens"], "y": row["bits_per_byte"]} for row in rows]
    last = points[-1]
    x = alt.X("x:Q", title="tokens seen", axis=THOUSANDS, scale=alt.Scale(nice=False))
    y = alt.Y("y:Q", title="bits per byte", scale=alt.Scale(zero=False))
    tips = [alt.Tooltip("x:Q", title="tokens", format=","), alt.Tooltip("y:Q", title="bits per byte", format=".4f")]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x, y=y)
    line = base.mark_line(style="model-line")
    dots = base.mark_point(style="model", size=28, filled=True).encode(tooltip=tips)
    label = (
        alt.Chart(alt.InlineData(values=[{**last, "text": f"{last['y']:.3f}"}]))
        .mark_text(style="value", align="right", dx=0, dy=-12)
        .encode(x=x, y=y, text="text:N")
    )
    chart = alt.layer(line, dots, label).add_params(_zoom("zoom"))
    caption = "On the validation split, while training. The axis does not begin at zero."
    return _plot("held_out", "Held-out bits per byte", caption, chart, height=190)


def bits_per_byte(rows: Rows) -> list[Plot]:
    """Beside the compressors; by package, kind of token and place in the context; and where the bits go."""
    plots = []
    overall = pick(rows, "overall")
    if overall:
        shown = [{**overall, "member": "this model"}, *members(rows, "baseline")]
        caption = "Bits needed for a byte of packages that training never saw, with 95% intervals. Less is better."
        plots.append(intervals("compressors", "Beside general compressors", caption, shown, "this model"))
    packages = sorted(members(rows, "package"), key=lambda row: row["value"])
    if packages:
        caption = "Each held-out package with its 95% interval; the gray stroke is what xz -9 needs for its files."
        plots.append(intervals("packages", "By package", caption, packages, beside="xz -9"))
    kinds = sorted(members(rows, "kind"), key=lambda row: row["value"])
    if kinds:
        caption = "A token counts as what its first visible byte is; whitespace inside strings is string."
        plots.append(intervals("kinds", "By kind of token", caption, kinds))
        plots.append(_shares(kinds))
    places = members(rows, "position")
    if len(places) > 1:
        plots.append(_positions(places))
    return plots


def intervals(
    name: str, title: str, caption: str, rows: Rows, strong: str | None = None, beside: str | None = None
) -> Plot:
    """Values with their intervals, one row each, in the given order.

    Args:
        rows: with `member` as label; the unit is that of the first.
        strong: the member shown in the accent color while the others are baselines; None: all are the model's.
        beside: a key of each row's detail, drawn as a stroke for comparison.
    """
    unit = rows[0]["unit"]
    data = [
        {"label": row["member"], "value": row["value"], "low": row["low"], "high": row["high"]}
        | {"text": numbers.number(row["value"], unit), "end": row["value"] if row["high"] is None else row["high"]}
        | {"cases": row["cases"], "interval": numbers.interval(row["low"], row["high"], unit) or "none"}
        | {"strong": strong is None or row["member"] == strong, "beside": row["detail"].get(beside or "")}
        for row in rows
    ]
    highest = max(max(point["end"], point["beside"] or 0.0) for point in data)
    domain = [0, 1] if unit == "share" else [0, highest * 1.25 or 1]
    labels = ".0%" if unit == "share" else "~g"
    x = alt.X(
        "value:Q",
        title=TITLES.get(unit, unit),
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(format=labels),
    )
    y = alt.Y("label:N", title=None, sort=[point["label"] for point in data], axis=alt.Axis(labelLimit=150))
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
    return _plot(name, title, caption, alt.layer(*layers), height=ROW * len(data))


def _shares(kinds: Rows) -> Plot:
    """Of all bits that the model needs, how many each kind takes; beside its share of the bytes."""
    data = [
        {"label": row["member"], "of": of, "value": row["detail"].get(f"share of {of}", 0.0)}
        for row in kinds
        for of in ("bytes", "bits")
    ]
    order = [row["member"] for row in sorted(kinds, key=lambda row: -row["detail"].get("share of bits", 0.0))]
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=150))
    x = alt.X("value:Q", title="share of all", scale=alt.Scale(zero=True), axis=alt.Axis(format=".0%"))
    tips = [
        alt.Tooltip("label:N", title="kind"),
        alt.Tooltip("of:N", title="share of"),
        alt.Tooltip("value:Q", title="share", format=".1%"),
    ]
    bits, size = (
        alt.Chart(alt.InlineData(values=[point for point in data if point["of"] == of])) for of in ("bits", "bytes")
    )
    chart = alt.layer(
        bits.mark_bar(style="model", height=12, opacity=0.85, strokeWidth=0).encode(x=x, y=y, tooltip=tips),
        size.mark_tick(style="baseline", thickness=2, size=18).encode(x=x, y=y, tooltip=tips),
    )
    caption = "Bars: each kind's share of all bits. Gray strokes: its share of all bytes. Where the bar is longer, "
    return _plot("shares", "Where the bits go", caption + "the kind is harder than average.", chart, ROW * len(order))


def _positions(places: Rows) -> Plot:
    data = [
        {"first": row["detail"]["first"], "place": row["member"].replace("-", " to ")}
        | {key: row[key] for key in ("value", "low", "high")}
        for row in places
    ]
    x = alt.X(
        "first:O",
        title="tokens of the file seen before, at least",
        scale=alt.Scale(type="point", padding=0.3),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy"),
    )
    y = alt.Y("value:Q", title="bits per byte", scale=alt.Scale(zero=True))
    base = alt.Chart(alt.InlineData(values=data)).encode(x=x)
    tips = [alt.Tooltip("place:N", title="tokens seen")]
    tips += [alt.Tooltip(f"{key}:Q", format=".3f") for key in ("value", "low", "high")]
    chart = alt.layer(
        base.mark_area(style="band").encode(y=alt.Y("low:Q", title="bits per byte"), y2="high:Q"),
        base.mark_line(style="model-line").encode(y=y),
        base.mark_point(style="model", filled=True, size=40).encode(y=y, tooltip=tips),
    )
    caption = "What more context is worth: bits per byte by how much of the file the model had seen. Band: 95%."
    return _plot("positions", "By place in the context", caption, chart, height=220)


def metric(name: str, rows: Rows) -> list[Plot]:
    """The plots of one metric; of one that has none of its own, all its values with their intervals."""
    if name == "bits_per_byte":
        return bits_per_byte(rows)
    if name == "samples" or not rows:
        return []
    shown = [{**row, "member": row["slice"].partition("=")[2] or row["slice"]} for row in rows]
    captions = {
        "parses": "Of functions that the model wrote after held-out signatures. Bars: 95% intervals (Wilson).",
        "repetition": "Share of 4-grams that occurred before in the same text: the model's own beside the corpus's.",
    }
    titles = {"parses": "Generated functions", "repetition": "Repetition"}
    title = titles.get(name, name.replace("_", " ").capitalize())
    strong = "generated" if name == "repetition" else None
    return [intervals(name, title, captions.get(name, "Values with their 95% intervals."), shown, strong)]


def corpus(counts: dict[str, Any]) -> list[Plot]:
    """Where every file that came in went."""
    fates = [(f"kept: {split}", part) for split, part in counts.get("kept", {}).items()]
    fates += [("refused", counts["refused"])] if "refused" in counts else []
    out = counts.get("out", {})
    fates += sorted(out.items(), key=lambda item: -item[1]["files"])
    data = [
        {"fate": name, "files": part["files"], "bytes": part["bytes"], "kept": name.startswith("kept")}
        | {"text": f"{part['files']:,}"}
        for name, part in fates
        if part["files"]
    ]
    if not data:
        return []
    y = alt.Y("fate:N", sort=[point["fate"] for point in data], title=None, axis=alt.Axis(labelLimit=190))
    highest = max(point["files"] for point in data)
    x = alt.X("files:Q", title="files", axis=THOUSANDS, scale=alt.Scale(domain=[0, highest * 1.25], nice=False))
    tips = [alt.Tooltip("fate:N"), alt.Tooltip("files:Q", format=","), alt.Tooltip("bytes:Q", format=",")]
    layers = [
        alt.Chart(alt.InlineData(values=[point for point in data if point["kept"] is kept]))
        .mark_bar(style=style, height=14, strokeWidth=0, opacity=0.85)
        .encode(x=x, y=y, tooltip=tips)
        for kept, style in ((True, "model"), (False, "baseline"))
    ]
    label = alt.Chart(alt.InlineData(values=data)).mark_text(style="value").encode(x=x, y=y, text="text:N")
    caption = "Every file that was found, counted once: what stayed, and why the rest left."
    return [_plot("corpus", "Where the files went", caption, alt.layer(*layers, label), ROW * len(data))]
