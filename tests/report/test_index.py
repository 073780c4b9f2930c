"""The index of all runs: newest first, and not to be upset by anything that lies in the folder."""

import json
import re
from pathlib import Path

from charmer.report import index


def make_run(results: Path, name: str, written: str, value: float | None = 1.25) -> Path:
    run = results / "runs" / name
    (run / "report").mkdir(parents=True)
    (run / "report" / "index.html").write_text("page")
    figure = {"value": value, "low": 1.2, "high": 1.3, "unit": "bits/byte"}
    summary = {"headline": {"bits_per_byte": figure}, "model": {"seconds": 480.0}}
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "provenance.json").write_text(json.dumps({"written": written}))
    return run


def links(results: Path) -> list[str]:
    index.write(results)
    return re.findall(r'<a href="([^"]+)"', (results / "index.html").read_text(encoding="utf-8"))


def test_runs_are_listed_newest_first_with_relative_links(tmp_path: Path):
    make_run(tmp_path, "old-1", "2026-01-01T10:00:00+00:00")
    make_run(tmp_path, "new-2", "2026-03-01T10:00:00+00:00")
    assert links(tmp_path) == ["runs/new-2/report/index.html", "runs/old-1/report/index.html"]
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "1.250" in text and "1.200 to 1.300" in text and "2026-03-01 10:00" in text


def test_half_written_and_foreign_folders_are_named_and_left_out(tmp_path: Path):
    make_run(tmp_path, "good-1", "2026-01-01T10:00:00+00:00")
    for name, content in {"cut-1": '{"headline": {"bits', "list-1": "[1, 2]", "text-1": '{"headline": "much"}'}.items():
        make_run(tmp_path, name, "2026-01-02T10:00:00+00:00")
        (tmp_path / "runs" / name / "summary.json").write_text(content)
    (make_run(tmp_path, "pageless-1", "2026-01-02T10:00:00+00:00") / "report" / "index.html").unlink()
    (tmp_path / "runs" / "foreign <b>").mkdir()
    (tmp_path / "runs" / "a-file").write_text("x")
    (tmp_path / "runs" / "binary-1").mkdir()
    (tmp_path / "runs" / "binary-1" / "summary.json").write_bytes(b"\xff\x00")
    (tmp_path / "runs" / "folder-1" / "summary.json").mkdir(parents=True)
    assert links(tmp_path) == ["runs/good-1/report/index.html"]
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "binary-1, cut-1, folder-1, foreign &lt;b&gt;, list-1, pageless-1, text-1" in text


def test_values_of_other_types_are_shown_as_missing(tmp_path: Path):
    run = make_run(tmp_path, "odd-1", "2026-01-01T10:00:00+00:00")
    headline = {"bits_per_byte": {"value": "<b>1</b>"}, "compiles": [1], "parameters": {"value": 1e999}}
    (run / "summary.json").write_text(json.dumps({"headline": headline, "model": 3}))
    (run / "provenance.json").write_text('{"written": 12}')
    assert links(tmp_path) == ["runs/odd-1/report/index.html"]
    assert "<b>1" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_no_run_yet(tmp_path: Path):
    assert links(tmp_path) == []
    assert "No run is complete yet" in (tmp_path / "index.html").read_text(encoding="utf-8")
