"""Which two runs a comparison means: folders by name or beginning, and what is said where there is no such run."""

from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.pipeline import comparison

RUNS = ("laptop-0a1b2c3d", "laptop-99887766", "seed-12345678")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for run in RUNS:
        (tmp_path / "results/runs" / run).mkdir(parents=True)
        (tmp_path / "results/runs" / run / "summary.json").write_text("{}")
    (tmp_path / "results/runs/half-00000000").mkdir()
    return tmp_path / "results"


@pytest.mark.parametrize("runs", ["laptop-0a1b2c3d,seed-12345678", "laptop-0, seed", ["laptop-0a", "seed-1"]])
def test_runs_are_named_by_their_folders_or_by_a_beginning_that_one_has(runs):
    found = comparison.named(runs)
    assert (found.one, found.other) == ("laptop-0a1b2c3d", "seed-12345678")
    assert found.folder == Path("results/compare/laptop-0a1b2c3d-seed-12345678")


@pytest.mark.parametrize(
    ("runs", "named"),
    [
        ("seed", "is not two runs; write --config runs=A,B"),
        ("laptop,seed", "'laptop' begins the names of 2 runs: laptop-0a1b2c3d, laptop-99887766; write more of one"),
        ("sead-12345678,laptop-0", "no complete run 'sead-12345678'; did you mean seed-12345678?"),
        ("half,seed", "no complete run 'half'; There are: laptop-0a1b2c3d, laptop-99887766, seed-12345678"),
        ("seed,seed-1", "are the same run, seed-12345678; name two"),
        (",seed", "no complete run ''"),
    ],
)
def test_what_is_not_two_runs_is_refused(runs, named):
    with pytest.raises(Failure) as refused:
        comparison.named(runs)
    assert named in str(refused.value)


def test_a_run_that_was_made_anew_makes_its_comparison_stale(results: Path):
    before = comparison.named("laptop-0,seed").settings
    assert comparison.named("laptop-0,seed").settings == before
    (results / "runs/seed-12345678/provenance.json").write_text('{"written": "later"}')
    assert comparison.named("laptop-0,seed").settings != before
