"""Only what changed reruns: the exact jobs that `snakemake -n` schedules after each change."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
from pathlib import Path

import pytest
from charmer.pipeline.needs import needs
from charmer.pipeline.settings import merged, read, resolve
from project import ROOT, Project, module_text

SMOKE = resolve(merged(read(ROOT / "config/config.yaml"), read(ROOT / "config/presets/smoke.yaml")))
METRICS = len(SMOKE["evaluate"]["metrics"])
READERS = [metric for metric in SMOKE["evaluate"]["metrics"] if any(name.endswith("_broken") for name in needs(metric))]
TABLES = {name for metric in READERS for name in needs(metric) if name.endswith("_broken")}
REPORT = {"report": 1}
EVALUATE = {"evaluate": METRICS, **REPORT}
TRAIN = {"train": 1, "ngrams": 1, **EVALUATE}
PACK = {"pack": 2, **TRAIN}
VOCAB = {"vocab": 1, "encode": 3, **PACK}
TABLED = {"break": len(TABLES)} if TABLES else {}  # only the tables that something reads are made
BREAK = {**TABLED, "evaluate": len(READERS), **REPORT} if TABLES else {}
CURATE = {"curate": 1, **TABLED, **VOCAB}


@contextlib.contextmanager
def edited(path: Path, old: str, new: str):
    """Replace text in a file; on leaving, the file is as it was, but for its date."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    yield
    path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def source_changed(folder: Path):
    """Let a test change a source; on leaving, the source is as it was, dates included."""
    keep = folder.with_name(folder.name + ".keep")
    shutil.copytree(folder, keep)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        keep.rename(folder)


