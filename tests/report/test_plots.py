"""What the plots show: honest scales, all values, intervals where there are some."""

import math

from charmer.report import charts, plots


def values(plot: charts.Plot) -> list[dict]:
    """All rows of all data sets that a plot draws."""
    return [row for rows in plot.specification["datasets"].values() for row in rows]


def steps(count: int) -> list[dict]:
    return [
        {"tokens": 10 * step, "loss": 3.0 if step % 2 else 5.0, "learning_rate": 0.1, "gradient_norm": 1.0}
        | {"tokens_per_second": math.nan if step == 7 else 2000.0}
        for step in range(1, count + 1)
    ]


def test_long_curves_are_drawn_from_means_with_their_range():
    (loss,) = [plot for plot in plots.training(steps(5000), []) if plot.name == "loss"]
    points = values(loss)
    assert len(points) == charts.BINS
    assert points[-1]["x"] == 50_000
    assert {(point["low"], point["high"]) for point in points} == {(3.0, 5.0)}
    assert all(3.8 < point["mean"] < 4.2 for point in points)


def test_values_that_are_no_numbers_are_left_out():
    by_name = {plot.name: plot for plot in plots.training(steps(20), [])}
    assert len(values(by_name["tokens_per_second"])) == 19


def test_a_run_of_one_step_has_no_curve():
    assert plots.training(steps(1), []) == []


def row(name: str, value: float, unit: str = "share", **detail: float) -> dict:
    return {"member": name, "slice": name, "value": value, "low": None, "high": None, "cases": 3, "unit": unit} | {
        "detail": detail
    }


def domain(plot: charts.Plot) -> list[float]:
    """The ends of the first horizontal scale that is fixed."""
    scales = [layer["encoding"]["x"].get("scale", {}) for layer in plot.specification["layer"]]
    return next(scale["domain"] for scale in scales if "domain" in scale)


def test_shares_end_at_one_and_bits_begin_at_zero():
    assert domain(charts.intervals("a", "A", "", [row("x", 0.5)])) == [0, 1]
    plot = charts.intervals("b", "B", "", [row("x", 2.0, "bits/byte", xz=3.0)], beside="xz")
    assert domain(plot) == [0, 3.0]
    assert (
        plot.specification["padding"]["right"] == charts.BEHIND
    )  # where the number stands that the scale has no room for


def test_a_change_for_the_worse_does_not_leave_the_scale():
    change = {**row("change", -0.08), "low": -0.1, "high": -0.06}
    (plot,) = plots.metric("fine_tuning", [change, row("recited", 0.03)])
    assert domain(plot) == [-0.1, 0.03]


def test_a_number_stands_behind_the_stroke_that_it_would_cover():
    near, far = row("near", 2.9, xz=3.0), row("far", 1.0, xz=3.0)
    plot = charts.intervals("c", "C", "", [near, far], beside="xz")
    assert {point["label"]: point["end"] for point in values(plot)} == {"near": 3.0, "far": 1.0}


def test_a_plot_of_many_rows_stands_alone_in_its_line():
    few, many = ([row(f"r{number}", 0.5) for number in range(count)] for count in (charts.MANY, charts.MANY + 1))
    assert not charts.intervals("d", "D", "", few).wide
    assert charts.intervals("e", "E", "", many).wide


def test_a_metric_without_a_plot_of_its_own_shows_all_its_values():
    (plot,) = plots.metric("brand_new", [row("one", 0.25), row("of=two", 0.75)])
    assert [(value["label"], value["value"]) for value in values(plot)] == [("one", 0.25), ("two", 0.75)]
    assert plot.title == "Brand new"


def test_the_same_table_gives_the_same_plot():
    assert plots.training(steps(30), []) == plots.training(steps(30), [])


def test_values_of_two_units_share_no_axis():
    first, second = plots.metric("brand_new", [row("a", 0.5), row("b", 12.0, "tokens")])
    assert [(point["label"], point["text"]) for point in values(second)] == [("b", "12")]
    assert (first.name, second.name) == ("brand_new", "brand_new_tokens")
    assert plots.metric("brand_new", [row("a", 0.5), row("b", 2.0, "s")])[1].title == "Brand new, seconds"


def test_a_count_that_explains_a_metric_is_no_plot():
    (plot,) = plots.metric("characters_saved", [row("characters saved", 0.2), row("asked for each line", 6.0, "times")])
    assert [point["label"] for point in values(plot)] == ["characters saved"]
    assert domain(plot)[1] < 1


def test_calibration_is_drawn_over_confidence():
    bins = [{**row("x", 0.3, confidence=0.5, share=1.0), "slice": "bin=0.5-0.6"}, {**row("x", 0.1), "slice": "error"}]
    (plot,) = plots.metric("calibration", bins)
    assert [(point["x"], point["y"]) for point in values(plot) if "guesses" in point] == [(0.5, 0.3)]


def test_what_is_small_is_summed_up():
    parts = {f"p{number}": {"files": 1, "bytes": 100 - number} for number in range(30)}
    (packages,) = plots.corpus({}, {"bytes": {"package": parts}})
    shown = {point["label"]: point["bytes"] for point in values(packages)}
    assert len(shown) == plots.LARGEST + 1
    assert shown["19 others"] == sum(100 - number for number in range(plots.LARGEST, 30))


CARD = {
    "encodings": [
        {"encoding": "utf-8", "encoding_from": "utf-8", "files": 90, "bytes": 900, "replaced": 0},
        {"encoding": "cp1252", "encoding_from": "detected", "files": 2, "bytes": 20, "replaced": 5},
    ],
    "line_lengths": {
        "longest": [{"up_to": edge, "files": files} for edge, files in ((40, 0), (80, 7), (100, 0), (None, 2))],
    },
    "near_duplicates": [{"from": 0.96, "to": 0.98, "files": 3}, {"from": 0.98, "to": 1.0, "files": 0}],
}
COUNTS = {
    "kept": {"train": {"files": 90, "bytes": 900}, "val": {"files": 2, "bytes": 20}, "test": {"files": 0, "bytes": 0}},
    "refused": {"files": 3, "bytes": 0},
    "refused_for": {"empty": {"files": 3, "bytes": 0}},
    "out": {"licence": {"files": 4, "bytes": 40}, "exact duplicate": {"files": 6, "bytes": 60}},
}


def test_the_corpus_is_drawn_as_it_was_counted():
    drawn = {plot.name: plot for plot in plots.corpus(COUNTS, CARD)}
    shown = {name: {point["label"]: point["files"] for point in values(plot)} for name, plot in drawn.items()}
    assert shown == {
        "corpus": {
            "kept: train": 90, "kept: val": 2, "exact duplicate": 6, "licence": 4, "refused: empty": 3,
        },
        "corpus_encodings": {"utf-8, not declared": 90, "cp1252, detected": 2},
        "corpus_longest_line": {"40 to 80": 7, "80 to 100": 0, "above 100": 2},  # an empty bin between others stays
        "corpus_duplicates": {"0.96 to 0.98": 3, "0.98 to 1.00": 0, "the same text": 6},
    }  # fmt: skip
    assert "5 characters that it did not fit were replaced" in drawn["corpus_encodings"].caption


def test_every_plot_describes_itself_for_those_who_do_not_see_it():
    for plot in plots.training(steps(20), [{"tokens": 1, "bits_per_byte": 3.0}, {"tokens": 2, "bits_per_byte": 2.0}]):
        assert plot.specification["description"].startswith(plot.title)
