"""Training that learns to mend: its table of broken code is made, read, and named by the model's settings."""

from __future__ import annotations

from charmer.common.files import read_json, read_table
from project import Project


def test_a_share_of_repair_makes_the_table_of_train_and_trains_on_it(own: Project):
    config = {"train": "{repair_share: 0.3, budget: 2 steps, evaluations: 1}"}
    result = own.snakemake("model", config=config)
    assert result.returncode == 0, result.stderr[-6000:]
    assert own.scheduled("model", config=config) == {}
    (table,) = own.folder.glob("results/broken/*/train.parquet")
    kinds = read_table(table)
    assert set(kinds["family"].to_pylist()) == {"syntax", "semantic"} and not any(kinds["withheld"].to_pylist())
    (settings,) = (
        found
        for path in own.folder.glob("results/models/*/settings.json")
        if (found := read_json(path))["train"]["repair_share"]
    )
    assert settings["break"]["train_pairs"] == 100
