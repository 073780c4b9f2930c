"""GGUF: one file for llama.cpp and what is built on it, and a Modelfile with which Ollama takes it in.

Notable here:
- The network is llama.cpp's `qwen3`; the `gguf` package knows how the names of its tensors map. Matrices are written
  in the number type asked for, norms in F32, as llama.cpp's own converter does.
- A vocabulary of BPE or of bytes is its `gpt2`, byte-level BPE with a pre-tokenizer by name (bytes: no merge ever
  applies). One of characters is its `llama`, SentencePiece with bytes for all other characters: byte-level BPE cannot
  carry it, since it makes a character of three bytes from a pair of two, and that pair is no entry. There llama.cpp
  spells a space as U+2581, so that it reads this one character of a text as a space.
- Ollama's own engine, where it takes the place of llama.cpp, cuts text for this architecture as `qwen2` does, whatever
  the file names: there only vocabularies of that pre-tokenizer, or of bytes, are sure to give the same ids.
- Special tokens are of the type "control", so that they are read in a text only by whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from charmer.common.failure import Failure
from charmer.common.files import replacing, write_text
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.storage import VISIBLE
from charmer.tokens.tokenizer import Tokenizer

try:
    import gguf
    from gguf import GGMLQuantizationType, LlamaFileType, TokenType
except ImportError as error:
    raise Failure("GGUF needs the package gguf; install it with: pip install gguf") from error

TYPES = ("F32", "F16", "BF16", "Q8_0")
FILE_TYPES = {
    "F32": LlamaFileType.ALL_F32,
    "F16": LlamaFileType.MOSTLY_F16,
    "BF16": LlamaFileType.MOSTLY_BF16,
    "Q8_0": LlamaFileType.MOSTLY_Q8_0,
}
BLOCK = 32  # weights in a row that share one scale in Q8_0
SPACE = "\u2581"  # SentencePiece's spelling of a space


def write(model: Path, out: Path, number_type: str = "F32") -> list[Path]:
    """Write `out`, or into the folder `out` where that does not end in .gguf, from a model's folder.

    Raises:
        Failure: a file of the model is missing or damaged, the format cannot carry it, or `out` cannot be written.
    """
    network, tokenizer = folder.load(model)
    file = out if out.suffix == ".gguf" else out / f"model-{number_type}.gguf"
    _check(network.config, tokenizer, number_type)
    with replacing(file) as temporary:
        writer = gguf.GGUFWriter(temporary, "qwen3")
        writer.add_name(f"Charmer {model.resolve().name}")
        writer.add_file_type(FILE_TYPES[number_type])
        if number_type == "Q8_0":
            writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_sizes(writer, network.config)
        _add_tokenizer(writer, tokenizer)
        for name, array, kind in _tensors(network, GGMLQuantizationType[number_type]):
            writer.add_tensor(name, gguf.quantize(array, kind), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    modelfile = file.with_name("Modelfile")
    write_text(modelfile, _modelfile(file.name, network.config, tokenizer))
    return [file, modelfile]


def _check(config: ModelConfig, tokenizer: Tokenizer, number_type: str) -> None:
    if number_type == "Q8_0" and (config.width % BLOCK or config.hidden % BLOCK):
        raise Failure(
            f"--type Q8_0: quantises {BLOCK} weights of a row together, and this model has rows of {config.width} "
            f"(model.width) and {config.hidden} (model.hidden); use --type F16"
        )
    if tokenizer.kind == "char" and _characters(tokenizer).count(SPACE) > 1:
        raise Failure(
            f"GGUF: this vocabulary of characters has an entry for U+2581 ({SPACE}), with which llama.cpp spells the "
            "space; export to hf or onnx, or train with vocab.kind: byte"
        )


def _add_sizes(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    writer.add_context_length(config.context_length)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocab_size)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    pieces = [tokenizer.token_bytes(index) for index in range(tokenizer.vocab_size - len(tokenizer.special))]
    kinds = [TokenType.NORMAL] * len(pieces)
    if tokenizer.kind == "char":
        entries = _characters(tokenizer)
        kinds = [TokenType.BYTE if entry.startswith("<0x") else TokenType.NORMAL for entry in entries]
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([0.0] * tokenizer.vocab_size)
        writer.add_add_space_prefix(False)
    else:
        entries = ["".join(VISIBLE[value] for value in piece) for piece in pieces]
        # llama.cpp asks for at least one merge. No UTF-8 text holds the byte FF, so this one never applies.
        merges = [f"{entries[left]} {entries[right]}" for left, right in tokenizer.merges] or [f"{VISIBLE[255]} " * 2]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(tokenizer.pre_tokenizer or "qwen2")  # where nothing is merged, every cut is right
        writer.add_token_merges([merge.strip() for merge in merges])
    writer.add_token_list([*entries, *tokenizer.special])
    writer.add_token_types([*kinds, *[TokenType.CONTROL] * len(tokenizer.special)])
    writer.add_bos_token_id(tokenizer.eof)
    writer.add_eos_token_id(tokenizer.eof)
    writer.add_pad_token_id(tokenizer.fim_pad)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    keys = gguf.Keys.Tokenizer
    writer.add_uint32(keys.FIM_PRE_ID, tokenizer.fim_prefix)
    writer.add_uint32(keys.FIM_SUF_ID, tokenizer.fim_suffix)
    writer.add_uint32(keys.FIM_MID_ID, tokenizer.fim_middle)
    writer.add_uint32(keys.FIM_PAD_ID, tokenizer.fim_pad)


def _characters(tokenizer: Tokenizer) -> list[str]:
    """SentencePiece's spelling of each entry of a vocabulary of characters."""
    bytewise = [f"<0x{value:02X}>" if value == 0 or value > 127 else chr(value) for value in range(256)]
    bytewise[ord(" ")] = SPACE
    rest = range(256, tokenizer.vocab_size - len(tokenizer.special))
    return [*bytewise, *(tokenizer.token_bytes(index).decode() for index in rest)]


def _tensors(
    network: Transformer, matrices: GGMLQuantizationType
) -> Iterator[tuple[str, np.ndarray, GGMLQuantizationType]]:
    """llama.cpp's name, the values and the number type of each tensor."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, network.config.layers)
    for ours, tensor in network.state_dict().items():
        name = names.get_name(f"model.{ours}", try_suffixes=(".weight",))
        assert name is not None, ours
        kind = matrices if tensor.ndim == 2 else GGMLQuantizationType.F32
        yield name, tensor.float().cpu().numpy(), kind


def _modelfile(file: str, config: ModelConfig, tokenizer: Tokenizer) -> str:
    """What `ollama create NAME -f Modelfile` reads. Its template's markers become special tokens there."""
    names = {index: name for name, index in tokenizer.special.items()}
    prefix, suffix, middle = (names[i] for i in (tokenizer.fim_prefix, tokenizer.fim_suffix, tokenizer.fim_middle))
    infill = f"{prefix}{{{{ .Prompt }}}}{suffix}{{{{ .Suffix }}}}{middle}"
    return (
        "# ollama create charmer -f Modelfile\n"
        f"FROM ./{file}\n"
        f'TEMPLATE """{{{{ if .Suffix }}}}{infill}{{{{ else }}}}{{{{ .Prompt }}}}{{{{ end }}}}"""\n'
        f"PARAMETER num_ctx {config.context_length}\n"
        f'PARAMETER stop "{names[tokenizer.eof]}"\n'
    )
