"""llama.cpp's endpoints, with the fields that editor plugins read: `/infill`, `/completion`, `/tokenize`, `/props`, ...

Notable here:
- `/infill` gives suggestions (see `charmer.inference.suggest`): they end with their block, repeat nothing that stands
  behind the cursor, and are the model's likeliest ones where the request names no temperature. `prompt` is the cursor's
  line up to the cursor, as llama.vim and llama.vscode send it.
- `n_predict` 0 reads the prompt and writes nothing, so that the next request finds it known.
- When `t_max_predict_ms` is over, counted from the end of the prompt's reading, what is ready is the answer.
- A name such as `timings/prompt_n` in `response_fields` comes back as a field of that very name; what is not there is
  left out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from charmer.common.failure import Failure
from charmer.inference.context import around
from charmer.inference.decoder import Request, Step
from charmer.inference.endings import Until
from charmer.inference.healing import Prompt
from charmer.inference.style import unix
from charmer.inference.suggest import Draft
from charmer.serve.batching import Row
from charmer.serve.fields import MOST_ROWS, Completion, Detokenize, Infill, Options, Tokenize, listed, seeded
from charmer.serve.generation import Middle, Place, Text, Writer, known, marked, parsed, shown
from charmer.serve.running import Ticket
from charmer.serve.service import Service

TEMPERATURE = 0.8  # of /completion, where the request names none


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
        """Why it ended, in llama.cpp's words."""
        if self.writer.word:
            return "word"
        limit = self.late or (len(self.tokens) >= self.request.max_tokens and not self.writer.over)
        return "limit" if limit else "eos"


def infill(service: Service, body: Infill, ticket: Ticket) -> Iterator[Any]:
    """The answer of `/infill`: one value, or where it is streamed, several."""
    extra = tuple(part.text for part in body.input_extra or [])
    place = Place(body.input_prefix + (body.prompt or ""), body.input_suffix, extra)
    return _complete(service, body, [place], "block", 0.0, ticket)


def completion(service: Service, body: Completion, ticket: Ticket) -> Iterator[Any]:
    """The answer of `/completion`: one value, or where it is streamed, several."""
    prompts = [_place(service, prompt) for prompt in body.prompts()]
    return _complete(service, body, prompts, "file", TEMPERATURE, ticket)


def _place(service: Service, prompt: str | list[int | str]) -> Place | str | list[int]:
    """A prompt as the place between two texts that it means, as a text, or as tokens."""
    if isinstance(prompt, str):
        return (parsed(prompt) if service.markers else None) or prompt
    tokenizer, ids = service.scheduler.tokenizer, []
    for part in prompt:
        encoded = [part] if isinstance(part, int) else tokenizer.encode(part, allow_special=service.markers).tolist()
        ids += known(tokenizer, encoded)
    return ids


def _complete(
    service: Service,
    body: Options,
    prompts: Sequence[Place | str | list[int]],
    until: Until,
    temperature: float,
    ticket: Ticket,
) -> Iterator[Any]:
    seed, copies, limit = seeded(body.seed), body.n_cmpl or 1, body.t_max_predict_ms or 0
    if len(prompts) * copies > MOST_ROWS:
        raise Failure(f"prompt: {len(prompts) * copies} completions; at most {MOST_ROWS} in one request")
    answers = [
        _answer(service, body, prompt, until, temperature, (seed, number, copy))
        for number, prompt in enumerate(prompts)
        for copy in range(copies)
    ]
    run = service.scheduler.submit([answer.request for answer in answers], ticket.cancelled)
    with contextlib.closing(run.events()) as events:
        for row, step in events:
            answer = answers[row.index]
            if step is None:
                new = answer.writer.finish()
                if body.stream:
                    if new:
                        yield _part(row, answer, new, [])
                    yield fields(_whole(service, body, row, answer) | {"content": "", "tokens": []}, body)
                continue
            new = _push(answer, step, body)
            late = limit > 0 and row.ready is not None and (answer.last - row.ready) * 1000 > limit
            if late or answer.writer.over:
                answer.late = late and not answer.writer.over
                row.stop()
            if body.stream and new:
                yield _part(row, answer, new, [step.token])
    _note(run.rows, answers, body, ticket)
    if not body.stream:
        wholes = [fields(_whole(service, body, *both), body) for both in zip(run.rows, answers, strict=True)]
        yield wholes if len(wholes) > 1 else wholes[0]


