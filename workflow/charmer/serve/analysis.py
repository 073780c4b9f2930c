"""What the playground and `/check` ask: a text's surprise, alternatives at a place, attention, and likely faults.

    /check                 {"text", "path"}             -> {"findings": [{"path", "line", "column", ..., "suggestion"}]}
    /charmer/surprise      {"text"}                     -> {"pieces": [{"text", "bits"}], "bits", "bits_per_character",
                                                            "bits_per_byte"}
    /charmer/alternatives  {"text", "at", "count"}      -> {"begin", "alternatives": [{"id", "text", "probability"}]}
    /charmer/attention     {"text", "layer", "head"}    -> {"tokens", "layers", "heads", "weights": [[...]]}

Notable here: these read whole texts, so a text is bounded, and all but alternatives (which is one step of the decoder)
take turns. Each gives up at its next pass through the network when the client has left (`watch`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.hooks import RemovableHandle

from charmer.common.failure import Failure
from charmer.errors.check import check as checked
from charmer.evaluation.support.surprise import pieces
from charmer.inference.context import around
from charmer.inference.decoder import Request
from charmer.inference.score import bits_per_token, windows_of
from charmer.inference.style import unix
from charmer.model.network import Block, rotary_angles, rotate
from charmer.serve.fields import Alternatives, AttentionView, Check, Surprise
from charmer.serve.running import Ticket
from charmer.serve.service import Service

LONGEST = 100_000  # characters of a text
MOST_SEEN = 128  # tokens of an attention view


def bounded(text: str) -> str:
    """`text`, if it is not too long."""
    if len(text) > LONGEST:
        raise Failure(f"text: {len(text):,} characters; at most {LONGEST:,}")
    return text


def watch(service: Service) -> RemovableHandle:
    """Let each pass through the network ask whether the client is still there for which it is computed."""
    return service.scheduler.model.norm.register_forward_pre_hook(service.desk.go_on)


def check(service: Service, body: Check, ticket: Ticket) -> Iterator[dict[str, Any]]:
    """What is wrong with a text, or looks it, in lines and columns of the text with any newlines."""
    model, tokenizer = service.scheduler.model, service.scheduler.tokenizer
    text = unix(bounded(body.text))
    with service.desk.turn(ticket):
        found = checked(
            model,
            tokenizer,
            text,
            body.path,
            false_alarms=body.false_alarms,
            calibration=service.calibration,
            go_on=ticket.go_on,
        )
    yield {"findings": [finding.record() for finding in found]}


def surprise(service: Service, body: Surprise, ticket: Ticket) -> Iterator[dict[str, Any]]:
    """The bits that the network needs for each piece of a text."""
    tokenizer, model = service.scheduler.tokenizer, service.scheduler.model
    raw = bounded(body.text).encode()
    tokens = tokenizer.encode(body.text)
    threads = service.scheduler.threads
    with service.desk.turn(ticket):
        (bits,) = bits_per_token(model, [tokens], tokenizer.eof, threads=threads, batch_tokens=1024)
    ticket.outcome.prompt_tokens = len(tokens)
    found = [{"text": text, "bits": cost} for text, cost in pieces(raw, tokenizer.byte_lengths[tokens], bits)]
    total = float(bits.sum())
    yield {
        "pieces": found,
        "bits": total,
        "bits_per_character": total / max(len(body.text), 1),
        "bits_per_byte": total / max(len(raw), 1),
    }


def alternatives(service: Service, body: Alternatives, ticket: Ticket) -> Iterator[dict[str, Any]]:
    """The likeliest tokens at a place of a text by the network alone, as `surprise` has it. Each begins with `begin`,
    the cursor's partial token, or `begin` with it: a longer word may be spelled in several tokens."""
    tokenizer = service.scheduler.tokenizer
    at = len(body.text) if body.at is None else body.at
    if at > len(body.text):
        raise Failure(f"at: {at} is behind the end of the text, which has {len(body.text)} characters")
    prompt = around(tokenizer, body.text[:at], "", service.room(1))
    request = Request(
        prompt.tokens, 1, begin=prompt.begin, stop=frozenset(), alternatives=body.count, given=np.zeros(0, np.int64)
    )
    run = service.scheduler.submit([request], ticket.cancelled)
    found = [step for _, step in run.events() if step is not None]
    ticket.outcome.prompt_tokens, ticket.outcome.cached_tokens = len(prompt.tokens), run.rows[0].cached
    yield {
        "begin": prompt.begin.decode("utf-8", "replace"),
        "alternatives": [
            {"id": token, "text": tokenizer.decode([token]), "probability": math.exp(logprob)}
            for step in found
            for token, logprob in step.top
        ],
    }


