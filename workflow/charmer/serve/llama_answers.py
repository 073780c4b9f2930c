"""What llama.cpp's endpoints answer: the fields that its clients read, and of them those that a request wants.

Notable here: a name such as `timings/prompt_n` in `response_fields` comes back as a field of that very name; what is
not there is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from charmer.inference.decoder import Request
from charmer.serve.batching import Row
from charmer.serve.fields import Options, listed
from charmer.serve.generation import Writer, shown
from charmer.serve.running import Ticket
from charmer.serve.service import Service


@dataclass
class Answer:
    """One completion on its way.

    Attributes:
        prompt: as text, as far as the request gave it so.
        cut: whether the model could not read all of it.
        late: whether `t_max_predict_ms` ended it.
        last: `time.monotonic()` of its newest token.
    """

    request: Request
    writer: Writer
    prompt: str
    cut: bool
    tokens: list[int] = field(default_factory=list)
    probabilities: list[dict[str, Any]] = field(default_factory=list)
    late: bool = False
    last: float = 0.0

    def stop_type(self) -> str:
        """Why it ended, in llama.cpp's words, for which `n_indent` is a limit too."""
        if self.writer.word:
            return "word"
        full = len(self.tokens) >= self.request.max_tokens and not self.writer.over
        return "limit" if full or self.late or self.writer.dedented else "eos"


def part(row: Row, answer: Answer, text: str, tokens: list[int]) -> dict[str, Any]:
    """One event of a stream."""
    event = {"index": row.index, "content": text, "tokens": tokens, "stop": False, "id_slot": 0}
    return event | {"tokens_predicted": len(answer.tokens), "tokens_evaluated": row.cached + row.read}


def whole(service: Service, body: Options, row: Row, answer: Answer) -> dict[str, Any]:
    """A whole answer."""
    sampling, prompt, written = answer.request.sampling, row.cached + row.read, len(answer.tokens)
    found = {
        "index": row.index,
        "content": answer.writer.text,
        "tokens": answer.tokens if body.return_tokens else [],
        "id_slot": 0,
        "stop": True,
        "model": service.name,
        "tokens_predicted": written,
        "tokens_evaluated": prompt,
        "generation_settings": {
            "n_ctx": service.scheduler.window,
            "model": service.name,
            "n_predict": answer.request.max_tokens,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repetition_penalty,
            "stop": list(listed(body.stop)),
            "stream": bool(body.stream),
        },
        "prompt": answer.prompt,
        "has_new_line": "\n" in answer.writer.text,
        "truncated": answer.cut or prompt + written > service.scheduler.window,
        "stop_type": answer.stop_type(),
        "stopping_word": answer.writer.word,
        "tokens_cached": row.cached,
        "timings": _timings(row, answer),
    }
    if body.n_probs:
        found["completion_probabilities"] = [_probabilities(service, entry) for entry in answer.probabilities]
    return found


def _probabilities(service: Service, entry: dict[str, Any]) -> dict[str, Any]:
    def told(token: int, logprob: float) -> dict[str, Any]:
        piece = service.scheduler.tokenizer.decode_bytes([token], show_special=True)
        return {"id": token, "token": shown(piece), "bytes": list(piece), "logprob": logprob}

    return told(entry["token"], entry["logprob"]) | {"top_logprobs": [told(*pair) for pair in entry["top"]]}


def _timings(row: Row, answer: Answer) -> dict[str, float]:
    began, ready = row.began or 0.0, row.ready or 0.0
    prompt_ms, predicted_ms = (ready - began) * 1000, max(answer.last - ready, 0.0) * 1000
    timings: dict[str, float] = {"cache_n": row.cached}
    for name, count, spent in (("prompt", row.read, prompt_ms), ("predicted", len(answer.tokens), predicted_ms)):
        timings[f"{name}_n"], timings[f"{name}_ms"] = count, spent
        timings[f"{name}_per_token_ms"] = spent / count if count else 0.0
        timings[f"{name}_per_second"] = 1000 * count / spent if spent else 0.0
    return timings


def fields(whole: dict[str, Any], body: Options) -> dict[str, Any]:
    """The fields of an answer that the request wants."""
    if not body.response_fields:
        return whole
    found = {}
    for name in body.response_fields:
        value: Any = whole
        for part in name.split("/"):
            value = value[part] if isinstance(value, dict) and part in value else None
        if value is not None:
            found[name] = value
    return found


def note(rows: Sequence[Row], answers: Sequence[Answer], body: Options, ticket: Ticket) -> None:
    outcome = ticket.outcome
    outcome.cached_tokens = sum(row.cached for row in rows)
    outcome.prompt_tokens = outcome.cached_tokens + sum(row.read for row in rows)
    outcome.tokens = sum(len(answer.tokens) for answer in answers)
    late = any(answer.late for answer in answers)
    if not answers[0].request.max_tokens:
        outcome.end("served", "read the prompt for later")
    elif any(answer.writer.text for answer in answers):
        outcome.end("served", "t_max_predict_ms was over: gave what was ready" if late else "")
    elif late:
        outcome.end("too slow", "t_max_predict_ms was over before anything was ready")
    else:
        outcome.end("empty", f"nothing to suggest ({answers[0].stop_type()})")
