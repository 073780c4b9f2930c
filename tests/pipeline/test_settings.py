"""Settings: what a person types is brought to the schema's types, checked at once, and answered by name."""

from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import knobs, merged, read, resolve

CONFIG = Path(__file__).parents[2] / "config"


def config(**override):
    return merged(read(CONFIG / "config.yaml"), override)


def complaint(**override) -> str:
    with pytest.raises(Failure) as caught:
        resolve(config(**override))
    return str(caught.value)


def test_strings_from_the_command_line_name_the_same_folder_as_numbers_from_a_file():
    from_file = resolve(config(train={"learning_rate": 0.01, "seed": 3}, pack={"dataset_mb": 20}))
    from_strings = resolve(config(train={"learning_rate": "1e-2", "seed": "3"}, pack={"dataset_mb": "20"}))
    assert from_strings == from_file
    assert Plan.of(from_strings).run.name == Plan.of(from_file).run.name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("8 minutes", "8 minutes"),
        ("8.0 minutes", "8 minutes"),
        ("1 minute", "1 minutes"),
        ("50M tokens", "50000000 tokens"),
        ("2k steps", "2000 steps"),
        ("as results/models/x/", "as results/models/x"),
    ],
)
def test_budgets_have_one_spelling(typed, meant):
    assert resolve(config(train={"budget": typed}))["train"]["budget"] == meant


@pytest.mark.parametrize("code", [["src"], "src", "[src]", "['src']", ["src/"], ["./src"], ["src/../src"]])
def test_a_persons_own_code_is_one_line_however_it_is_written(code):
    assert resolve(config(code=code))["code"] == ["src"]


def test_a_large_whole_number_comes_through_the_command_line_as_it_is():
    assert resolve(config(train={"seed": "9007199254740993"}))["train"]["seed"] == 9007199254740993


def test_a_preset_replaces_the_list_of_sources():
    settings = resolve(config(sources=[{"name": "mine", "kind": "directory", "path": "src"}]))
    assert [source["name"] for source in settings["sources"]] == ["mine"]


def test_a_wrong_value_is_answered_with_knob_value_and_what_is_allowed():
    message = complaint(vocab={"kind": "words"})
    assert "vocab.kind: 'words' is not allowed" in message
    assert "char, byte, bpe" in message


def test_an_unknown_knob_is_answered_with_the_nearest_one():
    assert "train.learning_rat: there is no such knob; did you mean train.learning_rate?" in complaint(
        train={"learning_rat": 0.1}
    )
    assert "context_length: there is no such knob; did you mean pack.context_length?" in complaint(context_length=64)
    assert "xyzzy: there is no such knob; config/README.md lists every knob" in complaint(xyzzy=1)


def test_all_complaints_come_at_once():
    message = complaint(vocab={"size": 100}, train={"clip": 0, "colour": "red"})
    assert "vocab.size: 100" in message
    assert "train.clip: 0.0" in message
    assert "train.colour" in message


@pytest.mark.parametrize(
    ("override", "knob", "allowed"),
    [
        ({"model": {"width": 250, "heads": 4}}, "model.width: 250", "an even multiple of 4, such as 248"),
        ({"model": {"width": 12, "heads": 4, "kv_heads": 2}}, "heads of size 3", "an even size"),
        ({"model": {"heads": 4, "kv_heads": 3}}, "model.kv_heads: 3", "1, 2, 4"),
        ({"pack": {"context_length": 500}, "train": {"batch_tokens": 8192}}, "pack.context_length: 500", "8000"),
        ({"curate": {"val_share": 0.5}}, "curate.val_share: 0.5", "at most 0.4"),
        ({"train": {"budget": "0 minutes"}}, "train.budget: '0 minutes' is nothing", "above 0"),
        ({"train": {"warmup": 0.7, "decay": 0.6}}, "train.warmup: 0.7", "at most 1"),
        ({"train": {"start_share": 0.2}}, "train.start_share: 0.2 would blend random weights in", "allowed: 0"),
        ({"break": {"min_lines": 9, "max_lines": 8}}, "break.min_lines: 9", "at most that"),
        ({"train": {"learning_rate": ".nan"}}, "train.learning_rate: '.nan'", "number"),
        ({"pack": {"dataset_mb": "inf"}}, "pack.dataset_mb: inf", "no number that can be used"),
        ({"code": ["~nobody-of-that-name/x"]}, "~nobody-of-that-name/x", "home"),
        ({"train.learning_rate": 0.01}, "knobs are nested, not dotted", "train: {learning_rate: ...}"),
        ({"train": {1: 2}}, "train.1: there is no such knob", "config/README.md"),
        ({"sources": [], "code": []}, "sources: is empty", "at least one source"),
        ({"sources": [{"name": "x", "kind": "directory"}]}, "'x' is of kind directory", "needs path"),
        ({"sources": [{"name": "x", "kind": "stdlib"}] * 2}, "'x' stands twice", "a name of its own"),
    ],
)
def test_a_bad_ratio_is_refused_before_any_job_starts(override, knob, allowed):
    message = complaint(**override)
    assert knob in message
    assert allowed in message


LAID_OVER = {"further": "pretrained"}  # presets that are parts of a recipe, and the rest of it


@pytest.mark.parametrize("preset", sorted((CONFIG / "presets").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_preset_is_valid_and_bears_its_own_name_or_that_of_the_one_that_it_is_laid_over(preset):
    name = LAID_OVER.get(preset.stem, preset.stem)
    written = merged(read(preset.with_stem(name)), read(preset))
    if "init_from" in written.get("train", {}):  # its model ships or not; tests/pipeline/test_start.py has one for it
        written["train"] |= {"init_from": "", "start_share": 0.0}
        written["evaluate"]["metrics"] = [one for one in written["evaluate"]["metrics"] if one != "fine_tuning"]
    assert resolve(merged(read(CONFIG / "config.yaml"), written))["name"] == name


def test_every_knob_has_one_comment_line_and_stands_in_the_readme():
    text = (CONFIG / "config.yaml").read_text(encoding="utf-8")
    readme = (CONFIG / "README.md").read_text(encoding="utf-8")
    for knob in knobs():
        last = knob.rpartition(".")[2]
        lines = [line for line in text.splitlines() if line.strip().startswith((f"{last}:", f"- {last}:"))]
        assert lines, f"config.yaml lacks {knob}"
        assert f"`{last}`" in readme, f"config/README.md lacks {knob}"
        if knob != "sources":
            assert any("#" in line or line.rstrip().endswith(":") for line in lines), f"{knob} has no comment"


def test_a_configuration_file_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("train: {learning_rate: ")
    with pytest.raises(Failure, match=r"broken\.yaml: is not valid YAML"):
        read(path)
