"""The speedrun: its text to the byte, and the whole of it on a library of a few small files."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import pytest
import torch
from charmer.common.failure import Failure
from charmer.common.files import read_json
from charmer.model import folder
from charmer.training import speedrun
from charmer.training.speedrun_text import write_speedrun_text

TINY = [
    "vocab.kind=byte",
    "pack.context_length=32",
    "pack.dataset_mb=1",
    "model.layers=1",
    "model.width=16",
    "model.heads=2",
    "model.kv_heads=1",
    "model.hidden=32",
    "train.batch_tokens=256",
]


def files_of(split: str, count: int) -> list[str]:
    """Files of 201 bytes and more whose digests put them into a split."""
    texts = (f"# file {number}\n" + "def f(x):\n    return x + 1\n" * 9 for number in itertools.count())
    wanted = (text for text in texts if (hashlib.sha256(text.encode()).digest()[0] < 10) == (split == "val"))
    return list(itertools.islice(wanted, count))


def test_the_text_is_the_ascii_files_of_the_library_shuffled_and_joined(tmp_path: Path):
    library = tmp_path / "lib"
    (library / "sub").mkdir(parents=True)
    (library / "site-packages").mkdir()
    first, second, third = files_of("train", 3)
    (held_out,) = files_of("val", 1)
    (library / "a.py").write_text(first)
    (library / "b.py").write_text(first)  # equal to one before
    (library / "c.py").write_text("x = 'ü'\n" + second)
    (library / "d.py").write_text("x = 1\n")  # too small
    (library / "e.py").write_text("x = 1\n" * 33_334)  # 200,004 bytes
    (library / "f.txt").write_text(second)
    (library / "m.py").write_text(held_out)
    (library / "site-packages" / "g.py").write_text(second)
    (library / "sub" / "h.py").write_text(second)
    (library / "z.py").write_bytes(third.encode())
    documents = write_speedrun_text(tmp_path / "out", library)
    # random.Random(0).shuffle turns places 0, 1, 2 into 0, 2, 1
    assert (tmp_path / "out" / "train.txt").read_bytes() == f"{first}\n\n{third}\n\n{second}".encode()
    assert (tmp_path / "out" / "val.txt").read_bytes() == held_out.encode()
    assert documents == {"train": [f"{first}\n\n", f"{third}\n\n", second], "val": [held_out]}


def test_newlines_are_the_same_on_any_system(tmp_path: Path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_bytes(b"x = 1\r\n" * 40 + b"y = 2\rz = 3\n")
    documents = write_speedrun_text(tmp_path / "out", tmp_path / "lib")
    assert documents["train"] + documents["val"] == ["x = 1\n" * 40 + "y = 2\nz = 3\n"]


def test_a_tiny_speedrun_ends_with_its_figures(tmp_path: Path, monkeypatch, capsys):
    library = tmp_path / "lib"
    library.mkdir()
    for number, text in enumerate(files_of("train", 40) + files_of("val", 2)):
        (library / f"f{number}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speedrun, "MARGIN", 0.5)
    write = speedrun.write_speedrun_text
    monkeypatch.setattr(speedrun, "write_speedrun_text", lambda out, _: write(out, library))
    options = [option for setting in TINY for option in ("--set", setting)]
    speedrun.main(["--seconds", "4", "--threads", "1", *options])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(result) == ["bits_per_byte", "seconds", "parameters", "tokens"]
    out = tmp_path / "results" / "speedrun"
    network, tokenizer = folder.load(out / "model")
    assert result["parameters"] == sum(weight.numel() for weight in network.parameters())
    assert result["tokens"] % 256 == 0 and result["tokens"] > 256
    assert result["seconds"] > 2

    content = (out / "val.txt").read_bytes()
    stream = [tokenizer.eof, *tokenizer.encode(content.decode()).tolist()]
    nats = 0.0
    for start in range(0, len(stream) - 1, 32):  # every token once, from its own window alone
        window = torch.tensor([stream[start : start + 33]])
        logits = network(window[:, :-1])
        nats += torch.nn.functional.cross_entropy(logits[0], window[0, 1:], reduction="sum").item()
    assert result["bits_per_byte"] == pytest.approx(nats / torch.log(torch.tensor(2.0)).item() / len(content), abs=1e-3)
    assert result["bits_per_byte"] < 3
    stages = read_json(out / "speedrun.json")["stages"]
    assert list(stages) == ["tokenizer", "encode", "pack", "train", "measure"]


def test_the_recipe_is_checked_like_any_configuration():
    assert speedrun.recipe(["train.learning_rate=0.004"])["train"]["learning_rate"] == 0.004
    with pytest.raises(Failure, match=r"model\.widht: there is no such knob; did you mean model\.width\?"):
        speedrun.recipe(["model.widht=64"])
    with pytest.raises(Failure, match=r"write --set section\.knob=value"):
        speedrun.recipe(["learning_rate"])


@pytest.mark.parametrize(("computes_in", "width", "batch"), [("bfloat16", 192, 4096), ("float32", 128, 2048)])
def test_a_processor_without_bfloat16_gets_the_smaller_recipe(monkeypatch, computes_in: str, width: int, batch: int):
    there = {"auto": computes_in, "float32": "float32"}
    monkeypatch.setattr(speedrun, "choose_dtype", lambda wanted, device: getattr(torch, there[wanted]))
    settings = speedrun.recipe(["train.device=cpu"])
    assert (settings["model"]["width"], settings["train"]["batch_tokens"]) == (width, batch)
    assert (settings["vocab"]["size"], settings["train"]["fim_share"]) == (4096, 0.0)  # of speedrun.yaml on either
    assert speedrun.recipe(["model.width=96", "train.device=cpu"])["model"]["width"] == 96
    assert speedrun.recipe(["train.precision=float32", "train.device=cpu"])["model"]["width"] == 128


def test_too_little_time_is_said(tmp_path: Path):
    (tmp_path / "lib").mkdir()
    for number, text in enumerate(files_of("train", 3)):
        (tmp_path / "lib" / f"f{number}.py").write_text(text)
    settings = speedrun.recipe(["vocab.kind=byte", "pack.context_length=32", "train.batch_tokens=32"])
    with pytest.raises(Failure, match="--seconds: 1 are less than the stages before training take"):
        speedrun.speedrun(settings, tmp_path / "out", 1, 1, tmp_path / "lib")
