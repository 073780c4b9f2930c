"""A run that starts from another model: what its folder decides, and what is refused before any job starts."""

import shutil
from pathlib import Path

import pytest
import yaml
from charmer.common.failure import Failure
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.pipeline.catalogue import Catalogue
from charmer.pipeline.plan import Plan
from charmer.pipeline.settings import merged, read, resolve
from charmer.tokens.tokenizer import Tokenizer

CONFIG = Path(__file__).parents[2] / "config"
SHAPE = {"layers": 3, "width": 48, "heads": 4, "kv_heads": 2, "hidden": 64}


@pytest.fixture
def model(tmp_path) -> Path:
    """The folder of a model with SHAPE and a vocabulary of characters."""
    tokenizer = Tokenizer.characters("äöü")
    tokenizer.save(tmp_path / "tokenizer.json")
    network = Transformer(ModelConfig(vocab_size=tokenizer.vocab_size, context_length=64, **SHAPE))
    folder.save(tmp_path / "model", network, tmp_path / "tokenizer.json")
    return tmp_path / "model"


def settings(model: Path | str, /, **override):
    override["train"] = {"init_from": str(model), **override.get("train", {})}
    return resolve(merged(read(CONFIG / "config.yaml"), override))


def test_shape_and_vocabulary_become_those_of_the_model(model):
    taken = settings(model)
    assert taken["model"] == SHAPE
    assert taken["vocab"]["kind"] == "char"
    assert taken["pack"]["context_length"] == read(CONFIG / "config.yaml")["pack"]["context_length"]
    assert settings(model, model=SHAPE, vocab={"kind": "char"}) == taken, "said again, it is the same"


def test_one_folder_however_it_is_written(model):
    assert settings(f"{model}/../model/")["train"]["init_from"] == str(model)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ({"model": {"layers": 7}}, "model.layers: 7, but the model of train.init_from, {model}, has 3; allowed: 3"),
        ({"model": {"width": 56}}, "model.width: 56, but the model of train.init_from, {model}, has 48"),
        ({"vocab": {"kind": "byte"}}, "vocab.kind: byte, but the model of train.init_from, {model}, has char"),
    ],
)
def test_a_shape_or_a_vocabulary_set_otherwise_is_refused_with_both_sides(model, override, named):
    with pytest.raises(Failure) as caught:
        settings(model, **override)
    assert named.format(model=model) in str(caught.value)


def test_a_bpe_of_another_size_is_refused(tmp_path):
    tokenizer = Tokenizer.bpe([(100, 101), (101, 102)], "gpt-2")
    tokenizer.save(tmp_path / "tokenizer.json")
    network = Transformer(ModelConfig(vocab_size=tokenizer.vocab_size, context_length=64, **SHAPE))
    folder.save(tmp_path, network, tmp_path / "tokenizer.json")
    assert settings(tmp_path)["vocab"]["size"] == tokenizer.vocab_size == 266
    with pytest.raises(Failure, match=r"vocab\.size: 8192, but the model of train\.init_from, .*, has 266"):
        settings(tmp_path, vocab={"size": 8192})


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_is_named(model, name):
    (model / name).unlink()
    with pytest.raises(Failure, match=rf"train\.init_from: {model} lacks {name}"):
        settings(model)


def test_files_of_different_models_are_refused(model):
    Tokenizer.bytewise().save(model / "tokenizer.json")
    with pytest.raises(Failure, match=r"has 264 entries and .* says 267; the files are of different models"):
        settings(model)


def test_a_copied_vocabulary_has_a_folder_of_its_own_and_its_sample_does_not_name_it(model):
    plans = [Plan.of(settings(model)), Plan.of(settings(model, vocab={"sample_mb": 3}))]
    assert plans[0].vocab == plans[1].vocab
    own = Plan.of(resolve(merged(read(CONFIG / "config.yaml"), {"vocab": {"kind": "char"}})))
    assert plans[0].vocab != own.vocab and plans[0].corpus == own.corpus


def test_what_the_folder_holds_says_whether_a_job_is_stale_and_names_nothing(model, tmp_path):
    def jobs():
        plan = Plan.of(settings(model))
        catalogue = Catalogue([plan])
        vocab = catalogue.job("vocab", plan.vocab.name, "vocab.py")
        return plan.model.name, vocab, catalogue.job("models", plan.model.name, "train.py")

    name, vocab, train = jobs()
    shutil.copytree(model, tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", model, dirs_exist_ok=True)
    assert jobs() == (name, vocab, train), "new dates alone"
    network, _ = folder.load(model)
    network.norm.weight.data += 1
    folder.save_weights(model / "model.safetensors", network)
    other, same_vocab, other_train = jobs()
    assert (other, same_vocab) == (name, vocab), "the tokenizer is what it was"
    assert train["start"].keys() == {"config.json", "tokenizer.json", "model.safetensors"}
    assert other_train != train


def test_a_training_that_would_read_what_one_before_read_is_refused(model):
    chosen = settings(model, train={"seed": 4})
    before = {section: chosen[section] for section in ("sources", "curate", "pack")} | {"train": {"seed": 4}}
    (model / "settings.1.yaml").write_text(yaml.safe_dump(before))
    with pytest.raises(Failure, match=r"train\.seed: 4 is that of .*settings\.1\.yaml, .*allowed: any other"):
        settings(model, train={"seed": 4})
    settings(model, train={"seed": 5})
    settings(model, train={"seed": 4}, pack={"dataset_mb": 7.0})
    (model / "settings.1.yaml").write_text("train: [")
    with pytest.raises(Failure, match=r"settings\.1\.yaml: holds no settings of a training"):
        settings(model, train={"seed": 5})


def test_a_model_is_fitted_to_a_persons_own_code(model, tmp_path):
    preset = merged(read(CONFIG / "config.yaml"), read(CONFIG / "presets/mine.yaml"))
    preset["train"]["init_from"] = str(model)
    with pytest.raises(Failure, match=r"code: is empty, and the run fits a model to it"):
        resolve(preset)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.py").write_text("x = 1\n" * 100)
    plan = Plan.of(resolve(preset | {"code": [str(tmp_path / "mine")]}))
    assert plan.corpus.settings["fine_tune"]["own_share"] == 0.5
    catalogue = Catalogue([plan])
    told = catalogue.job("models", plan.model.name, "train.py")["away"]
    assert "mine: 1 kB of Python are too little to fit a model to; allowed: at least fine_tune.least_kb: 200" in told
    (tmp_path / "mine/b.py").write_text("x = 1\n" * 50_000)
    assert "away" not in Catalogue([plan]).job("models", plan.model.name, "train.py")


def test_before_and_after_need_a_model_to_start_from():
    config = merged(read(CONFIG / "config.yaml"), {"evaluate": {"metrics": ["fine_tuning"]}})
    with pytest.raises(Failure, match=r"fine_tuning compares with the model of train\.init_from, which names none"):
        resolve(config)
