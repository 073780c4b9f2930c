"""The card and the notice: each figure with its interval, gaps with their reasons, and everybody named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from charmer.release import build, limits, notice


def test_the_card_shows_each_figure_with_interval_and_cases_and_a_gap_with_its_reason(released: Path):
    card = (released / "MODEL_CARD.md").read_text()
    for row in (
        "| Bits per byte | overall | 1.250 | 1.200 to 1.310 | 40 files | bits/byte |",
        "|  | beside it: xz -9 | 1.900 | 1.800 to 2.000 | 40 | bits/byte |",
        "| Generated functions | compiles | 80 % | 65 to 90 % | 40 | share |",
        "|  | names exist | 50 % | 35 to 65 % | 40 | share |",
        "| time | 1 h 02 min |",
        "| machine | a processor (A Processor), 2 threads |",
        "| here | directory | 2 | 4 | 4 kB |",
        "| compute | 1.2e+12 FLOPs in float32, 32 % of the 1 GFLOP/s that matrix products alone reached as it began |",
    ):
        assert row in card
    assert "package=unseen" not in card
    assert "| HumanEval | a gap: its file of problems was not named" in card
    assert "by heart: found (held-out text takes 3 times the bits)" in card
    assert "of the functions that it writes 80 % compile, and 50 % use only names that exist" in card
    assert "    x?[1m" in card, "what a terminal would take for a command"
    assert "Held out, and never trained on: unseen 3 (gave the figures below)" in " ".join(card.split())
    assert f"`{build.manifest.described(released, ['model.safetensors'])['model.safetensors']['sha256']}`" in card
    assert "snakemake --cores all release --configfile pretrained/settings.yaml" in card
    assert "speedrun.md" not in card and "at the commit that released this model" in card


def test_a_scaling_fit_beside_the_folder_is_linked(outputs, settings, tmp_path: Path):
    (tmp_path / "speedrun.md").write_text("## Size of the model that ships\n")
    build.release(tmp_path / "pretrained", outputs, settings, most_mb=40)
    assert (
        "[speedrun.md](../speedrun.md#size-of-the-model-that-ships)"
        in (tmp_path / "pretrained" / "MODEL_CARD.md").read_text()
    )


def test_the_notice_names_packages_licences_and_holders_and_no_name_of_theirs_is_markup(released: Path):
    text = (released / "NOTICE.md").read_text()
    assert "## first 1.2\n\nMIT. train, 2 files, 2 kB, from here.\n\n- Copyright (c) 2011-2014, Ada Example\n" in text
    assert r"## p\|\<b\>\*x\*" in text and "<b>" not in text
    assert "| MIT | 2 | 4 kB |" in text
    assert "## unseen 3\n\nMIT. test" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# Copyright 2020 The Example Authors. All Rights Reserved.\n",
            ["Copyright 2020 The Example Authors. All Rights Reserved."],
        ),
        (
            '"""Module.\n\n:copyright: Copyright 2006-2024 by Them, see AUTHORS.\n"""',
            ["copyright: Copyright 2006-2024 by Them, see AUTHORS."],
        ),
        ("# SPDX-FileCopyrightText: 2021 Ada Example\n", ["SPDX-FileCopyrightText: 2021 Ada Example"]),
        ("# Copyright (C) 2019 Ada Example <user@example.com>\n", ["Copyright (C) 2019 Ada Example"]),
        ('__copyright__ = "Copyright 2007 Ada Example"\n', ["Copyright 2007 Ada Example"]),
        ("# The above copyright notice, this list of\n# copyright notice and the following\n", []),
        ("# Copyright (c) 2019\n", []),
        ('COPYRIGHT = """This is public domain."""\n', []),
        ("x = 1\n" * 1000 + "# Copyright 2020 Too Late\n", []),
    ],
)
def test_copyright_lines_at_the_head_of_a_file(text: str, expected: list[str]):
    assert notice.statements(text) == expected


def test_what_was_not_measured_is_said_not_to_have_been():
    sentences = list(limits.bad_at({"synthesis": [], "memorisation": []}, 512, None))
    assert len(sentences) == 8 and sum("not measured" in sentence for sentence in sentences) == 5
    assert not any("None" in sentence for sentence in sentences)


@pytest.mark.parametrize(("ended", "alone", "helps"), [(0.3, 0.2, True), (0.2, 0.2, False), (0.1, 0.2, False)])
def test_a_card_claims_to_read_what_stands_behind_the_cursor_only_where_that_helps(
    ended: float, alone: float, helps: bool
):
    values = {"line": 0.0, "body": 0.0, "line, to the line's end": ended}
    values["line, to the line's end, left to right"] = alone
    rows = [
        {"slice": f"exact match, {name}", "value": value, "low": None, "high": None, "unit": "share", "cases": 9}
        for name, value in values.items()
    ]
    tables = {"fill_in_the_middle": rows}
    assert limits.fills_in(tables) is helps and not limits.fills_in({})
    sentence = next(one for one in limits.bad_at(tables, 512, None) if one.startswith("Filling in"))
    assert [int(share) for share in re.findall(r"(\d+)\W%", sentence)] == [0, 0, round(100 * ended), round(100 * alone)]


def test_a_card_says_how_far_the_model_sees_with_an_n_gram_cache_and_without():
    row = {"slice": "with n-gram cache", "value": 1.0, "low": None, "high": None, "unit": "bits/byte", "cases": 9}
    without, cached = (
        next(one for one in limits.bad_at(tables, 512, None) if one.startswith("What stands further back than 512"))
        for tables in ({}, {"bits_per_byte": [row]})
    )
    assert without.endswith("in other files, it does not see.")
    assert "its network does not see" in cached and "counts" in cached
