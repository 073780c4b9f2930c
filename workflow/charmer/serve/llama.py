"""llama.cpp's endpoints, with the fields that editor plugins read: `/infill`, `/completion`, `/tokenize`, `/props`, ...

Notable here:
- `/infill` gives suggestions (see `charmer.inference.suggest`): they end with their block, repeat nothing that stands
  behind the cursor, and are the model's likeliest ones where the request names no temperature. `prompt` is the cursor's
  line up to the cursor, as llama.vim and llama.vscode send it.
- `n_predict` 0 reads the prompt and writes nothing, so that the next request finds it known.
- When `t_max_predict_ms` is over, counted from the end of the prompt's reading, what is ready is the answer, at once,
  be it a whole line or not (llama.cpp's own server goes on up to the first newline).
- What the answers look like is in `llama_answers`.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from charmer.common.failure import Failure
from charmer.inference.context import around
from charmer.inference.decoder import Request, Step
from charmer.inference.endings import Until
from charmer.inference.healing import Prompt
from charmer.inference.style import unix
from charmer.inference.suggest import Draft
from charmer.serve.fields import MOST_ROWS, Completion, Detokenize, Infill, Options, Tokenize, listed, seeded
from charmer.serve.generation import Middle, Place, Text, counted, known, marked, parsed
from charmer.serve.llama_answers import Answer, fields, note, part, whole
from charmer.serve.running import Ticket
from charmer.serve.service import Service

TEMPERATURE = 0.8  # of /completion, where the request names none


def infill(service: Service, body: Infill, ticket: Ticket) -> Iterator[Any]:
    """The answer of `/infill`: one value, or where it is streamed, several."""
    extra = tuple(other.text for other in body.input_extra or [])
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
    for piece in prompt:
        encoded = [piece] if isinstance(piece, int) else tokenizer.encode(piece, allow_special=service.markers).tolist()
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
    seed, copies, limit = seeded(body.seed), body.n_cmpl or 1, body.t_max_predict_ms or 0  # -1 and 0: none
    if len(prompts) * copies > MOST_ROWS:
        raise Failure(f"prompt: {len(prompts) * copies} completions; at most {MOST_ROWS} in one request")
    answers = [
        _answer(service, body, prompt, until, temperature, (seed, number, copy))
        for number, prompt in enumerate(prompts)
        for copy in range(copies)
    ]
    run = service.scheduler.submit([answer.request for answer in answers], ticket.cancelled)
    with contextlib.closing(run.events(limit / 1000 if limit > 0 else math.inf)) as events:
        for row, step in events:
            answer = answers[row.index]
            if step is None:
                answer.late = row.late and not answer.writer.over
                new = answer.writer.finish()
                if body.stream:
                    if new:
                        yield part(row, answer, new, [])
                    yield fields(whole(service, body, row, answer) | {"content": "", "tokens": []}, body)
                continue
            new = _push(answer, step, body)
            if answer.writer.over:
                row.stop()
            if body.stream and new:
                yield part(row, answer, new, [step.token])
    note(run.rows, answers, body, ticket)
    if not body.stream:
        wholes = [fields(whole(service, body, *both), body) for both in zip(run.rows, answers, strict=True)]
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
        request = replace(draft.request, reuse=body.cache_prompt is not False)
        return Answer(request, Middle(tokenizer, draft, stops, indent), prompt.before, cut)
    room = service.room(most)
    if isinstance(prompt, str):
        read = marked(tokenizer, prompt, room) if service.markers else around(tokenizer, prompt, "", room)
        given = counted(tokenizer, prompt, read.begin)
    else:
        read, given = Prompt(prompt, b""), None
        prompt = tokenizer.decode(read.tokens, show_special=True)
    reuse = body.cache_prompt is not False
    request = Request(read.tokens, most, sampling, read.begin, alternatives=alternatives, given=given, reuse=reuse)
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
