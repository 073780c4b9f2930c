"""The Hugging Face folder: what `transformers` makes of it, without a network and without code of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from charmer.common.failure import Failure
from charmer.export import hf
from charmer.model import folder

transformers = pytest.importorskip("transformers", reason="the package transformers is not installed")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)


def test_logits_are_ours_within_rounding_and_greedy_text_is_the_same(make_model, texts, is_greedy, tmp_path: Path):
    network, tokenizer = folder.load(make_model("gpt-2"))
    hf.write(make_model("gpt-2"), tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(theirs).__module__.startswith("transformers.")
    for text in texts[:5]:
        prompt = tokenizer.encode(text)[:300].tolist()
        with torch.no_grad():
            ours = network(torch.tensor([prompt]))
            difference = (ours - theirs(torch.tensor([prompt])).logits).abs().max()
        assert difference < 1e-5 * ours.abs().max()
        continued = theirs.generate(torch.tensor([prompt]), max_new_tokens=10, do_sample=False, eos_token_id=None)
        assert is_greedy(network, prompt, continued[0, len(prompt) :].tolist())


def test_ids_are_ours_on_a_thousand_files_also_where_they_hold_our_markers(make_model, texts, tmp_path: Path):
    compare_ids(make_model("gpt-2"), texts, tmp_path)


def test_every_kind_of_vocabulary_is_carried(make_model, texts, tmp_path: Path, kind: str):
    compare_ids(make_model(kind), texts[-100:], tmp_path)


def compare_ids(model: Path, texts: list[str], out: Path) -> None:
    _, ours = folder.load(model)
    hf.write(model, out)
    theirs = transformers.AutoTokenizer.from_pretrained(out)
    for text in texts:
        ids = ours.encode(text).tolist()
        assert theirs(text)["input_ids"] == ids, text
        assert theirs.decode(ids) == text
    asked = theirs("<|fim_prefix|>a<|fim_suffix|>", split_special_tokens=False)["input_ids"]
    assert asked == [ours.fim_prefix, ord("a") if ours.kind == "char" else ours.encode("a")[0], ours.fim_suffix]
    assert (theirs.eos_token_id, theirs.pad_token_id, theirs.bos_token_id) == (ours.eof, ours.fim_pad, None)


def test_a_broken_model_is_refused_and_nothing_is_written(make_model, tmp_path: Path):
    broken = tmp_path / "model"
    hf.write(make_model("byte"), broken)
    (broken / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(Failure, match=r"model\.safetensors: is damaged"):
        hf.write(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()
