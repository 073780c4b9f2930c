"""The metrics on a model whose every guess is uniform, so that each figure is known beforehand."""

import ast
import json
import lzma
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation import bits_per_byte, parses, repetition, samples
from charmer.evaluation.support import heldout, writing
from charmer.evaluation.support.compressors import xz, zstd
from charmer.evaluation.support.ngrams import KneserNey
from charmer.evaluation.support.table import SCHEMA, Row, table
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache
from charmer.tokens.tokenizer import Tokenizer

UNIFORM = math.log2(Tokenizer.bytewise().vocab_size)
SAMPLING = {"max_bytes": 12, "temperature": 1.0, "seed": 3}
WRITING = SAMPLING | {"texts": 4, "max_bytes": 60}


@pytest.fixture(scope="module")
def bits(world: dict[str, Path]) -> dict[str, dict]:
    rows = bits_per_byte.evaluate(world["model"], world, {"max_mb": 1.0, "ngram_mb": 1.0}, threads=1)
    assert rows.schema == SCHEMA
    return {row["slice"]: row for row in rows.to_pylist()}


def test_a_uniform_model_needs_the_same_bits_everywhere(bits: dict[str, dict]):
    parts = [row for name, row in bits.items() if not name.startswith("baseline")]
    assert [row["value"] for row in parts] == pytest.approx([UNIFORM] * len(parts), abs=2e-3)
    assert (bits["overall"]["low"], bits["overall"]["high"]) == pytest.approx((UNIFORM, UNIFORM), abs=1e-3)
    assert bits["overall"]["cases"] == 4


def test_each_breakdown_adds_up_to_the_whole(bits: dict[str, dict], world: dict[str, Path]):
    whole = json.loads(bits["overall"]["detail"])["bytes"]
    for dimension in ("package=", "kind=", "position="):
        parts = [json.loads(row["detail"])["bytes"] for name, row in bits.items() if name.startswith(dimension)]
        assert sum(parts) == whole
    shares = [json.loads(row["detail"])["share of bits"] for name, row in bits.items() if name.startswith("kind=")]
    assert sum(shares) == pytest.approx(1.0)


def test_every_package_and_every_kind_has_its_slice(bits: dict[str, dict]):
    assert {"package=red", "package=blue", "package=green"} <= set(bits)
    assert {"kind=keyword", "kind=string", "kind=comment", "kind=number", "kind=whitespace"} <= set(bits)
    assert bits["package=red"]["cases"] == 2


def test_compressors_are_asked_about_the_same_files_one_by_one(bits: dict[str, dict], world: dict[str, Path]):
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")
    texts = [
        tokenizer.decode_bytes(document.tokens)
        for document in heldout.documents(world["test_tokens"], world["test_documents"], tokenizer, 1e6)
    ]
    expected = 8 * sum(len(lzma.compress(text, preset=9)) for text in texts) / sum(map(len, texts))
    assert bits["baseline=xz -9"]["value"] == pytest.approx(expected)
    assert 0 < bits["baseline=zstd -19"]["value"] < 8.5


def test_the_ngram_model_is_asked_about_the_same_files(bits: dict[str, dict], world: dict[str, Path]):
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")
    flat = files.open_array(world["train_tokens"])
    rows = files.read_table(world["train_documents"]).to_pylist()
    train = [flat[row["start"] : row["start"] + row["tokens"]] for row in rows]
    choices = 257  # every byte, and the end of a file
    model = KneserNey(train, tokenizer.vocab_size, choices, tokenizer.eof)
    documents = heldout.documents(world["test_tokens"], world["test_documents"], tokenizer, 1e6)
    needed = [part.sum() for part in model.bits([document.tokens for document in documents])]
    expected = sum(needed) / sum(len(document.tokens) for document in documents)
    assert bits["baseline=Kneser-Ney 5-gram"]["value"] == pytest.approx(expected)
    assert set(json.loads(bits["package=red"]["detail"])) >= {"xz -9", "zstd -19", "Kneser-Ney 5-gram"}


