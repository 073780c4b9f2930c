"""What jobs ask of a cluster: by their inputs, their attempt and their settings."""

import pytest
from charmer.pipeline.demands import grown, training_gpus, training_mb, training_minutes

SETTINGS = {
    "model": {"layers": 4, "width": 192, "heads": 3, "kv_heads": 1, "hidden": 576},
    "vocab": {"kind": "bpe", "size": 4096},
    "pack": {"context_length": 512},
    "train": {
        "budget": "12 minutes",
        "batch_tokens": 4096,
        "micro_batch_tokens": 4096,
        "device": "auto",
        "ranks": "auto",
    },
}


def training(**knobs):
    return SETTINGS | {"train": SETTINGS["train"] | knobs}


def test_memory_grows_with_files_and_folders_and_doubles_with_every_attempt(tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "one.parquet").write_bytes(b"x" * 2_000_000)
    (tmp_path / "tokens.npy").write_bytes(b"x" * 1_000_000)
    inputs = [f"{tmp_path}/shards", f"{tmp_path}/tokens.npy"]
    demand = grown(2000, per_mb=8)
    assert [demand(None, inputs, attempt) for attempt in (1, 2, 3)] == [2024, 4048, 8096]


def test_a_later_attempt_asks_for_no_more_than_its_rule_may_have_and_for_no_less_than_the_first():
    most = {"scrape": 5000.0, "curate": 1500.0}
    demand = grown(2000, most=most.__getitem__)
    assert [demand(None, [], attempt, "scrape") for attempt in (1, 2, 3, 4)] == [2000, 4000, 5000, 5000]
    assert [demand(None, [], attempt, "curate") for attempt in (1, 2)] == [2000, 2000]
    assert demand(None, [], 1, "a rule that nobody asks about") == 2000


def test_what_is_not_there_yet_leaves_the_amount_open(tmp_path):
    with pytest.raises(FileNotFoundError):
        grown(2000, per_mb=8)(None, [f"{tmp_path}/none"], 1)
    assert grown(2000)(None, [f"{tmp_path}/none"], 1) == 2000


def test_the_time_of_a_training_follows_from_its_budget():
    assert training_minutes(SETTINGS, 2, 0) == 1.5 * 12 + 30
    some, more = (training_minutes(training(budget=budget), 1, 0) for budget in ("1000 steps", "8192000 tokens"))
    assert more - 30 == pytest.approx(2 * (some - 30))
    assert training_minutes(training(budget="1000 steps"), 4, 0) < some
    assert training_minutes(training(budget="1000 steps"), 4, 1) < 31


def test_a_gpu_holds_what_the_threads_of_a_processor_would_keep():
    assert training_mb(SETTINGS, 8, 1) < training_mb(SETTINGS, 1, 0) < training_mb(SETTINGS, 8, 0)


def test_gpus_are_named_by_the_knobs_of_training():
    assert training_gpus(SETTINGS) == 0
    assert training_gpus(training(device="cuda")) == 1
    assert training_gpus(training(device="cuda", ranks=4)) == 4
