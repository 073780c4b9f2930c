"""What a model writes behind prompts, limited by bytes of text.

Notable here:
- A limit in tokens would give a vocabulary of characters a third of the text that it gives to BPE. Bytes are the same
  stretch of code for all of them. No token is shorter than a byte, so a limit in bytes bounds the tokens as well.
- A definition ends where its last line is followed by one at the margin, or where nothing that follows could mend what
  stands there: what comes behind changes no verdict, so nobody waits for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from charmer.common.progress import Progress
from charmer.evaluation.support import functions
from charmer.inference.generate import generate
from charmer.inference.healing import Prompt
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

TOGETHER = 512  # prompts whose continuations are written in one call; a slot that falls free takes the next of them


class Written(NamedTuple):
    """A text, and whether it ended by itself, before the limit."""

    text: str
    ended: bool


def room(network: Transformer, tokenizer: Tokenizer, tokens: Sequence[int], max_bytes: int) -> int:
    """How many tokens of a prompt fit into the window before `max_bytes` more of text like it; half of it at least."""
    context = network.config.context_length
    size = sum(int(tokenizer.byte_lengths[token]) for token in tokens) / max(len(tokens), 1)
    return max(context - math.ceil(max_bytes / max(size, 1.0)), context // 2, 1)


def continuations(
    network: Transformer,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    max_bytes: int,
    until: Callable[[int, list[int]], bool] | None = None,
    **knobs: Any,
) -> list[Written]:
    """What the model writes behind each prompt and what a healed one must begin with, `max_bytes` at most.

    Args:
        until: as of `generate`: called with the prompt's place and its new tokens; true ends that text by itself.
        knobs: temperature, seed and stop, as of `generate`.
    """
    lengths = tokenizer.byte_lengths.tolist()
    owed = [len(prompt.begin) for prompt in prompts]

    def over(row: int, tokens: list[int]) -> bool:
        return sum(map(lengths.__getitem__, tokens)) - owed[row] >= max_bytes or bool(until and until(row, tokens))

    outputs = generate(
        network,
        tokenizer,
        [prompt.tokens for prompt in prompts],
        max_tokens=max_bytes + max(owed, default=0),
        begins=[prompt.begin for prompt in prompts],
        until=over,
        **knobs,
    )
    texts = [tokenizer.decode_bytes(tokens)[own:] for tokens, own in zip(outputs, owed, strict=True)]
    return [Written(text[:max_bytes].decode("utf-8", "replace"), len(text) < max_bytes) for text in texts]


def definitions(
    network: Transformer, tokenizer: Tokenizer, prompts: Sequence[str], settings: dict[str, Any], what: str
) -> list[Written]:
    """Each prompt with what the model makes of the definition that it begins, up to that definition's end.

    Blanks at a prompt's end are left to the model, whose tokens may hold a newline together with the blanks behind it.

    Args:
        prompts: each the beginning of a function or class.
        settings: max_bytes of a continuation, temperature, seed.
        what: the prompts' name in the line of progress.
    """
    prompts = [prompt.rstrip() for prompt in prompts]
    found: list[Written] = []
    with Progress("writing", len(prompts), what) as progress:
        for first in range(0, len(prompts), TOGETHER):
            part = prompts[first : first + TOGETHER]
            seed = settings["seed"] + first
            found += _definitions(network, tokenizer, part, settings["max_bytes"], settings["temperature"], seed)
            progress.advance(len(part))
    return found


def _definitions(
    network: Transformer, tokenizer: Tokenizer, prompts: Sequence[str], max_bytes: int, temperature: float, seed: int
) -> list[Written]:
    def over(row: int, tokens: list[int]) -> bool:
        last = tokenizer.decode_bytes(tokens[-2:])
        at_margin, line_ended = re.search(rb"\n\S", last), b"\n" in tokenizer.token_bytes(tokens[-1])
        if not (at_margin or line_ended):
            return False
        written = tokenizer.decode(tokens)
        text, cuts = prompts[row] + written, functions.cuts(prompts[row], written)
        if at_margin and any(functions.compiles(text[:cut]) for cut in cuts):
            return True
        return line_ended and not functions.could_go_on(text[: text.rfind("\n") + 1])

    begun = [Prompt([tokenizer.eof, *tokenizer.encode(prompt).tolist()], b"") for prompt in prompts]
    written = continuations(network, tokenizer, begun, max_bytes, over, temperature=temperature, seed=seed)
    found = []
    for prompt, (text, ended) in zip(prompts, written, strict=True):
        ended = ended or any(functions.cuts(prompt, text))
        found.append(Written(functions.function_of(prompt, text, ended), ended))
    return found
