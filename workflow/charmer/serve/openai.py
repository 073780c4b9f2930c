"""OpenAI's `/v1/models` and `/v1/completions`.

Notable here:
- All choices of a request run side by side in the decoder's batch, and share the reading of their prompt.
- `suffix` asks for what stands between two texts, as do the marks of fill-in-the-middle in a prompt, which many editors
  write as text. Then the answer is a suggestion, which repeats nothing of what follows.
- `echo` with `logprobs` and no new tokens scores a text, as evaluation programs ask.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from charmer.inference.context import around
from charmer.inference.decoder import Request, Step
from charmer.inference.healing import Prompt
from charmer.inference.suggest import Draft
from charmer.serve import analysis
from charmer.serve.batching import Run
from charmer.serve.fields import Completions, listed, seeded
from charmer.serve.generation import Middle, Pieces, Place, Text, Writer, counted, known, marked, parsed, shown
from charmer.serve.running import Ticket
from charmer.serve.service import Service
from charmer.tokens.tokenizer import Tokenizer

DONE = "[DONE]"


def models(service: Service) -> dict[str, Any]:
    """The answer of `/v1/models`."""
    config = service.scheduler.model.config
    meta = {"n_ctx_train": config.context_length, "n_vocab": config.vocab_size, "n_embd": config.width}
    meta["n_params"] = sum(weight.numel() for weight in service.scheduler.model.parameters())
    model = {"id": service.name, "object": "model", "created": service.created, "owned_by": "charmer", "meta": meta}
    return {"object": "list", "data": [model]}


@dataclass
class Choice:
    """One continuation, and what is said of each of its tokens.

    Attributes:
        request: for the decoder.
        entries: what is told of each token, where the request wants that; those from `told` on are still to be sent.
    """

    request: Request
    writer: Writer
    tokens: int = 0
    total: float = 0.0
    entries: list[dict[str, Any]] | None = None
    told: int = 0

    def begin(self, tokenizer: Tokenizer) -> None:
        """Tell of each token from now on."""
        self.entries, self._tokenizer = [], tokenizer
        self._pieces, self._at = Pieces(tokenizer, self.request.begin), 0

    def push(self, step: Step) -> str:
        """One more token; gives the text that may be shown now."""
        self.tokens, self.total = self.tokens + 1, self.total + step.logprob
        if self.entries is not None and (piece := self._pieces.fresh(step.token)):
            top = {shown(self._tokenizer.decode_bytes([token], True)): value for token, value in step.top}
            self.entries.append(entry(shown(piece), step.logprob, top, self._at))
            self._at += len(piece.decode("utf-8", "ignore"))
        return self.writer.push(step)

    @property
    def reason(self) -> str:
        """Why it ended."""
        return "length" if self.tokens >= self.request.max_tokens and not self.writer.over else "stop"

    @property
    def mean_logprob(self) -> float:
        return self.total / max(self.tokens, 1)

    def entries_to_tell(self) -> list[dict[str, Any]]:
        """The entries of tokens whose text has been shown since the last call."""
        seen = [row for row in (self.entries or [])[self.told :] if row["text_offset"] < len(self.writer.text)]
        self.told += len(seen)
        return seen


def entry(token: str, logprob: float | None, top: dict[str, float] | None, offset: int) -> dict[str, Any]:
    """What is told of one token."""
    return {"tokens": token, "token_logprobs": logprob, "top_logprobs": top, "text_offset": offset}


def told(entries: Sequence[dict[str, Any]], shift: int = 0) -> dict[str, list[Any]]:
    """A `logprobs` object: a list for each kind of figure."""
    columns = {name: [row[name] for row in entries] for name in entry("", None, None, 0)}
    columns["text_offset"] = [offset + shift for offset in columns["text_offset"]]
    return columns


def complete(service: Service, body: Completions, ticket: Ticket) -> Iterator[dict[str, Any] | str]:
    """The answer of `/v1/completions`: one value, or where it is streamed, chunks and `[DONE]`.

    Raises:
        Failure: values that don't go together, or are out of range.
    """
    body.check()
    asked, copies = _Asked(service, body), max(body.n or 1, body.best_of or 1)
    choices = [asked.choice(text, (number, copy)) for number, text in enumerate(asked.texts) for copy in range(copies)]
    head = {
        "id": f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": service.name,
    }
    run = service.scheduler.submit([choice.request for choice in choices], ticket.cancelled)
    echoes = [asked.echo(text, ticket) for text in asked.texts]
    if body.stream:
        for index in range(len(choices) if body.echo else 0):
            text, logprobs = echoes[index // copies]
            yield head | {"choices": [_choice(index, text, logprobs, None)]}
    with contextlib.closing(run.events()) as events:
        for row, step in events:
            choice = choices[row.index]
            new = choice.writer.finish() if step is None else choice.push(step)
            if choice.writer.over:
                row.stop()
            reason = choice.reason if step is None else None
            if body.stream and (new or reason):
                shift = len(echoes[row.index // copies][0])
                said = told(choice.entries_to_tell(), shift) if choice.entries is not None else None
                yield head | {"choices": [_choice(row.index, new, said, reason)]}
    usage = _usage(run, choices, copies, ticket)
    if body.stream:
        if body.stream_options and body.stream_options.include_usage:
            yield head | {"choices": [], "usage": usage}
        yield DONE
        return
    best: list[dict[str, Any]] = []
    for number, (text, logprobs) in enumerate(echoes):
        own = choices[number * copies : (number + 1) * copies]
        if copies > (body.n or 1):
            own = sorted(own, key=lambda choice: -choice.mean_logprob)[: body.n or 1]
        for choice in own:
            said = told(choice.entries_to_tell(), len(text)) if choice.entries is not None else None
            if logprobs and said:
                said = {name: logprobs[name] + said[name] for name in said}
            best.append(_choice(len(best), text + choice.writer.text, said, choice.reason))
    yield head | {"choices": best, "usage": usage}


class _Asked:
    """What a request asks for."""

    def __init__(self, service: Service, body: Completions) -> None:
        self.service, self.body, self.tokenizer = service, body, service.scheduler.tokenizer
        most = service.most_tokens if body.max_tokens is None else body.max_tokens
        self.most = min(most, service.most_tokens)
        self.seed = seeded(body.seed)
        self.texts = body.prompts()

    def choice(self, text: str | list[int], place: tuple[int, int]) -> Choice:
        """One continuation of one prompt; `place` makes its random numbers its own."""
        body, service = self.body, self.service
        sampling = body.sampling((self.seed, *place))
        stops, alternatives = listed(body.stop), body.logprobs or 0
        if cursor := self._cursor(text):
            draft = Draft(
                self.tokenizer,
                service.scheduler.window,
                cursor.before,
                cursor.after,
                until="file",
                max_tokens=self.most,
                sampling=sampling,
                extra=cursor.extra,
                stop=stops,
                infill=service.infill,
                alternatives=alternatives,
            )
            choice = Choice(draft.request, Middle(self.tokenizer, draft, stops))
        else:
            prompt = self._prompt(text)
            given = counted(self.tokenizer, text, prompt.begin) if isinstance(text, str) else None
            request = Request(prompt.tokens, self.most, sampling, prompt.begin, alternatives=alternatives, given=given)
            choice = Choice(request, Text(self.tokenizer, prompt.begin, stops))
        if body.logprobs is not None:
            choice.begin(self.tokenizer)
        return choice

    def _cursor(self, text: str | list[int]) -> Place | None:
        """The place between two texts that a prompt means, if it does."""
        if not isinstance(text, str):
            return None
        if self.body.suffix:
            return Place(text, self.body.suffix)
        return parsed(text) if self.service.markers and not self.body.echo else None

    def _prompt(self, text: str | list[int]) -> Prompt:
        if not isinstance(text, str):
            return Prompt(known(self.tokenizer, text), b"")
        room = self.service.room(self.most)
        return marked(self.tokenizer, text, room) if self.service.markers else around(self.tokenizer, text, "", room)

    def echo(self, text: str | list[int], ticket: Ticket) -> tuple[str, dict[str, list[Any]] | None]:
        """The prompt as text, and what the network alone tells of its tokens, where the request wants them."""
        if not self.body.echo:
            return "", None
        tokenizer = self.tokenizer
        if isinstance(text, str):
            ids = tokenizer.encode(text, allow_special=self.service.markers).tolist()
        else:
            ids, text = text, tokenizer.decode(text, show_special=True)
        if self.body.logprobs is None:
            return text, None
        entries: list[dict[str, Any]] = []
        offset = 0
        scores = analysis.scores(self.service, ids, self.body.logprobs, ticket)
        for token, (logprob, top) in zip(ids, scores, strict=True):
            first = not entries  # nothing stands before it that could foretell it
            likely = None if first else {shown(tokenizer.token_bytes(other)): value for other, value in top}
            piece = tokenizer.decode_bytes([token], show_special=True)
            entries.append(entry(shown(piece), None if first else logprob, likely, offset))
            offset += len(piece.decode("utf-8", "ignore"))
        return text, told(entries)


def _choice(index: int, text: str, logprobs: dict[str, list[Any]] | None, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}


def _usage(run: Run, choices: Sequence[Choice], copies: int, ticket: Ticket) -> dict[str, Any]:
    firsts = run.rows[::copies]
    prompt = sum(row.cached + row.read for row in firsts)
    written = sum(choice.tokens for choice in choices)
    cached = sum(row.cached for row in firsts)
    outcome = ticket.outcome
    outcome.prompt_tokens, outcome.cached_tokens, outcome.tokens = prompt, cached, written
    if choices[0].request.max_tokens and not any(choice.writer.text for choice in choices):
        outcome.end("empty", f"the model ended at once ({choices[0].reason})")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
