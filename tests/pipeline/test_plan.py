"""The plan: folders named by exactly the settings that a stage and its ancestors depend on."""

from pathlib import Path

import pytest
import yaml
from charmer.pipeline.naming import digest, ordered
from charmer.pipeline.plan import Plan, own_sources
from charmer.pipeline.settings import merged, read, resolve
from charmer.report.page import configuration

CONFIG = Path(__file__).parents[2] / "config"
STAGES = ("sources", "corpus", "broken", "vocab", "windows", "model", "metrics", "run")


def plan(**override) -> Plan:
    return Plan.of(resolve(merged(read(CONFIG / "config.yaml"), override)))


@pytest.mark.parametrize(
    ("override", "moved"),
    [
        ({}, set()),
        ({"name": "other"}, {"run"}),
        ({"evaluate": {"bits_per_byte": {"max_mb": 0.123}}}, {"metrics", "run"}),
        ({"train": {"learning_rate": 0.5}}, {"model", "metrics", "run"}),
        ({"model": {"layers": 2}}, {"model", "metrics", "run"}),
        ({"pack": {"dataset_mb": 1}}, {"windows", "model", "metrics", "run"}),
        ({"vocab": {"size": 1024}}, {"vocab", "windows", "model", "metrics", "run"}),
        ({"curate": {"max_line_length": 99}}, set(STAGES) - {"sources"}),
        ({"code": ["src"]}, set(STAGES)),
        ({"scrape": {"notebooks": True}}, set(STAGES)),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",  # a set's text differs between processes
)
def test_a_changed_knob_moves_its_stage_and_those_after_it(override, moved):
    before, after = plan(), plan(**override)
    assert {stage for stage in STAGES if getattr(before, stage) != getattr(after, stage)} == moved


def test_one_metrics_knob_leaves_the_other_metric_where_it_is():
    before, after = plan(), plan(evaluate={"bits_per_byte": {"max_mb": 0.123}})
    kept = set(before.metrics) & set(after.metrics)
    assert {next(iter(metric.settings["evaluate"])) for metric in kept} == {
        metric for metric in before.run.settings["evaluate"] if metric != "bits_per_byte"
    }


def test_an_export_moves_with_its_model_and_with_its_own_knob():
    before, after = plan(), plan(export={"gguf_type": "Q8_0"})
    moved = [ours.name for ours, theirs in zip(before.exports, after.exports, strict=True) if ours != theirs]
    assert [name.partition("-")[0] for name in moved] == ["gguf"]
    assert before.run == after.run
    assert not set(before.exports) & set(plan(train={"seed": 2}).exports)


def test_one_more_metric_and_a_file_of_its_own_move_nothing_but_itself_and_the_run():
    listed = read(CONFIG / "config.yaml")["evaluate"]["metrics"]
    before = plan()
    after = plan(evaluate={"metrics": [*listed, "humaneval"], "humaneval": {"problems": "HumanEval.jsonl.gz"}})
    assert {stage for stage in STAGES if getattr(before, stage) != getattr(after, stage)} == {"metrics", "run"}
    (added,) = set(after.metrics) - set(before.metrics)
    assert added.name.startswith("humaneval-") and set(before.metrics) < set(after.metrics)


def test_where_a_model_ships_names_no_folder():
    assert plan() == plan(release={"folder": "elsewhere", "most_mb": 1})


def test_a_runs_configuration_names_the_run_again():
    """Also where broken code is part of its training, as its page and its release write it down."""
    settings = resolve(merged(read(CONFIG / "config.yaml"), read(CONFIG / "presets" / "pretrained.yaml")))
    run = Plan.of(settings).run
    written = yaml.safe_load(configuration(run.name, run.settings))
    written["evaluate"]["metrics"] = settings["evaluate"]["metrics"]  # their order names nothing
    assert Plan.of(resolve(merged(read(CONFIG / "config.yaml"), written))).run == run


def test_one_more_source_leaves_the_others_where_they_are():
    before, after = plan(), plan(code=["src"])
    assert set(before.sources) < set(after.sources)
    assert len(after.sources) == len(before.sources) + 1


def test_two_swapped_values_name_two_folders():
    wide, tall = plan(model={"layers": 4, "heads": 8}), plan(model={"layers": 8, "heads": 4})
    assert wide.model.name != tall.model.name


def test_the_size_of_a_bpe_vocabulary_does_not_name_a_vocabulary_of_characters():
    one, other = plan(vocab={"kind": "char", "size": 512}), plan(vocab={"kind": "char", "size": 4096})
    assert one.vocab.folder == other.vocab.folder


def test_own_directories_of_one_name_stay_apart_and_keep_their_names_whatever_stands_beside_them():
    one, other, root = (source["name"] for source in own_sources(["a/src", "b/src", "a/src", "/"]))
    assert one.startswith("own-src-")
    assert other.startswith("own-src-")
    assert root.startswith("own-code-")
    assert one != other
    assert [source["name"] for source in own_sources(["b/src", "a/src"])] == [other, one]


def test_a_run_on_own_code_bears_the_codes_name():
    assert plan(name="mine", code=["~/src/My Project/"]).run.name.startswith("mine-My-Project-")
    assert plan(name="mine", code=["a/src", "b/src", "lib"]).run.name.startswith("mine-src-lib-")
    assert len(plan(name="mine", code=["x" * 99, "y" * 99]).run.name.rpartition("-")[0]) <= 40


def test_the_text_of_a_mapping_does_not_depend_on_the_order_of_its_keys():
    assert repr(ordered({"b": [{"d": 1, "c": 2}], "a": 0})) == repr({"a": 0, "b": [{"c": 2, "d": 1}]})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1, "b": 2}) != digest({"a": 2, "b": 1})
