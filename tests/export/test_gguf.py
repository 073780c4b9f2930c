"""The GGUF file: what it says, and what llama.cpp makes of it."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from charmer.common.failure import Failure
from charmer.model import folder
from charmer.tokens.tokenizer import Tokenizer

package = pytest.importorskip("gguf", reason="the package gguf is not installed")
from charmer.export import gguf  # noqa: E402 - it needs that package

needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None,
    reason="llama-cpp-python is not installed: pip install llama-cpp-python (it compiles llama.cpp for minutes)",
)


class Llama:
    """llama.cpp on one thread, with the cache in F32 too."""

    def __init__(self, file: Path) -> None:
        import llama_cpp

        self.library = llama_cpp
        f32 = llama_cpp.GGML_TYPE_F32
        self.model = llama_cpp.Llama(
            str(file), n_ctx=512, n_threads=1, n_threads_batch=1, type_k=f32, type_v=f32, verbose=False
        )
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.model.model)

    def encode(self, text: str, special: bool = False) -> list[int]:
        return self.model.tokenize(text.encode(), add_bos=True, special=special)

    def decode(self, ids: list[int]) -> bytes:
        """As the binding's `detokenize`, which loses pieces of more than 32 bytes."""
        room = ctypes.create_string_buffer(256)
        lengths = (self.library.llama_token_to_piece(self.vocabulary, index, room, 256, 0, False) for index in ids)
        return b"".join(room.raw[:length] for length in lengths)

    def continued(self, prompt: list[int], tokens: int) -> tuple[np.ndarray, list[int]]:
        """The logits behind `prompt` [V], and the tokens that are written one by one, the likeliest each time."""
        self.model.reset()
        first, written, new = None, [], prompt
        for _ in range(tokens):
            self.model.eval(new)
            logits = np.ctypeslib.as_array(self.model._ctx.get_logits_ith(-1), (self.model.n_vocab(),))
            first = logits.copy() if first is None else first
            new = [int(logits.argmax())]
            written += new
        return first, written


def read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields and the tensors of a GGUF file."""
    reader = package.GGUFReader(file)
    return {name: field.contents() for name, field in reader.fields.items()}, {one.name: one for one in reader.tensors}


def test_the_file_describes_network_and_tokenizer(make_model, tmp_path: Path):
    file, modelfile = gguf.write(make_model("starcoder"), tmp_path / "some" / "tiny.gguf")
    assert (file, modelfile) == (tmp_path / "some" / "tiny.gguf", tmp_path / "some" / "Modelfile")
    network, tokenizer = folder.load(make_model("starcoder"))
    fields, tensors = read(file)
    assert fields["general.architecture"] == "qwen3"
    assert {
        key: fields[f"qwen3.{key}"] for key in ("attention.head_count", "attention.head_count_kv", "block_count")
    } == {
        "attention.head_count": 6,
        "attention.head_count_kv": 2,
        "block_count": 2,
    }
    assert (fields["qwen3.attention.key_length"], fields["qwen3.rope.freq_base"]) == (16, 50_000)
    assert (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) == ("gpt2", "starcoder")
    names = {"bos": "eof", "eos": "eof", "padding": "fim_pad", "fim_pre": "fim_prefix", "fim_suf": "fim_suffix"}
    for name, ours in {**names, "fim_mid": "fim_middle", "fim_pad": "fim_pad"}.items():
        assert fields[f"tokenizer.ggml.{name}_token_id"] == getattr(tokenizer, ours)
    control = [index for index, kind in enumerate(fields["tokenizer.ggml.token_type"]) if kind == 3]
    assert control == list(tokenizer.special.values())
    assert len(tensors) == len(network.state_dict())
    embedding = tensors["token_embd.weight"].data
    assert np.array_equal(embedding, network.embed_tokens.weight.detach().numpy())


@pytest.mark.parametrize(("number_type", "error"), [("F16", 2**-11), ("BF16", 2**-8), ("Q8_0", 1 / 127)])
def test_matrices_are_written_in_the_type_asked_for_and_norms_in_f32(make_model, tmp_path, number_type, error):
    file, _ = gguf.write(make_model("byte"), tmp_path, number_type)
    assert file.name == f"model-{number_type}.gguf"
    network, _ = folder.load(make_model("byte"))
    _, tensors = read(file)
    matrix, gain = tensors["blk.1.ffn_down.weight"], tensors["blk.1.attn_q_norm.weight"]
    assert (matrix.tensor_type.name, gain.tensor_type.name) == (number_type, "F32")
    values = network.layers[1].mlp.down_proj.weight.detach().numpy()
    assert np.abs(package.dequantize(matrix.data, matrix.tensor_type) - values).max() <= error * np.abs(values).max()


def test_what_the_format_cannot_carry_is_refused_with_the_reason(make_model, tmp_path: Path):
    with pytest.raises(Failure, match=r"rows of 96 \(model\.width\) and 100 \(model\.hidden\); use --type F16"):
        gguf.write(make_model("byte", hidden=100), tmp_path, "Q8_0")
    source = make_model("byte")
    tokenizer = Tokenizer.characters("▁é")
    tokenizer.save(tmp_path / "made.json")
    network, _ = folder.load(source)
    config = network.config.__class__(**{**vars(network.config), "vocab_size": tokenizer.vocab_size})
    folder.save(tmp_path / "model", network.__class__(config), tmp_path / "made.json")
    with pytest.raises(Failure, match=r"entry for U\+2581"):
        gguf.write(tmp_path / "model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_modelfile_fills_in_the_middle(make_model, tmp_path: Path):
    file, modelfile = gguf.write(make_model("byte"), tmp_path)
    lines = modelfile.read_text().splitlines()
    assert f"FROM ./{file.name}" in lines
    infill = "<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>"
    assert f'TEMPLATE """{{{{ if .Suffix }}}}{infill}{{{{ else }}}}{{{{ .Prompt }}}}{{{{ end }}}}"""' in lines


@needs_llama
def test_llama_cpp_gives_our_ids_and_reads_markers_only_when_asked(make_model, texts: list[str], tmp_path, kind: str):
    _, tokenizer = folder.load(make_model(kind))
    llama = Llama(gguf.write(make_model(kind), tmp_path)[0])
    for text in texts if kind == "gpt-2" else texts[-200:]:
        ids = tokenizer.encode(text).tolist()
        assert llama.encode(text) == ids, text
        assert llama.decode(ids) == text.encode()
    asked = llama.encode("<|fim_prefix|>a<|fim_middle|>", special=True)
    assert asked == tokenizer.encode("<|fim_prefix|>a<|fim_middle|>", allow_special=True).tolist()


@needs_llama
def test_llama_cpp_writes_our_greedy_text(make_model, texts: list[str], is_greedy, tmp_path: Path, kind: str):
    network, tokenizer = folder.load(make_model(kind))
    llama = Llama(gguf.write(make_model(kind), tmp_path)[0])
    for text in texts[:50]:
        prompt = tokenizer.encode(text)[:100].tolist()
        logits, written = llama.continued(prompt, 64)
        with torch.no_grad():
            ours = network(torch.tensor([prompt]))[0, -1].numpy()
        assert np.abs(ours - logits).max() < 1e-4 * np.abs(ours).max()
        assert is_greedy(network, prompt, written)
