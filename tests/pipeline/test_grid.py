"""Grids: what is laid over what, and every way in which a grid's file can be wrong, refused before a job starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from charmer.common.failure import Failure
from charmer.common.nested import flattened, nested
from charmer.pipeline import gaps, grid
from charmer.pipeline.grid import Grid
from charmer.pipeline.housekeeping import leftovers

CONFIG = Path(__file__).parents[2] / "config"
AXES = {"pack.context_length": [64, 128], "train.seed": [1, 2]}
TINY = {"name": "tiny", "title": "Tiny", "base": "smoke", "axes": AXES}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A folder of configuration with no grid yet."""
    shutil.copytree(CONFIG, tmp_path / "config", ignore=shutil.ignore_patterns("grids"))
    (tmp_path / "config/grids").mkdir()
    return tmp_path / "config"


def load(config: Path, overrides: dict | None = None, /, **change) -> Grid:
    written = {key: value for key, value in {**TINY, **change}.items() if value is not None}
    (config / "grids/tiny.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    return grid.named("tiny", config, overrides)


def refusal(config: Path, **change) -> str:
    with pytest.raises(Failure) as refused:
        load(config, **change)
    return str(refused.value)


def test_dotted_names_and_nested_settings_are_the_same():
    settings = {"train": {"seed": 1, "more": {"a": [1, 2]}}, "name": "x", "none": {}}
    flat = {"train.seed": 1, "train.more.a": [1, 2], "name": "x", "none": {}}
    assert flattened(settings) == flat
    assert nested(flat) == settings


def test_the_full_product_is_run_and_shares_what_its_cells_have_in_common(config: Path):
    found = load(config)
    points = [(cell.point["pack.context_length"], cell.point["train.seed"]) for cell in found.cells]
    assert points == [("64", "1"), ("64", "2"), ("128", "1"), ("128", "2")]
    for stage, variants in {"corpus": 1, "vocab": 1, "windows": 2, "model": 4, "run": 4}.items():
        assert len({getattr(plan, stage) for plan in found.plans}) == variants, stage
    assert found.plans[0].run.name.startswith("tiny-64-1-")
    assert found.metrics == ("bits_per_byte", "repetition")
    assert found.points()[3] == {"context_length": "128", "seed": "2"}
    assert found.cell({"context_length": "64", "seed": "2"}) is found.cells[1]


def test_a_cell_is_the_run_that_the_same_settings_give_without_a_grid(config: Path):
    from charmer.pipeline.plan import Plan
    from charmer.pipeline.settings import merged, read, resolve

    preset = merged(read(config / "config.yaml"), read(config / "presets/smoke.yaml"))
    alone = Plan.of(resolve(merged(preset, {"pack": {"context_length": 64}, "train": {"seed": 2}})))
    assert load(config).cells[1].plan.model == alone.model


def test_axes_stand_over_the_command_line_that_over_the_grids_settings_and_those_over_the_preset(config: Path):
    written = {"settings": {"train": {"clip": 0.25, "warmup": 0.125}}}
    found = load(config, {"train": {"seed": 9, "warmup": 0.5}}, **written)
    train = found.cells[1].plan.model.settings["train"]
    assert (train["seed"], train["warmup"], train["clip"], train["budget"]) == (2, 0.5, 0.25, "60 steps")


def test_what_is_measured_is_the_grids_to_say_and_not_a_presets(config: Path):
    preset = {"evaluate": {"metrics": ["parses"]}}
    assert load(config, preset).metrics == ("bits_per_byte", "repetition")
    assert grid.named("tiny", config, preset, preset).metrics == ("parses",)


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ({"train": {"seed": 9}}, "--config train.seed: has no effect: it is on an axis"),
        ({"name": "x"}, "--config name"),
    ],
    ids=str,
)
def test_a_knob_on_the_command_line_that_would_have_no_effect_is_refused(config: Path, typed, named):
    load(config)
    with pytest.raises(Failure, match=named):
        grid.named("tiny", config, typed, typed)
    assert grid.named("tiny", config, {"train": {"clip": 0.5}}, {"train": {"clip": 0.5}}).cells


def test_runs_that_train_side_by_side_are_not_timed_by_the_clock(config: Path):
    timed = load(config, settings={"train": {"budget": "2 minutes"}})
    with pytest.raises(Failure, match=r"tiny\.yaml: train\.budget: 2 minutes, but the runs train side by side"):
        grid.check_clock(timed, cores=2)
    grid.check_clock(timed, cores=1)
    grid.check_clock(load(config), cores=2)


def test_labels_set_several_knobs_and_a_listed_table_runs_as_it_stands(config: Path):
    sizes = {"small": {"model.layers": 1, "model.width": 32}, "2x64": {"model.layers": 2}}
    bundled = load(config, axes={"size": sizes})
    assert [cell.point for cell in bundled.cells] == [{"size": "small"}, {"size": "2x64"}]
    assert bundled.cells[0].plan.model.settings["model"]["width"] == 32
    rows = [{"train.seed": 1, "train.clip": 1.0}, {"train.seed": 2, "train.clip": 1.0}]
    listed = load(config, axes=None, cells=rows)
    assert [cell.point for cell in listed.cells] == [{"train.seed": "1"}, {"train.seed": "2"}]