def test_nothing_changed_schedules_nothing_and_is_answered_within_five_seconds(finished: Project):
    def seconds() -> float:
        """Processor time of a dry run as a person starts it: the other tests make the clock say what it likes."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = finished.snakemake("--dry-run")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert result.returncode == 0 and "Nothing to be done" in result.stdout + result.stderr
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    spent = [seconds(), seconds()]
    assert 0.5 < min(spent) < 5, "less would be no dry run"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"curate": "{max_line_length: 400}"}, CURATE),
        ({"vocab": "{size: 600}"}, VOCAB),
        ({"vocab": "{kind: char}"}, VOCAB),
        ({"pack": "{dataset_mb: 0.05}"}, PACK),
        ({"pack": "{context_length: 64}"}, PACK),
        ({"train": "{learning_rate: 0.004}"}, TRAIN),
        ({"train": "{seed: 2}"}, TRAIN),
        ({"train": "{clip: 0.5}"}, TRAIN),
        ({"train": "{repair_share: 0.1}"}, {"break": 1, **TRAIN}),
        ({"break": "{seed: 2}"}, BREAK),
        ({"model": "{layers: 3}"}, TRAIN),
        ({"evaluate": "{bits_per_byte: {max_mb: 0.04}}"}, {"evaluate": 1, **REPORT}),
        ({"export": "{gguf_type: Q8_0}"}, {}),
        ({"scatter": "{part_mb: 400}"}, {}),  # the corpus stays one part
        ({"code": "[two/package1]"}, {"scrape": 1, **CURATE}),
    ],
    ids=str,
)
def test_a_changed_knob_schedules_its_stage_and_those_after_it(finished: Project, config, expected):
    assert finished.scheduled(config=config) == expected


def test_exports_are_made_only_when_asked_for_and_once(finished: Project):
    assert finished.snakemake("exports", config={"export": "{formats: [hf]}"}).returncode == 0
    assert len(list(finished.folder.glob("results/exports/hf-*/files/model.safetensors"))) == 1
    assert finished.scheduled("exports") == {"export": 2, "exports": 1}, "gguf and onnx"
    assert finished.scheduled("exports", config={"train": "{seed: 2}"}) == {"train": 1, "export": 3, "exports": 1}


def test_a_release_runs_what_is_missing_and_runs_whenever_it_is_asked_for(own: Project):
    """A release that was cloned is no finished work: Snakemake sees no file of it."""
    assert own.scheduled("release") == {"calibrate": 1, "release": 1}
    assert own.snakemake("release", config={"release": "{folder: shipped}"}).returncode == 0
    shipped = own.folder / "shipped"
    card = (shipped / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# smoke\n") and "--configfile shipped/settings.yaml" in card
    assert own.scheduled("release") == {"release": 1}
    assert own.scheduled() == {}


def test_two_values_of_one_rule_swapped_schedule_that_rule_and_on(finished: Project):
    # The smoke preset has 2 layers and 2 heads; 1 layer with 4 heads against 4 layers with 1 head.
    one = finished.scheduled(config={"model": "{layers: 1, heads: 4}"})
    other = finished.scheduled(config={"model": "{layers: 4, heads: 1}"})
    assert one == other == TRAIN


def test_the_same_setting_written_otherwise_schedules_nothing(finished: Project):
    assert finished.scheduled(config={"train": "{budget: 60.0 steps, seed: '1'}", "pack": "{dataset_mb: 1.0}"}) == {}


def test_going_back_to_a_setting_that_ran_before_schedules_nothing(finished: Project):
    other = {"evaluate": "{parses: {functions: 2}}"}
    assert finished.snakemake(config=other).returncode == 0
    assert finished.scheduled() == {}
    assert finished.scheduled(config=other) == {}


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("corpus/scrape.py", "def scrape(", "EXTRA = 1\n\n\ndef scrape(", {"scrape": 2, **CURATE}),
        ("corpus/curate.py", "def curate(", "EXTRA = 1\n\n\ndef curate(", CURATE),
        ("tokens/pack.py", "def pack(", "EXTRA = 1\n\n\ndef pack(", PACK),
        ("training/train.py", "def train(", "EXTRA = 1\n\n\ndef train(", TRAIN),
        ("evaluation/parses.py", "def evaluate(", "EXTRA = 1\n\n\ndef evaluate(", {"evaluate": 1, **REPORT}),
        ("report/page.py", "def write(", "EXTRA = 1\n\n\ndef write(", REPORT),
    ],
)
def test_a_module_edited_in_substance_schedules_the_stages_that_run_it(finished: Project, module, old, new, expected):
    with edited(finished.folder / "workflow/charmer" / module, old, new):
        assert finished.scheduled() == expected
    assert finished.scheduled() == {}, "the edit was undone before anything ran"


def test_comments_formatting_touched_files_and_a_branch_switched_and_back_schedule_nothing(finished: Project):
    library = finished.folder / "workflow/charmer"
    with edited(library / "tokens/pack.py", "def pack(", "# about to pack\n\n\ndef pack("):
        assert finished.scheduled() == {}
    # Switching a branch and back rewrites files with their old text: all dates are new.
    for name in ("workflow", "config", "profiles", "resources"):
        for path in (finished.folder / name).rglob("*"):
            if path.is_file():
                path.touch()
    (finished.folder / "Snakefile").touch()
    assert finished.scheduled() == {}


RESCRAPE = {"scrape": 1, **CURATE}


@pytest.mark.parametrize(
    "change",
    [
        lambda one: (one / "package0/module0.py").write_text(module_text(7), encoding="utf-8"),
        lambda one: (one / "package0/deeper").mkdir() or (one / "package0/deeper/new.py").write_text("x = 1\n"),
        lambda one: (one / "new.py").write_text("x = 1\n"),
        lambda one: (one / "package1/module1.py").unlink(),
        lambda one: (one / "a{brace}.py").write_text("x = 1\n"),
        lambda one: Path(os.fsdecode(bytes(one) + b"/caf\xe9.py")).write_text("x = 1\n"),
    ],
    ids=["edit in place", "subfolder", "add", "remove", "braces", "not UTF-8"],
)
def test_a_source_edited_on_disk_schedules_its_own_scrape_and_what_follows(finished: Project, change):
    one = finished.folder / "one"
    with source_changed(one):
        change(one)
        assert finished.scheduled() == RESCRAPE
    assert finished.scheduled() == {}


def test_byte_code_beside_a_source_schedules_nothing(finished: Project):
    one = finished.folder / "one"
    with source_changed(one):
        (one / "package0/__pycache__").mkdir()
        (one / "package0/__pycache__/module0.cpython-311.pyc").write_bytes(b"\0")
        (one / "package0/__pycache__/stray.py").write_text("x = 1\n")
        assert finished.scheduled() == {}


def test_names_with_braces_and_other_bytes_run_through_the_whole_dag(fresh: Project):
    one = fresh.folder / "one"
    (one / "a{brace}.py").write_text(module_text(1), encoding="utf-8")
    Path(os.fsdecode(bytes(one) + b"/caf\xe9.py")).write_text(module_text(2), encoding="utf-8")
    result = fresh.snakemake("corpus")
    assert result.returncode == 0, result.stderr
    import pandas

    (ledger,) = fresh.folder.glob("results/corpus/*/ledger.parquet")
    paths = set(pandas.read_parquet(ledger)["path"])
    assert {"a{brace}.py", r"caf\xe9.py"} <= paths
    assert re.search(r"[\ud800-\udfff]", "".join(paths)) is None
    assert fresh.scheduled("corpus") == {}
