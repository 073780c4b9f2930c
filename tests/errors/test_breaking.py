"""Tables of broken code: real complaints, fixes that restore, splits that keep apart, the same bytes each time."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from charmer.common.failure import Failure
from charmer.common.files import read_table, write_table
from charmer.errors.breaking import make, row
from charmer.errors.cases import Case, draw
from charmer.errors.edits import Edit, apply
from charmer.errors.excerpts import excerpt
from charmer.errors.operators import Ground

SETTINGS = {"train_pairs": 60, "held_out_pairs": 60, "excerpt_kb": 0.4, "min_lines": 10, "max_lines": 60, "seed": 1}


def module(number: int) -> str:
    functions = (
        f"def f{number}_{k}(items, count):\n"
        f"    total = {k}\n"
        f"    for place, item in enumerate(items):\n"
        f"        if item.size > count and place != {number}:\n"
        f"            break\n"
        f"        total += item.value({k}, *items)\n"
        f"    return total - 1\n"
        for k in range(4)
    )
    return f'"""Module {number}."""\n\n' + "\n\n".join(functions)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    odd = ["print 'two'\n" * 20, "x = 1\n", "y = 1\r\n" * 20, f"z = '{'a' * 2000}'\n" * 20]
    texts = [*map(module, range(20)), *odd]
    rows = {"text": texts, "source": ["s"] * 24, "package": ["p"] * 24, "path": [f"m{n}.py" for n in range(24)]}
    for number in range(2):
        part = {name: values[12 * number : 12 * number + 12] for name, values in rows.items()}
        write_table(folder / f"shard-{number:05d}.parquet", pa.table(part))
    return folder


def made(shards: Path, out: Path, split: str = "test", threads: int = 1, **settings) -> Path:
    make(shards, SETTINGS | settings, split, out, threads)
    return out


def test_every_row_is_a_fault_with_the_words_of_the_interpreter_and_a_fix_that_restores(shards, tmp_path):
    rows = read_table(made(shards, tmp_path / "test.parquet")).to_pylist()
    assert len(rows) >= 50
    for found in rows:
        case = Case.of(found)
        assert apply(case.broken, case.fix) == case.original == module(int(found["path"][1:-3]))
        if found["family"] == "semantic":
            compile(case.broken, "broken", "exec")
            assert found["error"] is found["error_line"] is None
        else:
            with pytest.raises(SyntaxError) as caught:
                compile(case.broken, "broken", "exec")
            assert found["error"] == f"{type(caught.value).__name__}: {caught.value.msg}"
            assert found["error_line"] == caught.value.lineno
    assert {found["family"] for found in rows} == {"syntax", "semantic"}
    assert any(found["withheld"] for found in rows)


@pytest.mark.parametrize("split", ["train", "val"])
def test_no_withheld_operator_breaks_what_is_trained_or_chosen_on(shards, tmp_path, split):
    rows = read_table(made(shards, tmp_path / "table.parquet", split, held_out_pairs=200, train_pairs=200)).to_pylist()
    assert len(rows) > 100 and not any(found["withheld"] for found in rows)


def test_train_holds_excerpts_that_parse_by_themselves(shards, tmp_path):
    rows = read_table(made(shards, tmp_path / "train.parquet", "train")).to_pylist()
    for found in rows:
        compile(found["original"], "original", "exec")
        assert len(found["original"]) <= 400 and found["original"] in module(int(found["path"][1:-3]))


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_processes(shards, tmp_path):
    one = made(shards, tmp_path / "one.parquet").read_bytes()
    assert made(shards, tmp_path / "two.parquet", threads=2).read_bytes() == one
    assert made(shards, tmp_path / "three.parquet", seed=2).read_bytes() != one


def test_counts_are_those_asked_for_at_most_and_spread_over_the_documents(shards, tmp_path):
    rows = read_table(made(shards, tmp_path / "few.parquet", held_out_pairs=20)).to_pylist()
    assert 16 <= len(rows) <= 20 and len({found["path"] for found in rows}) >= 8


def test_a_corpus_without_a_file_that_can_be_broken_gives_an_empty_table(tmp_path):
    row = {"text": ["x = 1\n"], "source": ["s"], "package": ["p"], "path": ["m.py"]}
    write_table(tmp_path / "shards" / "shard-00000.parquet", pa.table(row))
    table = made(tmp_path / "shards", tmp_path / "none.parquet")
    assert read_table(table).num_rows == 0
    with pytest.raises(Failure, match=r"none\.parquet: holds no such broken code \(syntax\)"):
        draw(table, "syntax", 5)


def test_places_count_characters_and_lines_of_the_broken_text():
    text = "é = 1\nü = f(é, 2)\n"
    found = row(text, Edit(11, 12, "", "lost-bracket"))
    assert found["broken"] == "é = 1\nü = fé, 2)\n"
    assert (found["line"], found["column"], found["end_line"], found["end_column"]) == (2, 6, 2, 6)
    assert (found["fix"], found["error"]) == ("(", "SyntaxError: unmatched ')'")


def test_cases_are_drawn_the_same_each_time_from_every_file_in_turn(shards, tmp_path):
    table = made(shards, tmp_path / "test.parquet", held_out_pairs=120)
    cases = draw(table, "semantic", 15)
    assert cases == draw(table, "semantic", 15) == draw(table, "semantic", 1000)[:15]
    assert len({case.path for case in cases}) == 15
    assert all(case.withheld for case in draw(table, "semantic", 5, withheld=True))
    assert not any(case.withheld for case in draw(table, "semantic", 1000, withheld=False))


def test_a_damaged_table_is_named(tmp_path):
    with pytest.raises(Failure, match=r"none\.parquet: there is no such table"):
        draw(tmp_path / "none.parquet", "syntax", 1)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(Failure, match=r"bad\.parquet: is damaged"):
        draw(tmp_path / "bad.parquet", "syntax", 1)
    pq.write_table(pa.table({"kind": ["x"]}), tmp_path / "other.parquet")
    with pytest.raises(Failure, match=r"other\.parquet: lacks the columns"):
        draw(tmp_path / "other.parquet", "syntax", 1)


def test_an_excerpt_of_a_long_class_keeps_its_head_and_whole_methods():
    methods = "\n".join(f"    @cached\n    def m{k}(self):\n        return {k}\n" for k in range(20))
    text = f'import os\n\n\nclass Long(Base):\n    """Long."""\n\n{methods}'
    for seed in range(20):
        found = excerpt(Ground(text), 200, random.Random(seed))
        assert found is not None and len(found) <= 200
        compile(found, "excerpt", "exec")
        assert found.startswith("class Long(Base):\n") and "@cached\n    def m" in found
