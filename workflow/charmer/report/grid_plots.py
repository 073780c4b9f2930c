"""How a grid is drawn: quality along each axis, learning curves over one another, quality against cost, the law.

Notable here:
- Runs that differ by their seed alone are one line: its mean, in a band from the best to the worst of them.
- An axis of numbers that grow by factors is drawn on a logarithmic scale; any other at equal distances.
- Colors go from pale to deep where the values that they stand for have an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from charmer.common import files
from charmer.common.failure import Failure
from charmer.report import numbers
from charmer.report.charts import THOUSANDS, TITLES, Plot, responsive, stretches, zoom
from charmer.report.grid_table import Measured, Member
from charmer.report.inputs import Rows
from charmer.report.law import Law
from charmer.report.plots import title_of as metric_title

SEEDS = ("train.seed", "seed")
COSTS = {"flops": "training FLOPs", "seconds": "seconds of training"}
POINTS = 150  # of a learning curve, at most
WIDTH = 330  # pixels that a legend may take, on a telephone too


def number_of(label: str, member: Member, axis: str) -> float | None:
    """The number that a label stands for: its knob's value, or the count that a budget begins with."""
    value = member.knobs.get(axis, label)
    text = str(value).split(" ")[0]
    try:
        return float(text)
    except ValueError:
        return None


def along(members: Sequence[Member], axes: dict[str, list[str]], columns: Sequence[str]) -> list[Plot]:
    """For each measured value and each axis but seeds: the value along the axis, a line for each other setting."""
    shown = [axis for axis in axes if axis not in SEEDS and len(axes[axis]) > 1]
    plots = []
    for column in columns:
        having = [member for member in members if column in member.metrics and not member.held_out]
        for axis in shown:
            others = [other for other in shown if other != axis]
            if len(having) > 1:
                plots.append(_along(having, column, axis, others, axes))
    return plots


def _along(having: list[Member], column: str, axis: str, others: list[str], axes: dict[str, list[str]]) -> Plot:
    unit = having[0].metrics[column].unit
    places = {member.run: number_of(member.point[axis], member, axis) for member in having}
    numeric = all(value is not None for value in places.values())
    lines = list(dict.fromkeys(_series(member, others) for member in having))
    values = [place for place in places.values() if place is not None]
    x = _axis_of(axis, axes[axis], values if numeric else [])
    data: Rows = [
        {"x": places[member.run] if numeric else member.point[axis], "line": _series(member, others), "run": member.run}
        | _tip(member.metrics[column])
        for member in having
    ]
    y = alt.Y("value:Q", title=unit_of(column, unit), scale=alt.Scale(zero=False), axis=_axis_for(unit))
    color = _color(", ".join(map(last, others)), lines) if others else alt.Undefined
    base = alt.Chart(alt.InlineData(values=data)).encode(x=x, color=color)
    seeds = next((seed for seed in SEEDS if len(axes.get(seed, ())) > 1), None)
    layers: list[Any] = []
    if seeds:
        layers.append(
            base.mark_area(style="band").encode(y=alt.Y("min(value):Q", title=unit_of(column, unit)), y2="max(value):Q")
        )
    mean = alt.Y("mean(value):Q", title=unit_of(column, unit), scale=alt.Scale(zero=False), axis=_axis_for(unit))
    layers += [
        base.mark_line(style="model-line").encode(y=mean),
        base.mark_point(style="model", filled=True, size=44, opacity=0.9).encode(y=y, tooltip=_tips()),
    ]
    caption = "Each dot is a run. The axis does not begin at zero."
    if seeds:
        caption = "Each dot is a run; lines join the means over seeds, bands reach from the best seed to the worst. "
        caption += "The axis does not begin at zero."
    name = f"{column}-by-{axis}".replace(".", "_").replace(" ", "_")
    return responsive(name, f"{title_of(column)} by {last(axis)}", caption, alt.layer(*layers), height=260)