def test_the_n_gram_cache_is_asked_about_the_same_files_one_by_one(world: dict[str, Path], tmp_path: Path):
    shutil.copytree(world["model"], tmp_path / "model")
    cache = NgramCache((0.0,) * 4, (1.0,) * 4)
    ngram_cache.write(tmp_path / "model" / "ngram_cache.json", cache)
    rows = bits_per_byte.evaluate(tmp_path / "model", world, {"max_mb": 1.0, "ngram_mb": 1.0}, threads=1).to_pylist()
    found = {row["slice"]: row for row in rows}
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")
    documents = heldout.documents(world["test_tokens"], world["test_documents"], tokenizer, 1e6)
    expected = sum(cache.refined(one.tokens, np.full(len(one.tokens), UNIFORM)).sum() for one in documents)
    size = json.loads(found["overall"]["detail"])["bytes"]
    assert found["with n-gram cache"]["value"] == pytest.approx(expected / size, abs=2e-3)
    assert found["with n-gram cache"]["value"] < found["overall"]["value"] == pytest.approx(UNIFORM, abs=2e-3)
    green = json.loads(found["package=green"]["detail"])
    assert green["with n-gram cache"] < found["package=green"]["value"] / 2, "it is one text four times"


def test_without_the_training_text_the_ngram_model_is_left_out(world: dict[str, Path]):
    data = {name: path for name, path in world.items() if not name.startswith("train")}
    rows = bits_per_byte.evaluate(world["model"], data, {"max_mb": 1.0, "ngram_mb": 1.0}, threads=1).to_pylist()
    assert [row["slice"] for row in rows if "Kneser" in row["slice"]] == []


def test_a_smaller_dictionary_changes_nothing_for_xz():
    text = Path(bits_per_byte.__file__).read_bytes() * 3
    assert xz(text) == len(lzma.compress(text, preset=9))
    assert zstd(b"a" * 10_000) < 40


def test_the_excerpt_is_a_document_with_the_bits_of_each_piece(bits: dict[str, dict], texts: list[str]):
    detail = json.loads(bits["excerpt"]["detail"])
    text = "".join(piece for piece, _ in detail["pieces"])
    assert text in texts
    assert sum(bits for _, bits in detail["pieces"]) == pytest.approx(UNIFORM * len(text.encode()), rel=1e-3)


