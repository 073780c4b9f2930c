"""What training looks at between steps: bits per byte on held-out text, and two short samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from charmer.common.failure import Failure
from charmer.common.files import open_array, read_table
from charmer.inference.generate import generate
from charmer.inference.score import bits_per_token
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

PROMPTS = ("def ", "import ")
SAMPLE_TOKENS = 64
LEAST_DOCUMENTS = 32


class HeldOut:
    """The beginnings of the first documents of the held-out split, up to `megabytes` of text.

    A long document is cut, so that at least 32 of them have a say.

    Args:
        sources: names of those whose documents count; none: all do.
    """

    def __init__(
        self,
        tokens: Path,
        documents: Path,
        tokenizer: Tokenizer,
        megabytes: float,
        dtype: torch.dtype,
        threads: int,
        sources: Sequence[str] = (),
    ) -> None:
        self.tokenizer, self.dtype, self.threads = tokenizer, dtype, threads
        stream = open_array(tokens)
        table = read_table(documents, ["start", "tokens", *(["source"] if sources else [])])
        if sources:
            table = table.filter(pc.is_in(table["source"], pa.array(sources)))
        self.documents: list[np.ndarray] = []
        self.bytes = 0
        for start, count in zip(table["start"].to_numpy(), table["tokens"].to_numpy(), strict=True):
            text = np.asarray(stream[start : start + count])
            room = min(megabytes * 1e6 / LEAST_DOCUMENTS, megabytes * 1e6 - self.bytes)
            if room < 1:
                break
            text = text[: int(np.searchsorted(tokenizer.byte_lengths[text].cumsum(), room, side="right"))]
            self.documents.append(text)
            self.bytes += int(tokenizer.byte_lengths[text].sum())
        if self.bytes == 0:
            raise Failure(f"{documents}: the held-out split is empty; raise curate.val_share or add sources")

    def bits_per_byte(self, model: Transformer) -> float:
        """Bits that `model` needs for a byte of the held-out text."""
        bits = bits_per_token(model, self.documents, self.tokenizer.eof, dtype=self.dtype, threads=self.threads)
        return float(sum(part.sum(dtype=np.float64) for part in bits) / self.bytes)

    def samples(self, model: Transformer) -> list[str]:
        """What the model writes after each of `PROMPTS`, the prompt included."""
        prompts = [self.tokenizer.encode(prompt).tolist() for prompt in PROMPTS]
        written = generate(
            model,
            self.tokenizer,
            [[self.tokenizer.eof, *prompt] for prompt in prompts],
            SAMPLE_TOKENS,
            temperature=0.8,
            top_p=0.95,
            seed=0,
            dtype=self.dtype,
        )
        return [self.tokenizer.decode(prompt + new) for prompt, new in zip(prompts, written, strict=True)]