@torch.inference_mode()
def attention(service: Service, body: AttentionView, ticket: Ticket) -> Iterator[dict[str, Any]]:
    """How much each token of a short text looks at each before it, in one head or in the mean of several."""
    tokenizer, model = service.scheduler.tokenizer, service.scheduler.model
    config = model.config
    for name, value, count in (("layer", body.layer, config.layers), ("head", body.head, config.heads)):
        if value is not None and value >= count:
            raise Failure(f"{name}: {value}; the model has {count}, counted from 0")
    ids = [tokenizer.eof, *tokenizer.encode(bounded(body.text)).tolist()]
    if len(ids) > min(MOST_SEEN, config.context_length):
        raise Failure(f"text: {len(ids) - 1} tokens; an attention view has at most {MOST_SEEN - 1}")
    with service.desk.turn(ticket):
        weights = attention_weights(service, ids)[slice(None) if body.layer is None else [body.layer]]
    weights = weights[:, slice(None) if body.head is None else [body.head]].mean((0, 1))
    ticket.outcome.prompt_tokens = len(ids)
    yield {
        "tokens": [tokenizer.decode([token], show_special=True) for token in ids],
        "layers": config.layers,
        "heads": config.heads,
        "weights": [[round(value, 4) for value in row] for row in weights.tolist()],
    }


def attention_weights(service: Service, ids: Sequence[int]) -> torch.Tensor:
    """[layers, heads, T, T]: the share of each key (last) in what each query takes, for `ids` [T]."""
    model, config = service.scheduler.model, service.scheduler.model.config
    tokens = torch.tensor([ids], device=model.device)
    places = torch.arange(len(ids), device=model.device)
    cosines, sines = rotary_angles(places, config.head_size, config.rope_theta)
    angles = cosines[:, None], sines[:, None]
    hidden_keys = torch.ones(len(ids), len(ids), dtype=torch.bool, device=model.device).triu(1)
    bias = torch.zeros(1, len(ids), len(ids), device=model.device).masked_fill_(hidden_keys, -torch.inf)
    found, x = [], model.embed_tokens(tokens)
    for number, block in enumerate(model.layers):
        assert isinstance(block, Block)
        own, inner = block.self_attn, block.input_layernorm(x)
        split = (1, len(ids), -1, config.head_size)
        queries = rotate(own.q_norm(own.q_proj(inner).view(split)), *angles)[0]
        keys = rotate(own.k_norm(own.k_proj(inner).view(split)), *angles)[0]
        keys = keys.repeat_interleave(config.heads // config.kv_heads, dim=1)
        scores = torch.einsum("qhd,khd->hqk", queries, keys) * config.head_size**-0.5
        found.append((scores + bias).softmax(-1))
        x = block(x, angles, bias, number, None, None)
    return torch.stack(found)


@torch.inference_mode()
def scores(
    service: Service, ids: Sequence[int], count: int, ticket: Ticket
) -> list[tuple[float, list[tuple[int, float]]]]:
    """For each token of a text the logarithm of its probability, and the `count` likeliest tokens with theirs."""
    model, eof = service.scheduler.model, service.scheduler.tokenizer.eof
    found: list[tuple[float, list[tuple[int, float]]]] = []
    for start, stop, counted in windows_of(len(ids), model.config.context_length):
        inputs = torch.tensor([[ids[start - 1] if start else eof, *ids[start : stop - 1]]], device=model.device)
        with service.desk.turn(ticket):
            logprobs = model.logits(model.hidden(inputs)[0, counted - start :]).float().log_softmax(-1)
        own = logprobs.gather(1, torch.tensor(np.array(ids[counted:stop]), device=model.device)[:, None])[:, 0].tolist()
        values, tokens = (part.tolist() for part in logprobs.topk(count))
        tops = [list(zip(*pair, strict=True)) for pair in zip(tokens, values, strict=True)]
        found += zip(own, tops, strict=True)
    return found
