"""What requests may hold: the bodies of all endpoints, checked, and the source of the server's own OpenAPI description.

Notable here:
- Types are taken strictly, numbers within bounds, no infinity; what is wrong is said of the first wrong field.
- Fields that are not listed are passed over: editors send many that mean something to another server (`samplers`,
  `id_slot`, `lora`, penalties). What would change an answer behind the client's back is listed, and refused.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from charmer.common.failure import Failure
from charmer.inference.sampling import Sampling

MOST_ROWS = 64  # continuations of one request
MOST_STOPS = 16
RANDOM_SEEDS = (-1, 0xFFFFFFFF)  # llama.cpp's ways to say "any"

Token = Annotated[int, Field(ge=0, lt=2**31)]
Tokens = Annotated[list[Token], Field(max_length=1_000_000)]
Stop = Annotated[str, Field(max_length=1000)]
Share = Annotated[float, Field(ge=0, le=1)]
Temperature = Annotated[float, Field(ge=0, le=100)]
TopK = Annotated[int, Field(ge=-1, le=2**31 - 1)]  # 0 and -1: all tokens
Penalty = Annotated[float, Field(gt=0, le=100)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Milliseconds = Annotated[float, Field(ge=-1, le=1e9)]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


Some = TypeVar("Some", bound=Body)


class Unreadable(Exception):
    """A body that is not what its endpoint takes. The first argument is the status, the second says what is wrong."""

    @property
    def status(self) -> HTTPStatus:
        return self.args[0]


def read(kind: type[Some], body: bytes) -> Some:
    """A body as its endpoint's type.

    Raises:
        Unreadable: it is no JSON, or not of that type.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise Unreadable(HTTPStatus.BAD_REQUEST, _wrong(kind, error)) from None


def _wrong(kind: type[Body], error: ValidationError) -> str:
    """What is wrong with the first field that is: where it takes several types, what each of them asks for."""
    found = error.errors(include_url=False, include_input=False)
    first = found[0]["loc"][:1]
    reasons = dict.fromkeys(entry["msg"] for entry in found if entry["loc"][:1] == first)
    place = ".".join(str(part) for part in found[0]["loc"] if part in kind.model_fields or isinstance(part, int))
    return f"{place or 'the body'}: {'; or: '.join(list(reasons)[:3])}"


def seeded(seed: int | None) -> int:
    """A seed of 0 or more; a random one where none is given."""
    return secrets.randbits(32) if seed is None or seed in RANDOM_SEEDS else seed % 2**63


def listed(stop: str | list[str] | None) -> tuple[str, ...]:
    """The stop words of a request."""
    return tuple(word for word in ([stop] if isinstance(stop, str) else stop or []) if word)


class StreamOptions(Body):
    include_usage: bool = False


