"""What a run's tables are drawn as: the corpus, the training, and each metric."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import altair as alt

from charmer.report.charts import (
    ROW,
    THOUSANDS,
    TITLES,
    Plot,
    bars,
    curve,
    intervals,
    reliability,
    responsive,
    stretches,
    zoom,
)
from charmer.report.inputs import Rows, members, pick

LARGEST = 11  # bars that stand for one package each; one more stands for the rest
FOUND_BY = {"bom": "byte order mark", "declared": "declared", "utf-8": "not declared", "detected": "detected"}
SMALL = ("repetition", "memorisation", "characters_saved", "fine_tuning")  # whose scale of shares ends before one
STRETCH = "Mean of each stretch of steps, and range."
METHODS = {
    "Wilson": "Wilson's score over",
    "bootstrap": "the bootstrap over",
    "bootstrap, corrected for bias": "the bootstrap, corrected for bias, over",
}
CAPTIONS = {
    "line_completion": "The rest of held-out lines, cut before a token or inside a word: exactly, and how near. The "
    "n-gram cache counts the file up to the cut, the file behind the line where that is said, and nothing where the "
    "network is alone. Not healed: without dropping the word's beginning from the prompt and writing it again.",
    "characters_saved": "Held-out lines typed with a suggestion after each character, which Tab takes only where it is "
    "the whole rest of the line: the share of keystrokes that this saves, and of lines that end so; with the n-gram "
    "cache, which counts the file up to the cursor, and by the network alone.",
    "fill_in_the_middle": "Lines, spans of characters and function bodies taken out of held-out files and written back "
    "exactly, but for blanks at the ends of lines. Asked suffix first, as every way into the model asks, and prefix "
    "first. To the line's end: what an editor shows, beside what the model writes without the text behind.",
    "calibration": "How often the best guess was right, by the probability that the model gave it. On the stroke it is "
    "right as often as it says, below it is too sure. The larger a dot, the more guesses.",
    "fine_tuning": "The model before and after it was fitted to your own code: your held-out files, those of others, "
    "and passages of your training files recited word for word.",
    "memorisation": "Fifty tokens given back after fifty given; and the longest run of tokens shared with the training "
    "text. Beside both: files that training never saw.",
    "parses": "Of functions that the model wrote after held-out signatures. Lines: 95% intervals (Wilson).",
    "synthesis": "Functions written from head and docstring, and run against tests. pass@k: the chance that one of k "
    "samples is right. Tiers go from one-liners upward. Lines: 95% intervals.",
    "humaneval": "Functions of HumanEval, written from head and docstring, and run against tests. pass@k: the chance "
    "that one of k samples is right. Lines: 95% intervals.",
    "syntax_repair": "Files broken as people break them: how often the first repair parses within five changed tokens, "
    "and how often it is the code as it was.",
    "taught_repair": "Faults that the model was asked about in the form that training teaches: the fix, given the "
    "faulty lines, and the lines, given the interpreter's words; right to the letter.",
    "bug_finding": "Whole files with one bug that parse: whether its line, and its fix, stand first in the list of "
    "suspicions or near it. Beside it: bugs of kinds kept out of the search, and two simpler rankings.",
    "false_alarms": "What charmer check says, at its default precision, of 500 lines of code without a known bug.",
    "repair": "Broken functions that the model's search mends until their tests pass, beside the same search in random "
    "order.",
    "repetition": "Share of 4-grams that occurred before in the same text: the model's beside as much of the corpus.",
}


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
        points = stretches([(row["tokens"], row.get(column)) for row in metrics])
        if len(points) > 1:
            plots.append(curve(column, title, axis, caption, points, zero))
    return plots


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
    chart = alt.layer(line, dots, label).add_params(zoom("zoom"))
    caption = "On the validation split, while training. The axis does not begin at zero."
    return responsive("held_out", "Held-out bits per byte", caption, chart, height=190)


def bits_per_byte(rows: Rows) -> list[Plot]:
    """Beside the compressors; by kind of token, and where the bits go; by package and place in the context."""
    plots = []
    overall = pick(rows, "overall")
    if overall:
        cached = pick(rows, "with n-gram cache")
        own = [{**overall, "member": "this model"}, *([{**cached, "member": "with n-gram cache"}] if cached else [])]
        shown = [*own, *members(rows, "baseline")]
        caption = "Bits needed for a byte of packages that training never saw, with 95% intervals. Less is better."
        plots.append(intervals("compressors", "Beside general compressors", caption, shown, "this model"))
    kinds = sorted(members(rows, "kind"), key=lambda row: row["value"])
    if kinds:
        caption = "A token counts as what its first visible byte is; whitespace inside strings is string."
        plots.append(intervals("kinds", "By kind of token", caption, kinds))
        plots.append(_shares(kinds))
    packages = sorted(members(rows, "package"), key=lambda row: row["value"])
    if packages:
        caption = "Each held-out package with its 95% interval; the gray stroke is what xz -9 needs for its files."
        plots.append(intervals("packages", "By package", caption, packages, beside="xz -9"))
    places = [row for row in members(rows, "position") if "first" in row["detail"]]
    if len(places) > 1:
        plots.append(_positions(places))
    return plots


def _shares(kinds: Rows) -> Plot:
    """Of all bits that the model needs, how many each kind takes; beside its share of the bytes."""
    data = [
        {"label": row["member"], "of": of, "value": row["detail"].get(f"share of {of}", 0.0)}
        for row in kinds
        for of in ("bytes", "bits")
    ]
    order = [row["member"] for row in sorted(kinds, key=lambda row: -row["detail"].get("share of bits", 0.0))]
    y = alt.Y("label:N", sort=order, title=None)
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
        bits.mark_bar(style="model", height=12, opacity=0.85).encode(x=x, y=y, tooltip=tips),
        size.mark_tick(style="baseline", thickness=2, size=18).encode(x=x, y=y, tooltip=tips),
    )
    caption = "Bars: each kind's share of all bits. Gray strokes: its share of all bytes. Where the bar is longer, "
    return responsive(
        "shares", "Where the bits go", caption + "the kind is harder than average.", chart, ROW * len(order)
    )


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
    return responsive("positions", "By place in the context", caption, chart, height=220)


def metric(name: str, rows: Rows) -> list[Plot]:
    """The plots of one metric; of one that has none of its own, all its values with their intervals."""
    if name == "bits_per_byte":
        return bits_per_byte(rows)
    if name in ("samples", "doctor") or not rows:
        return []
    if name in ("synthesis", "humaneval"):
        return [intervals(name, title_of(name), CAPTIONS[name], _passes(rows))]
    if name == "calibration":
        bins = [row for row in members(rows, "bin") if "confidence" in row["detail"]]
        return [reliability(title_of(name), CAPTIONS[name], bins)] if bins else []
    shown = [
        {**row, "member": row["slice"].partition("=")[2] or row["slice"]} for row in rows if row["unit"] != "times"
    ]
    caption = CAPTIONS.get(name, "Values with their 95% intervals.")
    strong = "generated" if name == "repetition" else None
    plots: list[Plot] = []
    for unit in dict.fromkeys(row["unit"] for row in shown):  # values of two units share no axis
        file, title = name, title_of(name)
        if plots:  # the caption of the first says it for all
            file, title, caption = f"{name}_{unit}", f"{title}, {TITLES.get(unit, unit)}", ""
        part = [row for row in shown if row["unit"] == unit]
        plots.append(intervals(file, title, caption, part, strong, whole=name not in SMALL))
    return plots


def _passes(rows: Rows) -> Rows:
    """Overall before the tiers, and beside each other what belongs to one tier: "tier=2 pass@1" -> "tier 2, pass@1"."""
    return [{**row, "member": ", ".join(row["slice"].replace("=", " ").rsplit(" ", 1))} for row in rows]


def title_of(metric: str) -> str:
    """A metric's name for people."""
    named = {"parses": "Generated functions", "synthesis": "Function synthesis", "humaneval": "HumanEval"}
    return named.get(metric, metric.replace("_", " ").capitalize())


