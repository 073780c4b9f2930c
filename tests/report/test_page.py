"""A run's page: self-contained, safe against what it shows, and never silent about what is missing."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import yaml
from charmer.common.files import write_table
from charmer.evaluation.support.table import Row, gap, table
from charmer.report import page


class Reader(HTMLParser):
    """The tags of a page, its scripts, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append((self.tags[-1][1], data))
        elif self.inside != "style":
            self.text += data


@pytest.fixture(scope="module")
def read(report: SimpleNamespace) -> Reader:
    return Reader(report.html)


def test_the_page_loads_nothing_from_elsewhere(read: Reader):
    for tag, attributes in read.tags:
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert "src" not in attributes
        if tag == "a":
            assert attributes["href"].startswith(("#", "../"))
        assert not [name for name in attributes if name.startswith("on")]


def test_only_the_two_scripts_of_the_page_may_run(read: Reader):
    (policy,) = [attributes["content"] for tag, attributes in read.tags if "http-equiv" in attributes]
    code = [data for attributes, data in read.scripts if attributes.get("type") != "application/json"]
    hashes = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in code}
    assert policy.startswith("default-src 'none'")
    assert hashes == set(re.findall(r"'sha256-([^']+)'", policy))
    assert len(hashes) == 2


def test_the_library_that_draws_stands_in_the_page_once(report: SimpleNamespace):
    assert report.html.count("window.vegaEmbed=") == 1


def test_hostile_names_and_code_are_shown_and_not_obeyed(read: Reader, report: SimpleNamespace):
    assert not [tag for tag, _ in read.tags if tag == "img"]
    assert "alert('x')" not in "".join(data for attributes, data in read.scripts if "type" not in attributes)
    assert "<img src=x onerror=alert(1)>" in read.text
    assert "{{ 7 * 7 }}" in read.text


