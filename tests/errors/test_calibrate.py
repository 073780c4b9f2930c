"""Which sound code sets the threshold of `check`."""

import pyarrow as pa
import pytest
from charmer.common.failure import Failure
from charmer.common.files import write_table
from charmer.errors import calibrate, examples

NAMES = [f"p{number}" for number in range(40)]
APART = [name for name in NAMES if examples.apart(name)]
TEXT = "x = 1\n" * 100


def shards(folder, rows):
    names = ("source", "package", "path", "text")
    write_table(
        folder / "shard-00000.parquet", pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    )
    return folder


def test_of_the_training_split_only_packages_that_set_no_weight_are_read_and_of_each_a_few_lines(tmp_path):
    rows = [("s", name, f"{name}/{number}.py", TEXT) for name in NAMES for number in range(6)]
    found = calibrate.known(shards(tmp_path, rows))
    assert 0 < len(APART) < calibrate.PACKAGES
    assert sorted({package for package, *_ in found}) == sorted(APART)
    assert all(sum(package == name for package, *_ in found) == 3 for name in APART), "three times 101 lines of 400"
    assert all(path.startswith(f"{package}/") and text == TEXT for package, path, text in found)


def test_what_does_not_parse_or_is_empty_or_has_other_ends_of_lines_is_left_out(tmp_path):
    texts = {"broken": "(", "empty": "\n", "returns": "x = 1\r\n", "sound": "x = 1\n"}
    rows = [("s", "p", f"{name}.py", text) for name, text in texts.items()]
    assert calibrate.sound(shards(tmp_path, rows), 100) == [("p", "sound.py", "x = 1\n")]
    with pytest.raises(Failure, match="no text that parses"):
        calibrate.sound(shards(tmp_path, rows[:3]), 100)
