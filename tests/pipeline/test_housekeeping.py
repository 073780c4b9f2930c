"""Housekeeping: only what no present configuration refers to is listed, and only that is removed."""

from pathlib import Path

from charmer.pipeline.housekeeping import Leftover, describe, leftovers, present_plans, remove

CONFIG = Path(__file__).parents[2] / "config"


def test_folders_of_present_configurations_stay_and_others_are_listed_with_sizes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plans = present_plans(CONFIG)
    kept = [plans[0].model.folder, Path("results/tokens") / plans[0].vocab.name]
    stale = [Path("results/models/old-00000000"), Path("results/checkpoints/old-00000000")]
    for number, folder in enumerate([*kept, *stale], start=1):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 1_000_000 * number)
    found = leftovers(plans)
    assert found == [Leftover(stale[1], 4_000_000), Leftover(stale[0], 3_000_000)]
    assert describe(found).splitlines()[-1].split() == ["7.0", "MB", "in", "2", "folders"]
    remove(found)
    assert [folder.exists() for folder in [*kept, *stale]] == [True, True, False, False]
    assert describe(leftovers(plans)) == "results/ holds nothing that the present configurations do not refer to"