def _answer(
    service: Service,
    body: Options,
    prompt: Place | str | list[int],
    until: Until,
    temperature: float,
    seed: tuple[int, ...],
) -> Answer:
    tokenizer, stops = service.scheduler.tokenizer, listed(body.stop)
    most, indent = body.wanted(service.most_tokens), body.n_indent or 0
    sampling, alternatives = body.sampling(seed, temperature), body.n_probs or 0
    if isinstance(prompt, Place):
        draft = Draft(
            tokenizer,
            service.scheduler.window,
            prompt.before,
            prompt.after,
            until=until,
            max_tokens=most,
            sampling=sampling,
            extra=prompt.extra,
            stop=stops,
            infill=service.infill,
            alternatives=alternatives,
        )
        text = unix(prompt.before + (prompt.after if service.infill else ""))
        cut = _read(service, draft.request) < len(text.encode())
        return Answer(draft.request, Middle(tokenizer, draft, stops, indent), prompt.before, cut)
    room = service.room(most)
    if isinstance(prompt, str):
        read = marked(tokenizer, prompt, room) if service.markers else around(tokenizer, prompt, "", room)
    else:
        read, prompt = Prompt(prompt, b""), tokenizer.decode(prompt, show_special=True)
    request = Request(read.tokens, most, sampling, read.begin, alternatives=alternatives)
    cut = _read(service, request, show_special=service.markers) < len(prompt.encode())
    return Answer(request, Text(tokenizer, read.begin, stops, indent), prompt, cut)


def _read(service: Service, request: Request, show_special: bool = False) -> int:
    """The bytes of text that a request's prompt holds, those at the cursor among them that are written again."""
    window = service.scheduler.window
    tokens = request.prompt if len(request.prompt) < window else request.prompt[-window // 2 :]
    return len(service.scheduler.tokenizer.decode_bytes(tokens, show_special)) + len(request.begin)


def _push(answer: Answer, step: Step, body: Options) -> str:
    answer.last = time.monotonic()
    answer.tokens.append(step.token)
    if body.n_probs:
        answer.probabilities.append({"token": step.token, "logprob": step.logprob, "top": step.top})
    return answer.writer.push(step)


def _part(row: Row, answer: Answer, text: str, tokens: list[int]) -> dict[str, Any]:
    """One event of a stream."""
    part = {"index": row.index, "content": text, "tokens": tokens, "stop": False, "id_slot": 0}
    return part | {"tokens_predicted": len(answer.tokens), "tokens_evaluated": row.cached + row.read}


def _whole(service: Service, body: Options, row: Row, answer: Answer) -> dict[str, Any]:
    """A whole answer."""
    sampling, prompt, written = answer.request.sampling, row.cached + row.read, len(answer.tokens)
    whole = {
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
        whole["completion_probabilities"] = [_probabilities(service, entry) for entry in answer.probabilities]
    return whole


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


def _note(rows: Sequence[Row], answers: Sequence[Answer], body: Options, ticket: Ticket) -> None:
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


def tokenize(service: Service, body: Tokenize) -> dict[str, Any]:
    """The answer of `/tokenize`."""
    tokenizer = service.scheduler.tokenizer
    tokens = tokenizer.encode(body.content, allow_special=body.parse_special).tolist()
    if not body.with_pieces:
        return {"tokens": tokens}
    return {"tokens": [{"id": token, "piece": _piece(service, token)} for token in tokens]}


def _piece(service: Service, token: int) -> str | list[int]:
    piece = service.scheduler.tokenizer.decode_bytes([token], show_special=True)
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return list(piece)


def detokenize(service: Service, body: Detokenize) -> dict[str, Any]:
    """The answer of `/detokenize`."""
    tokenizer = service.scheduler.tokenizer
    return {"content": tokenizer.decode(known(tokenizer, body.tokens), show_special=True)}


def props(service: Service) -> dict[str, Any]:
    """The answer of `/props`."""
    params = {"n_predict": -1, "temperature": TEMPERATURE, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "stop": []}
    window = service.scheduler.window
    return {
        "default_generation_settings": {"id": 0, "n_ctx": window, "params": params},
        "total_slots": service.scheduler.decoder.slots,
        "model_path": service.name,
        "model_alias": service.name,
        "modalities": {"vision": False, "audio": False},
        "chat_template": "",
        "build_info": "charmer",
        "is_sleeping": False,
    }