def test_the_larger_run_is_one_more_cell_that_is_held_out(config: Path):
    found = load(config, forecast={"model.layers": 6})
    assert [cell.held_out for cell in found.cells] == [False] * 4 + [True]
    assert found.cells[-1].plan.run.name.startswith("tiny-forecast-")
    assert found.axes == {"pack.context_length": ("64", "128"), "train.seed": ("1", "2")}


def test_settings_say_each_knob_once_where_cells_share_it(config: Path):
    settings = load(config).settings
    assert settings["common"]["model.layers"] == 2
    assert [cell["knobs"] for cell in settings["cells"]][1] == {"pack.context_length": 64, "train.seed": 2}
    assert not {"pack.context_length", "train.seed"} & set(settings["common"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            {"axes": {"pack.contextlength": [64]}},
            "pack.contextlength: there is no such knob; did you mean pack.context_l",
        ),
        ({"axes": {"learning_rate": [1]}}, "learning_rate: there is no such knob; did you mean train.learning_rate?"),
        ({"axes": {"size": {"big": {"model.widht": 1}}}}, "did you mean model.width?"),
        ({"axes": {"train.seed": [1, -1]}}, "the cell (train.seed: -1): train.seed: -1 is not allowed"),
        ({"axes": {"model.heads": [2, 3]}}, "the cell (model.heads: 3): model.width: 64 does not divide among"),
        ({"axes": {"pack.dataset_mb": [1, 1.0]}}, "are one run; leave one out"),
        ({"axes": {"train.seed": 1}}, "axes.train.seed: 1 is no axis; write a list of values"),
        ({"axes": None}, "has no cells: name axes with their values"),
        ({"base": "laptob"}, "base: there is no preset 'laptob'; there are: further, gpu, laptop, "),
        ({"axis": {}}, "axis: a grid has no such part; did you mean axes?"),
        ({"metrics": ["bits"]}, "evaluate.metrics.0: 'bits' is not allowed"),
        ({"settings": {"train": {"sed": 1}}}, "train.sed: there is no such knob; did you mean train.seed?"),
        (
            {"settings": {"evaluate": {"metrics": ["parses"]}}},
            "settings.evaluate.metrics: has no effect: write `metrics:`",
        ),
        ({"settings": {"name": "mine"}}, "settings.name: has no effect: each cell is named by the grid"),
        ({"title": None}, "'title' is a required property"),
    ],
    ids=str,
)
def test_a_wrong_grid_is_refused_by_the_name_of_what_is_wrong(config: Path, change, named):
    message = refusal(config, **change)
    assert message.startswith(f"{config}/grids/tiny.yaml: ")
    assert named in message


def test_what_is_wrong_with_every_cell_is_said_once(config: Path):
    assert refusal(config, settings={"model": {"heads": 3}}).count("model.width") == 1


def test_two_grids_of_one_name_and_a_name_that_no_grid_has_are_refused(config: Path):
    load(config)
    with pytest.raises(Failure, match="there is no grid 'tinny'; did you mean tiny"):
        grid.named("tinny", config)
    shutil.copy(config / "grids/tiny.yaml", config / "grids/zother.yaml")
    with pytest.raises(Failure, match=r"zother.yaml: .*tiny.yaml is named 'tiny' too"):
        grid.named("tiny", config)


@pytest.mark.parametrize("file", sorted((CONFIG / "grids").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_grids_that_ship_are_right(file: Path):
    found = grid.load(file, CONFIG)
    assert found.name == file.stem
    assert len(found.cells) >= 5
    grid.check_clock(found, cores=8)


def test_what_a_grid_refers_to_is_not_left_over(config: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = load(config)
    one, other = (plan.run for plan in found.plans[:2])
    kept = [found.folder, found.plans[3].model.folder, one.folder, Path(f"results/compare/{one.name}-{other.name}")]
    stale = [Path("results/compare/a-1-b-2"), Path("results/grids/tiny-00000000")]
    for folder in [*kept, *stale]:
        folder.mkdir(parents=True)
    assert [leftover.folder for leftover in leftovers([], [found])] == stale


def test_a_gap_names_the_first_stage_that_left_nothing_and_its_reason(config: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = load(config).plans[0]
    written = [path for _, _, path, _ in gaps._outputs(plan)]
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert gaps.gap(plan) is None
    (plan.metrics[1].folder / "table.parquet").unlink()
    (plan.metrics[1].folder / "evaluate.log").write_text("10:00:00 a line\n10:00:01 error: too few texts\n")
    found = gaps.gap(plan)
    assert found is not None
    assert (found.reason, found.has_model) == ("evaluate: too few texts", True)
    (plan.model.folder / "model.safetensors").unlink()
    found = gaps.gap(plan)
    assert found is not None
    assert (found.reason, found.has_model) == ("train: has not run", False)
    (plan.model.folder / "train.log").write_text("10:00:00 step 1\n")
    assert "ended without a word" in str(gaps.gap(plan))