def test_every_plot_is_a_specification_and_an_svg(read: Reader, report: SimpleNamespace):
    drawn = {attributes["data-plot"] for _, attributes in read.tags if "data-plot" in attributes}
    assert drawn == {
        "corpus", "corpus_licences", "corpus_packages", "corpus_encodings", "corpus_longest_line", "corpus_mean_line",
        "corpus_duplicates",
        "held_out", "loss", "learning_rate", "gradient_norm", "tokens_per_second",
        "compressors", "packages", "kinds", "shares", "positions", "parses",
    }  # fmt: skip
    for attributes, data in read.scripts:
        if (attributes.get("id") or "").startswith("plot-"):
            assert json.loads(data)["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    for name in drawn:
        root = ElementTree.parse(report.run / "report" / "plots" / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_headline_comes_first_with_its_intervals(read: Reader):
    text = " ".join(read.text.split())
    assert text.index("1.250") < text.index("Corpus")
    for expected in ("1.200 to 1.310", "1.900", "65 to 90 %", "80 %", "1.23 M"):
        assert expected in text


def test_the_page_says_what_its_figures_were_measured_on(report: SimpleNamespace, tmp_path: Path):
    rows = {
        "synthesis": Row("pass@1", 0.125, (0.1, 0.15), 30, "share"),
        "line_completion": Row("exact match", 0.25, (0.2, 0.3), 60, "share"),
    }
    for name, row in rows.items():
        write_table(tmp_path / f"{name}.parquet", table(name, [row]))
    inputs = {**report.inputs, **{f"metric_{name}": tmp_path / f"{name}.parquet" for name in rows}}
    run = tmp_path / "runs" / "x-1"
    page.write(run, inputs, {"sources": [{"name": "mine", "kind": "directory", "own": True}]})
    html = (run / "report" / "index.html").read_text(encoding="utf-8")
    labels = re.findall(r"<dt>(.*?)</dt>", html[: html.index("</dl>")])
    assert [label.split()[-1] for label in labels] == ["code", "compile", "exactly", "(pass@1)"]
    own, packages = (" ".join(Reader(text).text.split()) for text in (html, report.html))
    assert "on packages, and of your own code files, that training never saw; pass@1 on problems with tests" in own
    assert "on packages that training never saw." in packages


def test_a_run_that_went_on_from_a_model_says_so(report: SimpleNamespace, tmp_path: Path):
    page.write(tmp_path / "x-1", report.inputs, {"train": {"init_from": "resources/pretrained"}})
    told = " ".join(Reader((tmp_path / "x-1/report/index.html").read_text(encoding="utf-8")).text.split())
    assert "which went on from resources/pretrained with" in told and "is not counted here" in told
    assert "went on from" not in Reader(report.html).text


def test_a_guess_is_colored_by_the_metrics_own_verdict(report: SimpleNamespace, tmp_path: Path):
    guesses = (("x", False), ("y", True))
    examples = [{"before": "", "rest": "x", "guess": guess, "right": right} for guess, right in guesses]
    found = table("fill_in_the_middle", [Row("exact match, line", 0.5, None, 2, "share", {"examples": examples})])
    write_table(tmp_path / "table.parquet", found)
    page.write(tmp_path / "runs/x-1", {"metric_fill_in_the_middle": tmp_path / "table.parquet"}, {})
    html = (tmp_path / "runs/x-1/report/index.html").read_text(encoding="utf-8")
    assert '<td class="no"><code>x</code>' in html and '<td class="yes"><code>y</code>' in html


def test_examples_of_any_form_stand_in_a_table(report: SimpleNamespace, tmp_path: Path):
    alarm = {"path": "a.py", "end_line": 3, "suggestion": None, "written": "x<y"}
    found = table("false_alarms", [Row("per 500 lines", 4.0, None, 18, "alarms", {"examples": [alarm]})])
    write_table(tmp_path / "table.parquet", found)
    page.write(tmp_path / "runs/x-1", {"metric_false_alarms": tmp_path / "table.parquet"}, {})
    html = (tmp_path / "runs/x-1/report/index.html").read_text(encoding="utf-8")
    assert "<th>end line</th><th>path</th><th>suggestion</th><th>written</th>" in html
    assert "<code>a.py</code>" in html and "<code>x&lt;y</code>" in html and "<code>None</code>" not in html


def test_what_training_read_and_why_there_is_no_interval_are_said(report: SimpleNamespace, tmp_path: Path):
    rows = [
        Row("extracted, training files", 0.02, (0.0, 0.07), 100, "share", {"read": 0.75}),
        Row("longest run, generated", 37.0, None, 32, "tokens", {"no_interval": "none: a maximum"}),
    ]
    write_table(tmp_path / "table.parquet", table("memorisation", rows))
    page.write(tmp_path / "runs/x-1", {"metric_memorisation": tmp_path / "table.parquet"}, {})
    text = " ".join(Reader((tmp_path / "runs/x-1/report/index.html").read_text(encoding="utf-8")).text.split())
    assert re.search(r"Training had read 75\s% of the windows", text) and "none: a maximum" in text


def test_own_code_is_told_from_what_passed_the_licence_gate(report: SimpleNamespace):
    cells = re.findall(r"<td>(unknown[^<]*)</td>", report.html)
    assert sorted(cells) == ["unknown", "unknown; your own code, exempt from the licence gate"]


def test_a_metric_that_failed_is_a_named_gap(read: Reader):
    assert "This metric's table is missing. was not measured" in " ".join(read.text.split())


def test_the_summary_holds_the_headline_the_samples_and_the_paths(report: SimpleNamespace):
    headline = report.summary["headline"]
    assert headline["bits_per_byte"] | {"label": ""} == {
        "name": "bits_per_byte", "label": "", "value": 1.25, "low": 1.2, "high": 1.31, "unit": "bits/byte",
        "beside": "xz -9: 1.900",
    }  # fmt: skip
    assert headline["names_exist"]["value"] == 0.5
    assert report.summary["samples"][0] == {"prompt": "def f(x):\n", "completion": "    return x\n"}
    assert report.summary["paths"]["model"] == "../../models/m-1"
    assert report.summary["model"]["bytes"] == len(b"weights")
    assert (report.run / report.summary["paths"]["report"]).exists()


def test_the_configuration_beside_the_page_makes_the_same_run(report: SimpleNamespace):
    config = yaml.safe_load((report.run / "config.yaml").read_text(encoding="utf-8"))
    assert config["name"] == "laptop"
    assert config["evaluate"]["metrics"] == ["bits_per_byte", "parses", "samples", "calibration"]
    assert config["train"] == {"learning_rate": 0.01}
    assert f"--configfile results/runs/{report.run.name}/config.yaml" in report.html


def test_times_and_digests_stand_in_the_provenance_alone(report: SimpleNamespace):
    origin = json.loads((report.run / "provenance.json").read_text(encoding="utf-8"))
    assert origin["sha256"]["m-1/model.safetensors"] == hashlib.sha256(b"weights").hexdigest()
    assert origin["stages"] == [{"stage": "bits_per_byte", "seconds": 12.5, "memory_mb": 900.0}]
    assert origin["written"][:10] not in (report.run / "summary.json").read_text(encoding="utf-8")


def test_a_run_that_left_nothing_still_has_a_page(tmp_path: Path):
    run = tmp_path / "results" / "runs" / "x-1"
    page.write(run, {"metric_parses": tmp_path / "absent.parquet"}, {"evaluate": {"bits_per_byte": {}, "parses": {}}})
    text = Reader((run / "report" / "index.html").read_text(encoding="utf-8")).text
    assert text.count("is missing.") >= 6
    assert "absent.parquet: there is no such file" in text
    assert json.loads((run / "summary.json").read_text())["headline"]["bits_per_byte"]["value"] is None


def test_a_damaged_table_costs_its_own_section_only(report: SimpleNamespace, tmp_path: Path):
    damaged = tmp_path / "table.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    page.write(tmp_path / "runs" / "x-1", {**report.inputs, "metric_parses": damaged}, {})
    text = Reader((tmp_path / "runs" / "x-1" / "report" / "index.html").read_text(encoding="utf-8")).text
    assert "is damaged" in text and "1.250" in text


def test_files_of_another_version_are_gaps(report: SimpleNamespace, tmp_path: Path):
    odd = tmp_path / "odd.json"
    odd.write_text('{"something": "else"}')
    inputs = {
        **report.inputs,
        "statistics": odd,
        "counts": odd,
        "card": odd,
        "packages": report.inputs["metric_parses"],
    }
    page.write(tmp_path / "runs" / "x-1", inputs, {})
    text = Reader((tmp_path / "runs" / "x-1" / "report" / "index.html").read_text(encoding="utf-8")).text
    assert text.count("odd.json: is not what this version writes") == 2
    assert "lacks the columns" in text and "1.250" in text


def test_a_metric_that_could_not_be_measured_says_why(report: SimpleNamespace, tmp_path: Path):
    write_table(tmp_path / "table.parquet", gap("The model never saw such code."))
    page.write(tmp_path / "runs" / "x-1", {**report.inputs, "metric_infilling": tmp_path / "table.parquet"}, {})
    text = Reader((tmp_path / "runs" / "x-1" / "report" / "index.html").read_text(encoding="utf-8")).text
    assert "This metric's table is missing. The model never saw such code." in text


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.slow
def test_a_model_that_a_compressor_beats_is_warned_of_in_its_own_words(report: SimpleNamespace, tmp_path: Path):
    rows = [
        Row("overall", 2.29, None, 1, "bits/byte", {"bytes": 10}),
        Row("baseline=xz -9", 2.07, None, 1, "bits/byte"),
    ]
    write_table(tmp_path / "table.parquet", table("bits_per_byte", rows))
    page.write(tmp_path / "runs/x-1", {**report.inputs, "metric_bits_per_byte": tmp_path / "table.parquet"}, {})
    html = (tmp_path / "runs/x-1/report/index.html").read_text(encoding="utf-8")
    assert "The model needs more bits than xz -9, which knows no Python: 30 tokens in 2" in html


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_a_browser_draws_every_plot(report: SimpleNamespace, tmp_path: Path):
    assert BROWSER is not None
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += f"--disable-component-update --disable-sync --user-data-dir={tmp_path} --window-size=1280,9000 "
    flags += "--virtual-time-budget=60000 --enable-logging=stderr --dump-dom"
    url = (report.run / "report" / "index.html").as_uri()
    done = subprocess.run([BROWSER, *flags.split(), url], capture_output=True, text=True, timeout=180, check=True)
    assert "Content Security Policy" not in done.stderr
    assert 'data-drawn="18"' in done.stdout