def basis(rows: Rows) -> str:
    """What a metric's intervals were made from, in a sentence or two; empty where its rows don't say."""
    known = [row["detail"] for row in rows if row["low"] is not None and "interval" in row["detail"]]
    ways = dict.fromkeys(f"{METHODS.get(detail['interval'], detail['interval'])} {detail['over']}" for detail in known)
    if not ways:
        return ""
    packages = next((detail["packages"] for detail in known if "packages" in detail), None)
    told = f"95% intervals: {'; '.join(ways)}."
    if packages is None:
        return told
    return (
        f"{told} They tell how far the figure may lie off for other files of {'these' if packages > 1 else 'this'} "
        f"{packages} package{'s' if packages > 1 else ''}, and not how much packages differ: that each package shows."
    )


def corpus(counts: dict[str, Any], card: dict[str, Any]) -> list[Plot]:
    """Where every file that came in went; what the kept ones are made of, and which copies left."""
    plots = []
    fates = [(f"kept: {split}", part, True) for split, part in counts.get("kept", {}).items() if part["files"]]
    left = [(f"refused: {reason}", part) for reason, part in counts.get("refused_for", {}).items()]
    left += list(counts.get("out", {}).items())
    fates += [(reason, part, False) for reason, part in sorted(left, key=lambda item: -item[1]["files"])]
    caption = "Every file that was found, counted once: what stayed, and why the rest left."
    plots += bars("corpus", "Where the files went", caption, fates, "files")
    plots += _made_of(card.get("bytes", {}))
    plots += _encodings(card.get("encodings", []))
    lengths = card.get("line_lengths", {})
    for kind, title in (("longest", "By length of the longest line"), ("mean", "By mean length of lines")):
        caption = "Files that stayed, by characters."
        plots += bars(f"corpus_{kind}_line", title, caption, _ranges(lengths.get(kind, [])), "files")
    plots += _duplicates(counts.get("out", {}), card.get("near_duplicates", []))
    return plots


