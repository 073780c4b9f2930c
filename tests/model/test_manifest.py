"""A released folder is held against its manifest: each way in which it can be broken, in a line that names the file."""

from pathlib import Path

import pytest
from charmer.common.failure import Failure
from charmer.common.files import write_json
from charmer.model import manifest


@pytest.fixture
def released(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    write_json(
        tmp_path / "release.json", {"files": manifest.described(tmp_path, ["model.safetensors", "tokenizer.json"])}
    )
    return tmp_path


def test_a_whole_folder_and_one_without_a_manifest_pass(released: Path):
    manifest.check(released)
    (released / "release.json").unlink()
    (released / "model.safetensors").unlink()
    manifest.check(released)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.safetensors", None, "is missing"),
        ("model.safetensors", b"weigh", "holds 5 bytes, and 7 were released"),
        ("model.safetensors", b"Weights", "is damaged, or belongs to another model"),
        ("tokenizer.json", b"[]", "is damaged, or belongs to another model"),
        ("release.json", b"{", "is not valid JSON"),
        ("release.json", b"[]", "is damaged"),
        ("release.json", b'{"files": {"model.safetensors": {}}}', "is damaged"),
    ],
)
def test_a_file_that_is_not_the_released_one_is_named(released: Path, name: str, content: bytes | None, words: str):
    (released / name).unlink()
    if content is not None:
        (released / name).write_bytes(content)
    with pytest.raises(Failure, match=words) as failure:
        manifest.check(released)
    assert str(released / name) in str(failure.value)
    assert "\n" not in str(failure.value)
