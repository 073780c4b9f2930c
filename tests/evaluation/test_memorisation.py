"""Memorisation: the longest shared run against brute force, and extraction by a model that knows a text by heart."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_table, write_json, write_table
from charmer.evaluation import memorisation
from charmer.evaluation.support import free_text, runs
from charmer.tokens.tokenizer import Tokenizer
from hypothesis import given
from hypothesis import strategies as st

CONTEXT = 128  # of the model
KNOBS = {"passages": 3, "texts": 2, "max_bytes": 30, "temperature": 1.0, "seed": 1}


def brute_force(texts: list[list[int]], corpus: list[int]) -> int:
    inside = {tuple(corpus[i:j]) for i in range(len(corpus)) for j in range(i + 1, len(corpus) + 1)}
    return max(
        (
            j - i
            for text in texts
            for i in range(len(text))
            for j in range(i + 1, len(text) + 1)
            if tuple(text[i:j]) in inside
        ),
        default=0,
    )


SMALL = st.lists(st.integers(0, 3), max_size=14)


@given(st.lists(SMALL, max_size=3), SMALL)
def test_the_longest_shared_run_is_found(texts: list[list[int]], corpus: list[int]):
    run = runs.longest([np.array(text, np.uint16) for text in texts], np.array(corpus, np.uint16))
    assert run.length == brute_force(texts, corpus)
    if run.length:
        assert texts[run.text][run.start :][: run.length] == corpus[run.place :][: run.length]


def test_a_run_across_two_pieces_of_the_corpus_is_found(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "PIECE", 10)
    corpus = np.arange(100, dtype=np.uint16)
    assert runs.longest([np.array([7, *range(25, 44), 7], np.uint16)], corpus) == runs.Run(19, 0, 1, 25)


@pytest.fixture
def data(world: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """The test split in both roles; four windows of 128 tokens reach all of its text."""
    tokens = len(np.load(world["test_tokens"]))
    np.save(tmp_path / "windows.npy", np.linspace(0, tokens - CONTEXT - 1, 4).astype(np.int64))
    files = {
        f"{split}_{kind}": world[f"test_{kind}"] for split in ("train", "test") for kind in ("tokens", "documents")
    }
    return {**files, "train_windows": tmp_path / "windows.npy"}


def test_text_known_by_heart_is_extracted_and_its_run_is_found(
    world: dict[str, Path], data: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    flat = np.load(world["test_tokens"]).tolist()
    tokenizer = Tokenizer.load(world["model"] / "tokenizer.json")

    def generate(network, tokenizer_, prompts, max_tokens, **sampling):
        if sampling:
            return [flat[5:35], tokenizer.encode("?" * 30).tolist()]
        begins = [next(i for i in range(len(flat)) if flat[i : i + 50] == prompt) for prompt in prompts]
        return [flat[begin + 50 : begin + 100] for begin in begins]

    for module in (memorisation, free_text):
        monkeypatch.setattr(module, "generate", generate)
    rows = {row["slice"]: row for row in memorisation.evaluate(world["model"], data, KNOBS, 1).to_pylist()}
    assert rows["extracted, training files"]["value"] == 1.0
    assert "read" not in json.loads(rows["extracted, training files"]["detail"])
    assert rows["longest run, generated"]["value"] == 30
    detail = json.loads(rows["longest run, generated"]["detail"])
    assert detail["text"] == tokenizer.decode(flat[5:35])
    assert detail["path"] == read_table(world["test_documents"])["path"][0].as_py()


def test_the_share_of_the_windows_that_training_read_stands_beside_it(
    world: dict[str, Path], data: dict[str, Path], tmp_path: Path
):
    shutil.copytree(world["model"], tmp_path / "model")
    for tokens, share in ((3 * CONTEXT, 0.75), (9 * CONTEXT, 1.0)):
        write_json(tmp_path / "model/training.json", {"tokens": tokens})
        row = memorisation.evaluate(tmp_path / "model", data, KNOBS, 1).to_pylist()[0]
        assert json.loads(row["detail"])["read"] == share


def test_text_that_no_window_reaches_is_no_training_text(world: dict[str, Path], data: dict[str, Path]):
    documents = [row for row in read_table(world["test_documents"]).to_pylist() if row["tokens"] >= 100]
    end = documents[0]["start"] + documents[0]["tokens"]
    np.save(data["train_windows"], np.array([0, end - CONTEXT]))
    rows = {row["slice"]: row for row in memorisation.evaluate(world["model"], data, KNOBS, 1).to_pylist()}
    assert rows["extracted, training files"]["cases"] == 1
    assert rows["extracted, unseen files"]["cases"] == min(len(documents), 3) > 1


def test_a_model_that_knows_nothing_gives_nothing_back(world: dict[str, Path], data: dict[str, Path]):
    rows = {row["slice"]: row for row in memorisation.evaluate(world["model"], data, KNOBS, 1).to_pylist()}
    assert rows["extracted, training files"]["value"] == 0.0
    assert rows["longest run, unseen files"]["value"] == 30


def test_a_split_of_short_files_says_so(world: dict[str, Path], data: dict[str, Path], tmp_path: Path):
    write_table(tmp_path / "short.parquet", read_table(world["test_documents"]).slice(0, 0))
    data = {**data, "train_documents": tmp_path / "short.parquet"}
    with pytest.raises(Failure, match=r"short\.parquet: holds no document of 100 tokens"):
        memorisation.evaluate(world["model"], data, KNOBS, 1)