def _made_of(made_of: dict[str, dict[str, dict[str, int]]]) -> list[Plot]:
    """Bytes of what stayed by licence and by package."""
    plots = []
    for name, title in (("licence", "By licence"), ("package", "By package")):
        parts = [(label, part, True) for label, part in made_of.get(name, {}).items()]
        rest = parts[LARGEST:]
        if rest:
            sums = {unit: sum(part[unit] for _, part, _ in rest) for unit in ("files", "bytes")}
            parts = [*parts[:LARGEST], (f"{len(rest)} others", sums, False)]
        plots += bars(f"corpus_{name}s", title, "Bytes of what stayed, the largest first.", parts, "bytes")
    return plots


def _encodings(rows: Rows) -> list[Plot]:
    """Files by encoding and how it was found; and what no encoding fitted."""
    parts = [
        (f"{row['encoding']}, {FOUND_BY.get(row['encoding_from'], row['encoding_from'])}", row, True) for row in rows
    ]
    files = [(label, {"files": row["files"], "bytes": row["bytes"]}, ours) for label, row, ours in parts]
    lost = sum(row["replaced"] for row in rows)
    caption = "Files that stayed, and what told their encoding. "
    caption += f"{lost:,} characters that it did not fit were replaced." if lost else "No character was replaced."
    return bars("corpus_encodings", "By encoding", caption, files, "files")


def _duplicates(out: dict[str, dict[str, int]], bins: Rows) -> list[Plot]:
    """Removed copies by how much they are like the file that stayed in their place."""
    parts = [(f"{one['from']:.2f} to {one['to']:.2f}", {"files": one["files"]}, False) for one in bins]
    if "exact duplicate" in out:
        parts.append(("the same text", {"files": out["exact duplicate"]["files"]}, False))
    caption = "Files that left, by the Jaccard index of their shingles and those of the file kept in their place."
    return bars("corpus_duplicates", "Duplicates", caption, parts, "files")


def _ranges(bins: Rows) -> list[tuple[str, dict[str, int], bool]]:
    """Bins up to an edge each, the last one open, as bars: "0 to 10", "10 to 20", "above 20"."""
    edges = [0, *(one["up_to"] for one in bins)]
    labels = [f"above {low}" if high is None else f"{low} to {high}" for low, high in pairwise(edges)]
    return [(label, {"files": one["files"]}, True) for label, one in zip(labels, bins, strict=True)]