class Completions(Body):
    """`/v1/completions`, as OpenAI defines it, with `top_k`, `min_p` and `repetition_penalty` besides."""

    model: str | None = None
    prompt: str | Tokens | list[str] | list[Tokens] = "<|endoftext|>"
    suffix: str | None = None
    max_tokens: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = 16
    n: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = 1
    best_of: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: bool | None = False
    seed: Seed | None = None
    temperature: Temperature | None = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] | None = 1.0
    top_k: TopK | None = 0
    min_p: Share | None = 0.0
    repetition_penalty: Penalty | None = 1.0
    logit_bias: dict[str, float] | None = None

    def prompts(self) -> list[str | list[int]]:
        """One or several."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        if not self.prompt or isinstance(self.prompt[0], int):
            return [self.prompt]  # type: ignore[list-item]
        return list(self.prompt)

    def check(self) -> None:
        """Raise a Failure for what does not go together, or is not to be had here."""
        rows = len(self.prompts()) * max(self.n or 1, self.best_of or 1)
        if rows > MOST_ROWS:
            raise Failure(f"prompt: {rows} completions were asked for; at most {MOST_ROWS} in one request")
        if self.best_of is not None and self.best_of < (self.n or 1):
            raise Failure(f"best_of: {self.best_of} is less than n, {self.n or 1}")
        if self.best_of is not None and self.best_of > (self.n or 1) and self.stream:
            raise Failure("best_of: more than n can't be streamed, since the best are known at the end")
        if self.suffix and self.echo:
            raise Failure("echo: doesn't go together with suffix")
        if self.suffix and not isinstance(self.prompt, str):
            raise Failure("suffix: goes with a prompt that is one text")
        if self.logit_bias:
            raise Failure("logit_bias: is not supported")

    def sampling(self, seed: tuple[int, ...]) -> Sampling:
        """How tokens are drawn."""
        return Sampling(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_k=max(self.top_k or 0, 0),
            top_p=self.top_p or 1.0,
            min_p=self.min_p or 0.0,
            repetition_penalty=self.repetition_penalty or 1.0,
            seed=seed,
        )


class Options(Body):
    """What `/completion` and `/infill` share, as llama.cpp's server defines it."""

    n_predict: Annotated[int, Field(ge=-2, le=2**31 - 1)] | None = None
    max_tokens: Annotated[int, Field(ge=-1, le=2**31 - 1)] | None = None
    n_cmpl: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = 1
    n_indent: Annotated[int, Field(ge=0, le=1000)] | None = 0
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    stream: bool | None = False
    cache_prompt: bool | None = True
    seed: Seed | None = None
    temperature: float | None = None
    top_k: TopK | None = 40
    top_p: Share | None = 0.95
    min_p: Share | None = 0.05
    repeat_penalty: Penalty | None = 1.0
    samplers: list[Any] | str | None = None
    n_probs: Annotated[int, Field(ge=0, le=100)] | None = 0
    t_max_prompt_ms: Milliseconds | None = None
    t_max_predict_ms: Milliseconds | None = None
    response_fields: Annotated[list[str], Field(max_length=100)] | None = None
    return_tokens: bool | None = False

    def wanted(self, most: int) -> int:
        """Tokens that are to be written, at most; a negative number asks for as many as there may be."""
        asked = self.n_predict if self.n_predict is not None else self.max_tokens
        return most if asked is None or asked < 0 else min(asked, most)

    def sampling(self, seed: tuple[int, ...], temperature: float) -> Sampling:
        """How tokens are drawn: `temperature` where the request names none. A sampler that `samplers` leaves out is
        off; names that are unknown here are passed over."""
        known = {"temperature", "top_k", "top_p", "min_p", "penalties"}
        named = known if self.samplers is None or isinstance(self.samplers, str) else set(map(str, self.samplers))
        said = self.temperature if self.temperature is not None else temperature
        return Sampling(
            temperature=max(said, 0.0),
            top_k=max(self.top_k or 0, 0) if "top_k" in named else 0,
            top_p=(self.top_p or 1.0) if "top_p" in named else 1.0,
            min_p=(self.min_p or 0.0) if "min_p" in named else 0.0,
            repetition_penalty=self.repeat_penalty or 1.0,
            seed=seed,
        )


Mixed = Annotated[list[Token | str], Field(max_length=1_000_000)]


class Completion(Options):
    """`/completion`."""

    prompt: str | Mixed | list[str | Mixed]

    def prompts(self) -> list[str | list[int | str]]:
        """One or several: a list of texts alone is several, one with a token in it or with nothing is one."""
        if isinstance(self.prompt, str) or not self.prompt:
            return [self.prompt]  # type: ignore[list-item]
        several = all(isinstance(part, str | list) for part in self.prompt)
        return list(self.prompt) if several else [self.prompt]  # type: ignore[arg-type, list-item]


class Extra(Body):
    text: str
    filename: str | None = None


class Infill(Options):
    """`/infill`."""

    input_prefix: str
    input_suffix: str
    prompt: str | None = ""
    input_extra: Annotated[list[Extra], Field(max_length=1000)] | None = None


class Tokenize(Body):
    """`/tokenize`. `parse_special`: read the names of special tokens as these tokens."""

    content: str
    parse_special: bool = True
    add_special: bool = False
    with_pieces: bool = False


class Detokenize(Body):
    """`/detokenize`."""

    tokens: Tokens


class Check(Body):
    """`/check`. `false_alarms`: how many in 500 lines are worth a find."""

    text: str
    path: Annotated[str, Field(max_length=1000)] = "-"
    false_alarms: Annotated[float, Field(gt=0, le=500)] = 1.0


class Surprise(Body):
    """`/charmer/surprise`."""

    text: str


class Alternatives(Body):
    """`/charmer/alternatives`. `at`: characters of the text that stand before the place; null: all."""

    text: str
    at: Annotated[int, Field(ge=0)] | None = None
    count: Annotated[int, Field(ge=1, le=100)] = 10


class AttentionView(Body):
    """`/charmer/attention`. `layer`, `head`: null for the mean over all."""

    text: str
    layer: Annotated[int, Field(ge=0)] | None = None
    head: Annotated[int, Field(ge=0)] | None = None
