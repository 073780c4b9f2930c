"""Characters saved: what typing costs beside a model whose every suggestion is known."""

import json
import shutil
from pathlib import Path

import pytest
from charmer.evaluation import characters_saved
from charmer.evaluation.characters_saved import Line
from charmer.evaluation.support import writing
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer

KNOBS = {"lines": 12, "max_bytes": 30, "context_bytes": 90}


class Oracle:
    """Stands for `generate`: suggests, behind a text that ends in a key, what the key stands for; else "?"."""

    def __init__(self, suggestions: dict[str, str]) -> None:
        self.suggestions, self.asked = suggestions, []

    def __call__(self, network, tokenizer, prompts, max_tokens, begins, until, ngrams, given):
        assert not any(begins)  # bytes need no healing
        assert len(given) == len(prompts)
        outputs = []
        for row, prompt in enumerate(prompts):
            text = tokenizer.decode(prompt)
            self.asked.append(text)
            wanted = next((rest for end, rest in self.suggestions.items() if text.endswith(end)), "?\n")
            tokens: list[int] = []
            for token in tokenizer.encode(wanted).tolist()[:max_tokens]:
                tokens.append(token)
                if until(row, tokens):
                    break
            outputs.append(tokens)
        return outputs


def typed(monkeypatch: pytest.MonkeyPatch, text: str, suggestions: dict[str, str]) -> tuple[Line, list[str]]:
    """A line typed to its end, and the texts at which the model was asked."""
    oracle = Oracle(suggestions)
    monkeypatch.setattr(writing, "generate", oracle)
    tokenizer, line = Tokenizer.bytewise(), Line("a.py", "\n", text)
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 128))
    characters_saved.ask(network, tokenizer, None, [line], max_bytes=30)
    return line, [asked.removeprefix("\n") for asked in oracle.asked]


def test_a_suggestion_of_the_whole_rest_saves_all_but_the_tab(monkeypatch):
    line, asked = typed(monkeypatch, "return size", {"\n": "ret!\n", "retu": "rn size\nmore"})
    assert (line.typed, line.saved) == (4, len("rn size") - 1)
    assert asked == ["return size"[:place] for place in range(10)]  # after every character but the last


def test_the_first_suggestion_of_the_whole_rest_is_taken(monkeypatch):
    line, _ = typed(monkeypatch, "abcdef", {"ab": "cdef\n", "abcd": "ef\n"})
    assert (line.typed, line.saved) == (2, 3)


def test_less_than_the_whole_rest_is_not_taken(monkeypatch):
    line, _ = typed(monkeypatch, "ab cd", {"\n": "ab\n", "ab ": "cd e\n"})
    assert (line.typed, line.saved) == (None, 0)


def test_a_suggestion_that_never_ends_its_line_is_not_taken(monkeypatch):
    line, _ = typed(monkeypatch, "x" * 30, {"\n": "x" * 50, "x": "x" * 50})
    assert line.typed is None


def test_characters_beyond_ascii_count_once(monkeypatch):
    line, _ = typed(monkeypatch, "x = 'Größe'", {"\n": "x = 'Gräben'\n", "Grö": "ße'\n"})
    assert (line.typed, line.saved) == (len("x = 'Grö"), 2)


def test_the_prompts_of_a_line_begin_at_one_token_and_leave_room():
    tokenizer = Tokenizer.bytewise()
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 128))
    line = Line("a.py", "b" * 200 + "\n", "def")
    prompts = [prompt for prompt, _ in characters_saved._prompts(network, tokenizer, line, max_bytes=30)]
    assert [len(prompt) for prompt in prompts] == [128 - 33, 128 - 32]
    assert tokenizer.decode(prompts[1]).endswith("b\nd") and prompts[1][:-1] == prompts[0]


def test_the_network_reads_the_nearest_bytes_alone():
    tokenizer = Tokenizer.bytewise()
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 128))
    line = Line("a.py", "far\nnear\n", "def", reach=5)
    (first, _), _ = characters_saved._prompts(network, tokenizer, line, max_bytes=30)
    assert tokenizer.decode(first) == "near\n"


def test_the_table_counts_newlines_and_blank_lines_as_typed():
    lines = [Line("a", "", "abcd", typed=1), Line("a", "", ""), Line("b", "", "xyz")]
    saved, finished = characters_saved.rows(lines)
    assert saved.value == pytest.approx(2 / (5 + 1 + 4)) and saved.cases == 3
    assert (finished.value, finished.cases) == (0.5, 2)
    taken, by_hand = saved.detail["examples"]
    assert taken == {"before": "a", "rest": "bcd", "guess": "bcd", "right": True, "path": "a"}
    assert by_hand == {"before": "xyz", "rest": "", "guess": "", "right": False, "path": "b"}


def test_lines_are_the_same_each_time_and_spread_over_files(world: dict[str, Path], texts: list[str]):
    lines = characters_saved.held_out(world["test_shards"], 4, reach=30)
    assert lines == characters_saved.held_out(world["test_shards"], 4, reach=30)
    assert len({line.path for line in lines}) == 4
    assert max(len(line.before) for line in lines) > 30, "the n-gram cache counts all of it, the network reads the end"
    for line in characters_saved.held_out(world["test_shards"], 1000, reach=10_000):
        assert any(text.startswith(line.before + line.text + "\n") for text in texts)


def test_a_model_that_knows_nothing_saves_nothing(world: dict[str, Path]):
    table = characters_saved.evaluate(world["model"], world, KNOBS, threads=1).to_pylist()
    rows = {row["slice"]: row for row in table}
    assert rows["characters saved"]["value"] == rows["lines finished"]["value"] == 0
    assert json.loads(rows["characters saved"]["detail"])["examples"][0]["guess"] == ""


def test_what_stands_in_the_file_already_is_suggested_by_its_n_gram_cache(world: dict[str, Path], tmp_path: Path):
    """The network knows nothing, so whatever is saved comes of the file's own repetitions."""
    shutil.copytree(world["model"], tmp_path / "model")
    ngram_cache.write(tmp_path / "model" / "ngram_cache.json", NgramCache((-3.0,) * 8, (1.0,) * 8))
    table = characters_saved.evaluate(tmp_path / "model", world, KNOBS | {"lines": 40}, threads=1).to_pylist()
    rows = {row["slice"]: row["value"] for row in table}
    assert rows["characters saved"] > 0 and rows["lines finished"] > 0
    assert rows["characters saved, network alone"] == rows["lines finished, network alone"] == 0