def test_what_the_model_saw_grows_to_the_context_and_never_falls_below_half():
    before = bits_per_byte.seen(20, 8)
    assert before[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert min(before[8:]) == 4 and max(before) == 7


def test_the_choice_of_documents_fits_the_limit_and_starts_alike(world: dict[str, Path]):
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")
    all_of = heldout.documents(world["test_tokens"], world["test_documents"], tokenizer, 1e6)
    one = heldout.documents(world["test_tokens"], world["test_documents"], tokenizer, 1)
    assert [document.path for document in one] == [all_of[0].path]
    assert tokenizer.eof not in all_of[0].tokens


def test_an_empty_split_is_named(world: dict[str, Path], tmp_path: Path):
    nothing = files.read_table(world["test_documents"]).slice(0, 0)
    files.write_table(tmp_path / "test.parquet", nothing)
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")
    with pytest.raises(Failure, match=r"test\.parquet: holds no text"):
        heldout.documents(world["test_tokens"], tmp_path / "test.parquet", tokenizer, 1e6)


WRITTEN = {
    "area": "\n    size = width * height\n    return size\n\n\ndef next():\n",
    "clip": "\n    return min(value, LIMIT)\n",
    "first": "\n    return sorted(nmaes)[0]\n",
    "join": "\n    return ''.join(parts\nx = 1\n",
}


def test_generated_functions_are_counted_as_they_are(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch):
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")

    def generate(model, tokenizer_, prompts, **knobs):
        names = [tokenizer.decode(prompt).split("(")[0].removeprefix("def ") for prompt in prompts]
        return [tokenizer.encode(WRITTEN[name]).tolist() for name in names]

    monkeypatch.setattr(writing, "generate", generate)
    knobs = {"functions": 4, "max_bytes": 1000, "temperature": 0.8, "seed": 1}
    rows = {row["slice"]: row for row in parses.evaluate(world["model"], world, knobs, threads=1).to_pylist()}
    assert {name: row["value"] for name, row in rows.items()} == {
        "compiles": 0.75,
        "names exist": 0.5,
        "ends in time": 1.0,
    }
    assert rows["compiles"]["low"] == pytest.approx(0.3006, abs=1e-4)
    judged = {function["name"]: function for function in json.loads(rows["compiles"]["detail"])["functions"]}
    assert judged["first"]["unknown"] == ["nmaes"]
    assert judged["area"]["text"].endswith("return size\n\n\n")
    assert not judged["join"]["compiles"]


def test_the_same_seed_writes_the_same_functions(world: dict[str, Path]):
    knobs = {"functions": 3, **SAMPLING}
    first = parses.evaluate(world["model"], world, knobs, threads=1)
    assert first.equals(parses.evaluate(world["model"], world, knobs, threads=1))
    assert not first.equals(parses.evaluate(world["model"], world, {**knobs, "seed": 4}, threads=1))


def test_samples_keep_prompt_and_completion(world: dict[str, Path]):
    knobs = {"prompts": ["def f():\n    ", "class A:"], **SAMPLING}
    details = [json.loads(row["detail"]) for row in samples.evaluate(world["model"], {}, knobs, threads=1).to_pylist()]
    assert [detail["prompt"] for detail in details] == ["def f():", "class A:"]
    assert all(detail["completion"].endswith("\n") for detail in details)


def test_repetition_counts_what_occurred_before():
    assert repetition.repeated(repetition.words("a b c d")) == (0, 1)
    assert repetition.repeated(repetition.words("x = 1; " * 3)) == (5, 9)
    assert repetition.repeated([]) == (0, 0)


def test_repetition_is_compared_at_equal_lengths():
    assert repetition.equal_lengths(["a b c", "d"], ["x y", "z.w"]) == ([["a", "b"], ["d"]], [["x", "y"], ["z"]])


@pytest.mark.parametrize("written", [20, 60])
def test_repetition_lies_beside_as_much_of_the_corpus(
    world: dict[str, Path], texts: list[str], monkeypatch: pytest.MonkeyPatch, written: int
):
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")
    text = "one two three four " * 9
    monkeypatch.setattr(repetition, "from_nothing", lambda *_: [tokenizer.encode(text[:written]).tolist()] * 4)
    rows = {row["slice"]: row for row in repetition.evaluate(world["model"], world, WRITING, threads=1).to_pylist()}
    grams = {name: json.loads(row["detail"])["cases"]["wholes"] for name, row in rows.items()}
    assert grams["corpus"] == grams["generated"]
    assert max(grams["generated"]) == len(text[:written].split()) - 3
    assert rows["generated"]["cases"] == rows["corpus"]["cases"] == 4


def test_a_value_that_is_no_number_is_a_defect():
    with pytest.raises(ValueError, match="overall"):
        table("m", [Row("overall", math.nan, None, 1, "share")])


def test_every_metric_module_names_its_needs_as_a_literal():
    for path in Path(bits_per_byte.__file__).parent.glob("[a-z]*.py"):
        names = {
            target.id: ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id == "NEEDS"
        }
        assert set(names["NEEDS"]) <= {
            *(f"{split}_{kind}" for split in ("train", "val", "test") for kind in ("tokens", "documents", "shards")),
            *(f"{split}_windows" for split in ("train", "val")),
            "test_broken",
            "calibration",
            "ngram_cache",
            "start",
        }, path.name