def curves(members: Sequence[Member], axes: dict[str, list[str]]) -> list[Plot]:
    """Held-out bits per byte, and the training loss where all runs share a vocabulary, over the tokens seen."""
    first = next((axis for axis in axes if axis not in SEEDS), next(iter(axes)))
    held_out, losses = [], []
    for member in members:
        if member.model is None:
            continue
        line = {"line": member.point[first], "run": member.run}
        held_out += _curve(member, "held_out.parquet", "bits_per_byte", line)
        losses += _curve(member, "metrics.parquet", "loss", line)
    lines = list(dict.fromkeys(member.point[first] for member in members if member.model))
    plots = []
    if held_out:
        caption = "On the validation split, while training. A line is a run."
        title, axis = "Held-out bits per byte", "bits per byte"
        plots.append(_over("held-out", title, axis, caption, held_out, lines, last(first)))
    vocabularies = {tuple(sorted((k, str(v)) for k, v in m.knobs.items() if k.startswith("vocab."))) for m in members}
    if losses and len(vocabularies) == 1:
        caption = "Nats per token, the mean of each stretch of steps."
        plots.append(_over("loss", "Training loss", "nats per token", caption, losses, lines, last(first)))
    return plots


def _curve(member: Member, file: str, column: str, line: dict[str, str]) -> Rows:
    assert member.model is not None
    try:
        table = files.read_table(member.model / file, ["tokens", column])
    except Failure:
        return []  # the model's page names it; the other curves are drawn
    pairs = list(zip(table["tokens"].to_pylist(), table[column].to_pylist(), strict=True))
    points = stretches(pairs)
    return [{"x": point["x"], "y": point["mean"], **line} for point in points[-1 :: -(len(points) // POINTS + 1)]]


def _over(name: str, title: str, axis: str, caption: str, points: Rows, lines: list[str], legend: str) -> Plot:
    x = alt.X("x:Q", title="tokens seen", axis=THOUSANDS, scale=alt.Scale(nice=False))
    y = alt.Y("y:Q", title=axis, scale=alt.Scale(zero=False))
    tips = [alt.Tooltip("run:N", title="run"), alt.Tooltip("x:Q", title="tokens", format=",")]
    tips.append(alt.Tooltip("y:Q", title=axis, format=".4f"))
    base = alt.Chart(alt.InlineData(values=points)).encode(x=x, y=y, color=_color(legend, lines), detail="run:N")
    touch = base.mark_point(size=60, opacity=0).encode(tooltip=tips)
    chart = alt.layer(base.mark_line(strokeWidth=1.5), touch).add_params(zoom("zoom"))
    return responsive(name, title, f"{caption} The axis does not begin at zero.", chart, height=300)


def costs(members: Sequence[Member], column: str) -> list[Plot]:
    """Quality against each cost, with the front of the runs that no cheaper run equals."""
    plots = []
    having = [member for member in members if column in member.metrics]
    for cost, title in COSTS.items():
        if len({member.costs[cost] for member in having}) < 2:
            continue
        best = {member.run for member in front(having, column, cost)}
        data: Rows = [
            {"x": member.costs[cost], "run": member.run, "best": member.run in best} | _tip(member.metrics[column])
            for member in having
        ]
        unit = having[0].metrics[column].unit
        x = alt.X("x:Q", title=title, scale=alt.Scale(type="log", nice=False, padding=12), axis=_powers(cost))
        y = alt.Y("value:Q", title=unit_of(column, unit), scale=alt.Scale(zero=False), axis=_axis_for(unit))
        tips = [*_tips(), alt.Tooltip("x:Q", title=title, format=".3~s")]
        rest, chosen = (_part(data, "best", of) for of in (False, True))
        chart = alt.layer(
            rest.mark_point(style="baseline", filled=True, size=44, opacity=0.7).encode(x=x, y=y, tooltip=tips),
            chosen.mark_line(style="model-line", interpolate="step-after").encode(x=x, y=y),
            chosen.mark_point(style="model", filled=True, size=64, opacity=1).encode(x=x, y=y, tooltip=tips),
        )
        caption = "On the line: the cheapest run for each quality. Every other run is bettered by one that costs less."
        heading = f"{title_of(column)} for its cost in {COSTS[cost]}"
        plots.append(responsive(f"{column}-by-{cost}", heading, caption, chart, height=280))
    return plots


def front(members: Sequence[Member], column: str, cost: str) -> list[Member]:
    """The runs that no other run equals in quality (less is better) at the same cost or less, cheapest first."""
    best: list[Member] = []
    for member in sorted(members, key=lambda member: (member.costs[cost], member.metrics[column].value)):
        if not best or member.metrics[column].value < best[-1].metrics[column].value:
            best.append(member)
    return best


def law(members: Sequence[Member], fitted: Law, column: str) -> Plot:
    """What the law says against what was measured; the held-out run with the interval of its forecast."""
    data: Rows = []
    for member in members:
        if column in member.metrics:
            size, tokens = member.costs["parameters"], member.costs["tokens"]
            value, (low, high) = fitted.forecast(size, tokens)
            row = {"run": member.run, "held_out": member.held_out, "measured": member.metrics[column].value}
            data.append(row | {"law": value, "low": low, "high": high})
    either = [row[key] for row in data for key in ("law", "measured")]
    scale = alt.Scale(zero=False, nice=True)
    x = alt.X("measured:Q", title="measured, bits per byte", scale=scale)
    y = alt.Y("law:Q", title="by the law, bits per byte", scale=scale)
    tips = [
        alt.Tooltip("run:N"),
        *(alt.Tooltip(f"{key}:Q", format=".3f") for key in ("measured", "law", "low", "high")),
    ]
    diagonal = alt.Chart(alt.InlineData(values=[{"measured": end, "law": end} for end in (min(either), max(either))]))
    fitted_on, tested = (_part(data, "held_out", of) for of in (False, True))
    chart = alt.layer(
        diagonal.mark_line(style="baseline", strokeWidth=1, strokeDash=[4, 3]).encode(x=x, y=y),
        fitted_on.mark_point(style="baseline", filled=True, size=44).encode(x=x, y=y, tooltip=tips),
        tested.mark_rule(style="interval").encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        tested.mark_point(style="model", filled=True, size=90, opacity=1).encode(x=x, y=y, tooltip=tips),
    )
    caption = (
        "On the stroke the law is right. Gray: the runs that it was fitted to. In color: the larger run, which it "
    )
    return responsive("law", "The law and the runs", f"{caption}never saw, with its forecast's 95%.", chart, height=340)


def _part(data: Rows, key: str, of: bool) -> Any:
    return alt.Chart(alt.InlineData(values=[row for row in data if row[key] is of]))


def unit_of(column: str, unit: str) -> str:
    """The title of a column's axis."""
    return TITLES.get(unit, unit) if unit != "share" else title_of(column).lower()


def title_of(column: str) -> str:
    """A column's name for people."""
    metric, _, part = column.partition(".")
    return f"{metric_title(metric)}, {part.replace('_', ' ')}" if part not in ("", metric) else metric_title(metric)


def last(axis: str) -> str:
    """An axis's name for people: the last part of a knob's, in words."""
    return axis.rpartition(".")[2].replace("_", " ")


def _series(member: Member, axes: Sequence[str]) -> str:
    return ", ".join(member.point[axis] for axis in axes)


def _tip(measured: Measured) -> dict[str, Any]:
    unit = measured.unit
    interval = numbers.interval(measured.low, measured.high, unit) or "none"
    return {"value": measured.value, "text": numbers.number(measured.value, unit), "interval": interval}


def _tips() -> list[Any]:
    titles = {"run": "run", "text": "value", "interval": "95% interval"}
    return [alt.Tooltip(f"{key}:N", title=title) for key, title in titles.items()]


def _axis_for(unit: str) -> Any:
    return alt.Axis(format=".0%") if unit == "share" else alt.Axis(format="~g")


def _axis_of(axis: str, labels: Sequence[str], values: list[float]) -> Any:
    if not values:
        scale = alt.Scale(type="point", padding=0.4)
        shown = alt.Axis(labelAngle=0, labelLimit=120)
        return alt.X("x:N", title=last(axis), sort=list(labels), scale=scale, axis=shown)
    ticks = sorted(set(values))
    grows = min(ticks) > 0 and max(ticks) / min(ticks) >= 4
    scale = alt.Scale(nice=False, padding=14, **({"type": "log"} if grows else {"type": "linear", "zero": False}))
    shown = alt.Axis(values=ticks, format="~g" if max(ticks) < 1e5 else "~s", labelOverlap="greedy")
    return alt.X("x:Q", title=last(axis), scale=scale, axis=shown)


def _powers(cost: str) -> Any:
    return alt.Axis(format="~s" if cost == "flops" else ",~f", labelOverlap="greedy", tickCount=5)


def _color(title: str, lines: list[str]) -> Any:
    """Colors of lines: from pale to deep where their order means something, that is where they begin with numbers."""
    ordered = len(lines) > 2 and all(np.char.isnumeric(line[:1]) for line in lines)
    kind = "O" if ordered else "N"
    columns = max(1, WIDTH // (28 + 6 * max(map(len, lines))))
    legend = alt.Legend(orient="top", columns=columns, labelLimit=160, symbolType="stroke")
    return alt.Color(f"line:{kind}", title=title, sort=lines, legend=legend)
