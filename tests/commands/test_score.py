"""`charmer score`: known bits on a uniform model, files that are refused, and the page."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from charmer import cli
from charmer.corpus import given
from charmer.evaluation.support.surprise import pieces


def score(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict]:
    assert cli.main(["score", "--threads", "1", "--json", *map(str, arguments)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_uniform_model_needs_the_same_bits_for_each_file_and_for_all(
    uniform: SimpleNamespace, code: Path, capsys: pytest.CaptureFixture[str]
):
    first, second, refused, whole = score(capsys, "--model", uniform.folder, code)
    assert [Path(line["path"]).name for line in (first, second, refused)] == ["clip.py", "latin.py", "nothing.py"]
    assert refused["refused"] == "empty"
    assert [line["bits_per_byte"] for line in (first, second, whole)] == pytest.approx([uniform.bits] * 3, abs=1e-3)
    assert second["bytes"] == len("# coding: latin-1\nname = 'Grüße <b>'\n".encode())
    assert whole["bytes"] == first["bytes"] + second["bytes"] and whole["files"] == 2


def test_a_named_file_is_read_whatever_its_name_and_counts_once(code: Path):
    rows, refused = given.read([code / "notes.txt", code, code / "clip.py"])
    assert sorted(Path(row["path"]).name for row in rows) == ["clip.py", "latin.py", "notes.txt"]
    assert [Path(one.path).name for one in refused] == ["nothing.py"]


def test_the_page_colors_every_character_and_trusts_none(uniform: SimpleNamespace, code: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    assert cli.main(["score", "--model", str(uniform.folder), "--html", str(page), str(code)]) == 0
    html = page.read_text(encoding="utf-8")
    assert "<b>'" not in html and '<span class="s7" title="&lt;  8.0 bits">&lt;</span>' in html
    assert '<span class="s6" title="ü  16.1 bits">' in html or '<span class="s7" title="ü  16.1 bits">' in html
    assert "nothing.py (empty)" in html and "prefers-color-scheme: dark" in html and "<script" not in html


def test_nothing_to_score_is_a_failure(code: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["score", str(code / "nothing.py")]) == 1
    assert "none of the paths" in capsys.readouterr().err


def test_a_token_that_ends_inside_a_character_is_shown_with_the_next():
    text = "aß!".encode()
    assert list(pieces(text, np.array([1, 1, 1, 1]), np.array([1.0, 2.0, 3.0, 4.0]))) == [
        ("a", 1.0),
        ("ß", 5.0),
        ("!", 4.0),
    ]
