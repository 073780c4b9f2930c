"""Captions in Snakemake's report: every metric's plot has words of its own, alone and over a grid."""

from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / "workflow"
SCHEMA = yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text(encoding="utf-8"))
NAMES = SCHEMA["properties"]["evaluate"]["properties"]["metrics"]["items"]["enum"]
DRAWN = [name for name in NAMES if name not in ("samples", "doctor", "bits_per_byte")]


def caption(file: str, plot: str) -> str:
    text = (WORKFLOW / "report" / file).read_text(encoding="utf-8")
    return jinja2.Template(text).render(snakemake=SimpleNamespace(wildcards={"plot": plot})).strip()


@pytest.mark.parametrize("name", DRAWN)
def test_a_run_says_what_each_metric_is(name: str):
    assert caption("plot.rst", name) != caption("plot.rst", "unheard of")


@pytest.mark.parametrize("name", ["bits_per_byte", *DRAWN])
def test_a_grid_says_what_each_metric_is(name: str):
    along, cost = (caption("grid_plot.rst", f"{name}_part-by-{axis}") for axis in ("pack_context_length", "flops"))
    assert "bands" in along and "cheapest" in cost
    assert len({along, cost, caption("grid_plot.rst", "unheard of")}) == 3


def test_curves_and_the_law_of_a_grid_have_their_captions():
    assert len({caption("grid_plot.rst", plot) for plot in ("law", "held-out", "loss", "unheard of")}) == 4
