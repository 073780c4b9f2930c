"""The finished DAG: what each stage wrote, held against what went in."""

from __future__ import annotations

import json
import math
import re

import numpy
import pandas
import pytest
from project import Project
from safetensors.numpy import load_file


def one(project: Project, pattern: str):
    (path,) = sorted(project.folder.glob(pattern))[:1]
    return path


def test_every_file_is_accounted_for(finished: Project):
    ledger = pandas.read_parquet(one(finished, "results/corpus/*/ledger.parquet"))
    on_disk = {
        (source, path.relative_to(finished.folder / source).as_posix())
        for source in ("one", "two")
        for path in (finished.folder / source).rglob("*.py")
    }
    assert set(zip(ledger["source"], ledger["path"], strict=True)) == on_disk
    assert set(ledger["fate"]) == {"train", "val", "test"}


def test_tokens_decode_to_the_text_of_their_documents(finished: Project):
    from charmer.tokens.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(one(finished, "results/vocab/*/tokenizer.json"))
    tokens = numpy.load(one(finished, "results/tokens/*/test.npy"))
    documents = pandas.read_parquet(one(finished, "results/tokens/*/test.parquet"))
    first = documents.iloc[0]
    text = tokenizer.decode(tokens[first["start"] : first["start"] + first["tokens"]].tolist())
    source = finished.folder / first["source"] / first["path"]
    assert text.removesuffix("<|endoftext|>") == source.read_text(encoding="utf-8")


def test_training_brought_the_loss_down_from_that_of_a_uniform_guess(finished: Project):
    metrics = pandas.read_parquet(one(finished, "results/models/*/metrics.parquet"))
    assert list(metrics["step"]) == list(range(1, 61))
    assert metrics["loss"].iloc[0] == pytest.approx(math.log(512), rel=0.2)
    assert metrics["loss"].iloc[-1] < 0.8 * metrics["loss"].iloc[0]


def test_the_run_says_what_it_amounts_to(finished: Project):
    run = one(finished, "results/runs/smoke-*/summary.json").parent
    page = (run / "report/index.html").read_text(encoding="utf-8")
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert "bits per byte" in page
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"<script[^>]+src=", page) == [], "no network"
    assert re.findall(r"<(?:link|img)[^>]+(?:src|href)=[\"']https?:", markup) == [], "no network"
    assert json.loads((run / "settings.json").read_text())["train"]["budget"] == "60 steps"
    assert run.name in (finished.folder / "results/index.html").read_text(encoding="utf-8")
    weights = load_file(one(finished, "results/models/*/model.safetensors"))
    assert summary["headline"]["parameters"]["value"] == sum(weight.size for weight in weights.values())


def test_the_summary_is_printed_also_when_nothing_has_to_run_and_the_index_is_made_anew(finished: Project):
    index = finished.folder / "results/index.html"
    index.unlink()
    result = finished.snakemake()
    assert result.returncode == 0, result.stderr
    assert "Nothing to be done" in result.stderr + result.stdout
    assert "bits per byte" in result.stdout
    assert index.exists()


def test_leftovers_lists_what_no_configuration_refers_to(finished: Project):
    stray = finished.folder / "results/models/old-12345678"
    stray.mkdir()
    (stray / "model.safetensors").write_bytes(b"x" * 2_000_000)
    listed = finished.snakemake("leftovers", "--quiet", "all")
    assert "2.0 MB  results/models/old-12345678" in listed.stdout
    assert finished.folder.joinpath("results/index.html").exists()
    removed = finished.snakemake("remove_leftovers", "--quiet", "all")
    assert removed.returncode == 0, removed.stderr
    assert not stray.exists()
    assert finished.scheduled() == {}
