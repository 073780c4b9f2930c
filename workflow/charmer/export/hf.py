"""Hugging Face: a folder that `transformers` opens with AutoModelForCausalLM and AutoTokenizer, without custom code.

Notable here:
- A model's folder is in that layout already: weights, config.json and tokenizer.json are copied byte for byte. What is
  missing is how `transformers` wraps the tokenizer; without that it would put its own Qwen pre-tokenizer before ours.
- `split_special_tokens` makes the names of special tokens in a text what they are in Charmer: text. Whoever writes
  an infilling prompt turns it off for that call: `tokenizer(prompt, split_special_tokens=False)`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from charmer.common.files import replacing, write_json
from charmer.model import folder
from charmer.model.shape import CONFIG, TOKENIZER, WEIGHTS
from charmer.tokens.tokenizer import Tokenizer

TYPES = ("stored",)


def write(model: Path, out: Path, number_type: str = "stored") -> list[Path]:
    """Write the folder `out` from a model's folder.

    Raises:
        Failure: a file of the model is missing or damaged, or `out` cannot be written.
    """
    network, tokenizer = folder.load(model)  # a damaged model is refused here, not where it is used
    return [_copy(model / WEIGHTS, out), *describe(model, out, tokenizer, network.config.context_length)]


def describe(model: Path, out: Path, tokenizer: Tokenizer, context_length: int) -> list[Path]:
    """Write all of the folder but the weights: sizes, tokenizer, and how text is generated."""
    names = {index: name for name, index in tokenizer.special.items()}
    wrapper = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # takes tokenizer.json as it is
        "model_max_length": context_length,
        "bos_token": None,
        "eos_token": names[tokenizer.eof],
        "pad_token": names[tokenizer.fim_pad],
        "unk_token": None,
        "additional_special_tokens": [
            name for index, name in names.items() if index not in (tokenizer.eof, tokenizer.fim_pad)
        ],
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
    }
    # A text from nothing begins with the mark behind the file before it, as in training.
    generation = {"bos_token_id": tokenizer.eof, "eos_token_id": tokenizer.eof, "pad_token_id": tokenizer.fim_pad}
    written = [_copy(model / CONFIG, out), _copy(model / TOKENIZER, out)]
    for name, content in (("tokenizer_config.json", wrapper), ("generation_config.json", generation)):
        write_json(out / name, content)
        written.append(out / name)
    return written


def _copy(file: Path, out: Path) -> Path:
    with replacing(out / file.name) as temporary:
        shutil.copyfile(file, temporary)
    return out / file.name
