"""A comparison of two runs: what differs stands in it, what does not is left out, what is gone is a gap."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from charmer.common.files import read_json, write_json
from charmer.report import compare
from charmer.report.compare import APART, SAME, UNSURE, Pair, differences, samples, told, verdict
from charmer.report.difference import difference
from charmer.report.grid_table import Measured

ONE, OTHER = "laptop-0f3a9c21", "warm-11223344"


def name_metrics(results: Path, path: Path) -> None:
    """Give the folders of metrics the digest that the DAG ends their names with."""
    provenance = read_json(path)
    for folder in list((results / "metrics").iterdir()):
        folder.rename(folder.with_name(f"{folder.name}-01234567"))
        digest = provenance["sha256"].pop(f"{folder.name}/table.parquet")
        provenance["sha256"][f"{folder.name}-01234567/table.parquet"] = digest
    write_json(path, provenance)


@pytest.fixture(scope="module")
def made(report: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The finished report's run beside a second one: another rate, a metric less, another version of torch."""
    results = tmp_path_factory.mktemp("compare") / "results"
    shutil.copytree(report.results, results)
    settings = {"sources": [{"name": "stdlib"}], "train": {"learning_rate": 0.01, "seed": 1}, "vocab": {"kind": "byte"}}
    write_json(results / "runs" / ONE / "settings.json", settings)
    name_metrics(results, results / "runs" / ONE / "provenance.json")
    other = results / "runs" / OTHER
    shutil.copytree(results / "runs" / ONE, other)
    settings["train"]["learning_rate"] = 0.02
    settings["sources"].append({"name": "mine", "path": "<b>"})
    write_json(other / "settings.json", settings)
    settings["evaluate"] = {"parses": {"functions": 9}}
    write_json(other / "settings.json", settings)
    provenance = read_json(other / "provenance.json")
    provenance["versions"]["torch"] = "9.9"
    provenance["sha256"] = {
        name: "0" * 64 if name == "m-1/model.safetensors" else digest
        for name, digest in provenance["sha256"].items()
        if not name.startswith("parses")
    }
    write_json(other / "provenance.json", provenance)
    folder = results / "compare" / f"{ONE}-{OTHER}"
    compare.write(folder, results, ONE, OTHER)
    html = (folder / "index.html").read_text(encoding="utf-8")
    return SimpleNamespace(folder=folder, html=html, text=(folder / "summary.txt").read_text(), results=results)


def test_the_text_names_what_changed_and_sets_the_values_side_by_side(made: SimpleNamespace):
    lines = made.text.splitlines()
    assert lines[:2] == [f"A  {ONE}", f"B  {OTHER}"]
    assert "  train.learning_rate: 0.01 -> 0.02" in lines
    assert "  sources.mine.path: none -> <b>" in lines
    assert any(line.startswith("  torch: ") and line.endswith(" -> 9.9") for line in lines)
    assert not any("seed" in line or "stdlib" in line for line in lines)
    (bits,) = [line for line in lines if line.startswith("  Bits per byte ")]
    assert bits.split() == [
        "Bits",
        "per",
        "byte",
        "1.250",
        "1.250",
        "+0.000",
        "(-0.078",
        "to",
        "+0.078)",
    ]  # √(0.05² + 0.06²)


def test_the_page_escapes_draws_both_curves_and_fetches_nothing(made: SimpleNamespace):
    assert re.findall(r'data-plot="([^"]+)"', made.html) == ["held_out", "metrics"]
    text = re.search(r'id="plot-held_out">(.*?)</script>', made.html, re.DOTALL)
    assert text is not None
    assert set(re.findall(r'"run": "([^"]+)"', text.group(1))) == {ONE, OTHER}
    assert "<b></code>" not in made.html and "&lt;b&gt;" in made.html
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", made.html)
    assert f"../../runs/{OTHER}/report/index.html" in made.html


def test_what_one_run_alone_has_and_how_it_was_measured_are_folded_away(made: SimpleNamespace):
    open_, folded = made.html.split("1 knob of what was measured")
    assert "sources.<wbr>mine.<wbr>path" in open_ and "evaluate." not in open_
    assert "evaluate.<wbr>parses.<wbr>functions" in folded
    metrics, single = folded.split("2 values that only one of them has")
    assert "Bits per byte" in metrics and "Generated functions, compiles" not in metrics
    assert "Generated functions, compiles" in single and "Generated functions, names exist" in single
    assert "  and 2 that only one of the runs has" in made.text.splitlines()


def test_the_same_prompts_stand_side_by_side():
    one = [{"prompt": "a", "completion": "1"}, {"prompt": "b", "completion": "2"}]
    assert samples(one, [{"prompt": "b", "completion": "3"}, {"prompt": "c", "completion": "4"}]) == [
        Pair("b", "2", "3")
    ]


def value(middle: float, reach: float) -> Measured:
    return Measured(middle, middle - reach, middle + reach, "share")


def judged(one: Measured, other: Measured) -> str:
    return verdict(one, other, difference(one, other))


def test_values_differ_where_the_interval_of_their_difference_leaves_out_zero():
    assert judged(value(0.2, 0.03), value(0.3, 0.03)) == judged(value(0.3, 0.03), value(0.2, 0.03)) == APART
    assert judged(value(0.2, 0.06), value(0.29, 0.06)) == APART  # though the two intervals overlap
    assert judged(value(0.2, 0.08), value(0.3, 0.08)) == UNSURE
    assert judged(value(0.2, 0.1), value(0.2, 0.1)) == SAME
    assert judged(Measured(1, None, None, "x"), value(0.2, 0.1)) == verdict(value(0.2, 0.1), None, None) == ""


def test_a_difference_is_told_with_its_sign_and_shares_in_points():
    assert told(difference(value(0.2, 0.03), value(0.3, 0.04)), "share") == ("+10.0\u202fpp", "+5.0 to +15.0")
    bits = difference(Measured(1.5, None, None, "bits/byte"), Measured(1.25, None, None, "bits/byte"))
    assert told(bits, "bits/byte") == ("-0.250", "")


def test_differences_keep_what_only_one_side_has():
    assert differences({"a": 1, "b": 2}, {"b": 3, "c": 4}) == [Pair("a", 1, None), Pair("b", 2, 3), Pair("c", None, 4)]


def test_what_is_gone_is_a_gap_and_the_rest_is_made(made: SimpleNamespace, tmp_path: Path):
    results = tmp_path / "results"
    shutil.copytree(made.results, results)
    shutil.rmtree(results / "models")
    (results / "runs" / OTHER / "provenance.json").unlink()
    compare.write(tmp_path / "out", results, ONE, OTHER)
    html = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert html.count("Something is missing.") >= 2
    assert "The curves are missing." in html
    assert "train.<wbr>learning_<wbr>rate" in html
