"""A grid's page and table: every run a row, what failed a gap, the law tested on a run that it never saw."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest
from charmer.common.files import write_json, write_table
from charmer.evaluation.support.table import Row, gap, table
from charmer.report import grid
from charmer.report.grid_plots import front, title_of
from charmer.report.grid_table import Measured, Member, headlines
from charmer.report.law import fit

RATES, SEEDS = (0.001, 0.01, 0.1), (1, 2)
BITS = {0.001: 2.0, 0.01: 1.5, 0.1: 1.8}


def write_run(results: Path, name: str, bits: float, tokens: int = 1000, parameters: int = 500) -> dict[str, str]:
    """A model and two metrics; gives the folders' names as a cell of a grid has them."""
    model = results / "models" / f"m-{name}"
    steps = pa.table({"tokens": [tokens // 2, tokens], "loss": [5.0, bits]})
    write_table(model / "metrics.parquet", steps)
    write_table(model / "held_out.parquet", pa.table({"tokens": [tokens // 2, tokens], "bits_per_byte": [3.0, bits]}))
    training = {"parameters": parameters, "tokens": tokens, "steps": 2, "seconds": tokens / 100}
    write_json(model / "training.json", {**training, "flops": 6.0 * tokens * parameters, "bits_per_byte": bits - 0.1})
    rows = {
        "bits_per_byte": [
            Row("overall", bits, (bits - 0.2, bits + 0.2), 9, "bits/byte"),
            Row("baseline=xz -9", 2.5, None, 9, "bits/byte"),
            Row("excerpt", 1.0, None, 1, "bits/byte"),
        ],
        "repetition": [Row("generated", 0.25, (0.2, 0.3), 4, "share"), Row("corpus", 0.1, None, 4, "share")],
    }
    for metric, of in rows.items():
        write_table(results / "metrics" / f"{metric}-{name}" / "table.parquet", table(metric, of))
    return {"run": name, "model": f"m-{name}", "metrics": {metric: f"{metric}-{name}" for metric in rows}}


def settings(cells: list[dict[str, Any]], axes: dict[str, list[str]]) -> dict[str, Any]:
    described = {"name": "rates", "title": "Rates <b>", "description": "What a rate is worth."}
    common = {"train.schedule": "cosine", "sources": [{"name": "one"}]}
    return {**described, "metrics": ["bits_per_byte", "repetition"], "axes": axes, "common": common, "cells": cells}


def write_grid(results: Path) -> dict[str, Any]:
    """Six runs, of which the last has neither model nor metrics."""
    cells = []
    for rate in RATES:
        for seed in SEEDS:
            written = write_run(results, f"rates-{rate:g}-{seed}", BITS[rate] + 0.01 * seed)
            point = {"train.learning_rate": f"{rate:g}", "train.seed": str(seed)}
            knobs = {"train.learning_rate": rate, "train.seed": seed}
            cells.append({"point": point, "held_out": False, "knobs": knobs, **written})
    axes = {"train.learning_rate": [f"{rate:g}" for rate in RATES], "train.seed": [str(seed) for seed in SEEDS]}
    return settings(cells, axes)


FAILED = "rates-0.1-2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    results = tmp_path_factory.mktemp("grid") / "results"
    folder = results / "grids" / "rates-0a1b2c3d"
    asked = write_grid(results)
    grid.write(folder, results, asked, {FAILED: ("train: no <memory>", False)})
    return SimpleNamespace(folder=folder, results=results, asked=asked, html=(folder / "index.html").read_text())


def test_the_table_has_a_row_a_run_with_every_knob_metric_and_cost(made: SimpleNamespace):
    table = pandas.read_parquet(made.folder / "runs.parquet")
    assert list(table["run"]) == [cell["run"] for cell in made.asked["cells"]]
    assert list(table["train.learning_rate"]) == [0.001, 0.001, 0.01, 0.01, 0.1, 0.1]
    assert set(table["train.schedule"]) == {"cosine"}
    first = table.iloc[0]
    measured = [first[f"bits_per_byte{end}"] for end in ("", ".low", ".high")]
    assert measured == pytest.approx([2.01, 1.81, 2.21])
    assert first["repetition.generated"] == 0.25
    assert (first["tokens"], first["seconds"], first["flops"], first["steps"]) == (1000, 10, 3e6, 2)
    assert "repetition.corpus" not in table and "bits_per_byte.excerpt" not in table
    assert (
        pandas.read_csv(made.folder / "runs.csv")["bits_per_byte"].tolist()[:5] == table["bits_per_byte"].tolist()[:5]
    )


def test_a_run_that_failed_keeps_its_knobs_and_its_reason_and_nothing_else(made: SimpleNamespace):
    row = pandas.read_parquet(made.folder / "runs.parquet").iloc[-1]
    assert (row["run"], row["train.seed"], row["missing"]) == (FAILED, 2, "train: no <memory>")
    assert np.isnan(row["bits_per_byte"]) and np.isnan(row["tokens"])
    assert "learning rate 0.1, seed 2 is missing." in made.html and "train: no &lt;memory&gt;" in made.html


def test_a_metric_that_failed_leaves_the_model_and_the_other_metric(tmp_path: Path):
    asked = write_grid(tmp_path)
    (tmp_path / "metrics" / f"repetition-{FAILED}" / "table.parquet").unlink()
    grid.write(tmp_path / "g", tmp_path, asked, {FAILED: ("evaluate: broke", True)})
    row = pandas.read_parquet(tmp_path / "g/runs.parquet").iloc[-1]
    assert (row["bits_per_byte"], row["missing"]) == (pytest.approx(1.82), "evaluate: broke")
    assert np.isnan(row["repetition.generated"])


def test_a_metric_that_such_a_model_cannot_have_is_said_and_the_run_is_complete(tmp_path: Path):
    asked = write_grid(tmp_path)
    write_table(tmp_path / "metrics" / f"repetition-{FAILED}" / "table.parquet", gap("It was taught none."))
    grid.write(tmp_path / "g", tmp_path, asked, {})
    assert pandas.read_parquet(tmp_path / "g/runs.parquet")["missing"].isna().all()
    html = (tmp_path / "g/index.html").read_text()
    assert "repetition: It was taught none." in html and "seed 2 is missing" not in html
    assert f"../../runs/{FAILED}/report/index.html" in html


def test_what_a_metric_keeps_under_the_name_of_cases_is_not_taken_for_cases():
    row = {"slice": "fixed", "value": 0.5, "low": 0.2, "high": 0.8, "unit": "share", "detail": {"cases": [{"id": 1}]}}
    assert headlines("repair", [row]) == {"repair.fixed": Measured(0.5, 0.2, 0.8, "share")}
    assert headlines("repair", [row])["repair.fixed"].cases is None


def test_the_page_draws_each_axis_but_the_seeds_costs_and_curves_and_fetches_nothing(made: SimpleNamespace):
    plots = re.findall(r'data-plot="([^"]+)"', made.html)
    assert plots == [
        "bits_per_byte-by-train_learning_rate",
        "repetition_generated-by-train_learning_rate",
        "held-out",
        "loss",
    ]
    assert sorted(path.stem for path in (made.folder / "plots").glob("*.svg")) == sorted(plots)
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", made.html)
    assert "Rates &lt;b&gt;" in made.html and "Rates <b>" not in made.html
    links = re.findall(r'href="(\.\./\.\./runs/[^"]+)"', made.html)
    assert links == [f"../../runs/{cell['run']}/report/index.html" for cell in made.asked["cells"][:-1]]


def test_seeds_are_drawn_as_a_band_around_their_mean(made: SimpleNamespace):
    text = re.search(r'id="plot-bits_per_byte-by-train_learning_rate">(.*?)</script>', made.html, re.DOTALL)
    assert text is not None
    drawn = json.loads(text.group(1))
    band, line, _ = drawn["layer"]
    assert (band["encoding"]["y"]["aggregate"], band["encoding"]["y2"]["aggregate"]) == ("min", "max")
    assert line["encoding"]["y"]["aggregate"] == "mean"
    assert line["encoding"]["x"]["scale"]["type"] == "log"


def test_the_text_says_each_setting_its_seeds_and_what_is_missing(made: SimpleNamespace):
    lines = (made.folder / "summary.txt").read_text().splitlines()
    assert lines[0] == "Rates <b>: 5 of 6 runs"
    told = "  1.515 bits per byte  learning rate 0.01   1 k tokens, 10 s            2 seeds: 1.510 to 1.520"
    assert lines[3] == told
    assert "  missing: learning rate 0.1, seed 2: train: no <memory>" in lines


def test_validation_chooses_and_the_page_says_the_tests_figure(made: SimpleNamespace):
    summary = json.loads((made.folder / "summary.json").read_text())
    assert summary["chosen"] == "learning rate 0.01, seed 1"
    assert summary["bits_per_byte"] == pytest.approx({"value": 1.51, "low": 1.31, "high": 1.71})
    assert "which needs 1.510 (1.310 to 1.710) on packages it never saw" in made.html


def test_columns_are_named_as_on_the_page_of_a_run():
    assert title_of("bits_per_byte") == "Bits per byte"
    assert title_of("parses.names_exist") == "Generated functions, names exist"
    assert title_of("characters_saved.characters_saved") == "Characters saved"


def test_the_front_holds_the_runs_that_no_cheaper_run_equals():
    def member(name: str, cost: float, bits: float) -> Member:
        return Member(name, {}, {}, False, {"flops": cost}, metrics={"bits": Measured(bits, None, None, "bits/byte")})

    runs = [member("dear", 9, 1.0), member("worse", 8, 1.6), member("cheap", 1, 2.0), member("middle", 4, 1.5)]
    runs.append(member("equal", 5, 1.5))
    assert [run.run for run in front(runs, "bits", "flops")] == ["cheap", "middle", "dear"]


SIZES, TOKENS = np.repeat([1e5, 4e5, 1.2e6, 2.5e6], 3), np.tile([5e5, 1e6, 2e6], 4)


def true(size, tokens):
    return 0.8 + 0.5 * (size / 5e5) ** -0.35 + 0.7 * (tokens / 1e6) ** -0.4


def test_the_law_finds_the_exponents_that_made_the_runs_and_forecasts_a_larger_one():
    noise = np.random.default_rng(0).normal(0, 0.005, len(SIZES))
    law = fit(SIZES, TOKENS, true(SIZES, TOKENS) + noise)
    assert law.values[3:] == pytest.approx((0.35, 0.4), abs=0.08)
    assert all(low <= value <= high for value, (low, high) in zip(law.values, law.intervals, strict=True))
    value, (low, high) = law.forecast(4e6, 6e6)
    assert low < true(4e6, 6e6) < high
    assert value == pytest.approx(true(4e6, 6e6), abs=0.02)
    assert high - low < 0.2


def test_a_law_of_too_few_runs_or_of_one_size_is_refused():
    with pytest.raises(ValueError, match="6 runs or more, of at least two sizes"):
        fit(SIZES[:5], TOKENS[:5], np.ones(5))
    with pytest.raises(ValueError, match="at least two sizes"):
        fit(np.full(12, 1e5), TOKENS, np.ones(12))


def test_a_grid_with_a_larger_run_tells_forecast_and_measurement(tmp_path: Path):
    cells = []
    runs = [*zip(SIZES, TOKENS, strict=True), (4e6, 6e6)]
    for number, (size, tokens) in enumerate(runs):
        written = write_run(tmp_path, f"run-{number}", float(true(size, tokens)), int(tokens), int(size))
        point = {"size": f"{size:g}", "train.budget": f"{tokens:g} tokens"}
        cells.append({"point": point, "held_out": number == len(SIZES), "knobs": {}, **written})
    axes = {"size": ["1e5", "4e5"], "train.budget": ["5e5 tokens", "1e6 tokens"]}
    grid.write(tmp_path / "g", tmp_path, settings(cells, axes))
    forecast = json.loads((tmp_path / "g/law.json").read_text())["forecast"]
    assert forecast["run"] == "run-12"
    assert forecast["measured"] == pytest.approx(true(4e6, 6e6))
    assert forecast["value"] == pytest.approx(forecast["measured"], abs=0.005)
    assert "law: forecast" in (tmp_path / "g/summary.txt").read_text()
    assert (tmp_path / "g/plots/law.svg").stat().st_size > 1000
