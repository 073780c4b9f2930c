"""`charmer complete`: what the model would write at a place in a file.

Standard output holds the suggestion alone, as it is written; with --at it fits between what stands before and behind
that place. It ends by itself with its line, block, function or file (see `charmer.inference.endings`).

Exit code 0 also where nothing was left to suggest; 2 where arguments do not go together.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    from charmer.inference.decoder import Step
    from charmer.inference.sampling import Sampling
    from charmer.tokens.tokenizer import Tokenizer

HELP = "write on at the end of a file, or at a place in it"
STDIN = "-"
LARGEST = 64 << 20  # bytes
GUESSED = 1 << 20  # bytes of a file whose encoding is guessed where it is neither UTF-8 nor declared
ALTERNATIVES = 5  # shown with --explain


class Place(NamedTuple):
    """A place in a text: line and column, both from 1, in characters."""

    line: int
    column: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("file", nargs="?", default=STDIN, metavar="FILE", help="default, or -: standard input")
    parser.add_argument("--at", type=place, metavar="LINE:COL", help="the cursor, from 1:1 (default: the end)")
    parser.add_argument(
        "--until", choices=["line", "block", "function", "file"], default="block", help="where to end (default: block)"
    )
    parser.add_argument("--max-tokens", type=models.positive, metavar="N", help="default: by what --until asks for")
    parser.add_argument("--stop", action="append", default=[], metavar="S", help="a text to end before")
    parser.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="FILE",
        help="another file, whose turns of phrase count as well",
    )
    parser.add_argument("--only-valid", action="store_true", help="write nothing that could not become valid Python")
    parser.add_argument("--explain", action="store_true", help="show each token's alternatives and probabilities")
    parser.add_argument("--n", type=models.positive, default=1, metavar="N", help="how many suggestions (default: 1)")
    drawing = parser.add_argument_group("sampling")
    drawing.add_argument("--temperature", type=float, default=0.0, metavar="T", help="default: 0, the likeliest token")
    drawing.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens")
    drawing.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest that reach this share")
    drawing.add_argument("--min-p", type=float, metavar="P", help="and that are this share as likely as the likeliest")
    drawing.add_argument("--repetition-penalty", type=float, default=1.0, metavar="R", help="above 1 repeats less")
    drawing.add_argument("--seed", type=int, metavar="S", help="of the random numbers (default: 0)")
    models.add_arguments(parser)


def place(text: str) -> Place:
    """LINE:COL, for argparse."""
    line, colon, column = text.partition(":")
    if not (colon and line.isdecimal() and column.isdecimal() and int(line) > 0 and int(column) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form LINE:COL, both from 1")
    return Place(int(line), int(column))


def run(options: argparse.Namespace) -> int:
    """Suggest and print; 2 where arguments do not go together.

    Raises:
        Failure: the file, the place or the model is not there, or --only-valid finds a text that can't be mended.
    """
    if wrong := contradiction(options):
        print(f"charmer complete: {wrong}", file=sys.stderr)
        return 2
    before, after = parts(*text_of(options.file), options.at)
    beside = [text_of(file)[0] for file in options.beside]
    network, tokenizer = models.load(options)
    from charmer.inference import context, ngram_cache
    from charmer.inference.decoder import Decoder
    from charmer.inference.suggest import Draft, suggest

    folder = models.folder(options.model)
    infill = context.learned(folder)
    if after.strip() and not infill:
        print(
            "charmer complete: this model learned no infilling; the network reads what stands before alone",
            file=sys.stderr,
        )
    ngrams = ngram_cache.read(folder)
    if beside and ngrams is None:
        print("charmer complete: --beside: this model has no n-gram cache to count it with", file=sys.stderr)
    # To load compiled code takes as long as to write 250 tokens.
    decoder = Decoder(network, tokenizer, compiled=False, ngrams=ngrams)
    for number in range(options.n):
        if options.n > 1:
            print(f"{'' if number == 0 else chr(10)}# {number + 1} of {options.n}")
        draft = Draft(
            tokenizer,
            decoder.window,
            before,
            after,
            until=options.until,
            max_tokens=options.max_tokens,
            sampling=sampling(options, number),
            only_valid=options.only_valid,
            beside=beside,
            stop=options.stop,
            infill=infill,
            alternatives=ALTERNATIVES if options.explain else 0,
        )
        if options.explain:
            found = suggest(decoder, draft, watch=lambda step: explain(step, tokenizer))
            print(f"\n{found.text}")
        else:
            found = suggest(decoder, draft, show=write)
            if not found.text.endswith("\n"):
                write("\n")
        if found.reason == "empty":
            print("charmer complete: nothing to add here", file=sys.stderr)
    return 0


def contradiction(options: argparse.Namespace) -> str | None:
    """Why the values do not go together, or which is out of its range; None where all is well."""
    try:
        sampling(options, 0).check()
    except Failure as failure:
        return "--" + str(failure).replace("_", "-")
    if options.temperature == 0:
        idle = [name for name in ("top_k", "top_p", "min_p", "seed") if getattr(options, name) is not None]
        if idle:
            name = idle[0].replace("_", "-")
            return f"--{name}: has no effect at temperature 0, which takes the likeliest token; add --temperature 0.8"
        if options.n > 1:
            return f"--n {options.n}: all would be the same at temperature 0; add --temperature 0.8"
    if "" in options.stop:
        return "--stop: is empty, and would end every suggestion before it begins"
    return None


def sampling(options: argparse.Namespace, number: int) -> Sampling:
    """How the tokens of suggestion `number` are drawn."""
    from charmer.inference.sampling import Sampling

    given = {"top_k": options.top_k, "top_p": options.top_p, "min_p": options.min_p}
    given = {name: value for name, value in given.items() if value is not None}
    seed = options.seed or 0
    return Sampling(
        temperature=options.temperature,
        repetition_penalty=options.repetition_penalty,
        seed=(seed, number) if number else seed,
        **given,
    )


def text_of(file: str) -> tuple[str, str]:
    """The text of a file, or of standard input, its newlines as they are; and what to call it.

    Raises:
        Failure: it can't be read, is too large, or is no text.
    """
    from charmer.corpus.reading import Unreadable, read

    if file == STDIN:
        if sys.stdin.isatty():
            print("charmer complete: reads the text from the terminal up to Ctrl-D", file=sys.stderr)
        data = sys.stdin.buffer.read(LARGEST + 1)
        name = "standard input"
    else:
        name = file
        if not Path(file).exists():
            raise Failure(f"{file}: there is no such file")
        try:
            data = read(file, LARGEST + 1)
        except Unreadable as problem:
            raise Failure(f"{file}: can't be read ({problem.reason}: {problem.detail})") from problem
    if len(data) > LARGEST:
        raise Failure(f"{name}: is larger than {LARGEST >> 20} MiB; give the part around the cursor")
    return decoded(data, name), name


def decoded(data: bytes, name: str) -> str:
    """Bytes as text: UTF-8, or what a mark, a declaration or a guess says, as in the corpus.

    Raises:
        Failure: they are no text.
    """
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode("utf-8-sig")
        if "\0" in text:
            raise Failure(f"{name}: holds null bytes, so it is no Python; name a text file")
        return text
    if len(data) > GUESSED:
        raise Failure(f"{name}: is not UTF-8, and too large to guess what it is; save it as UTF-8")
    from charmer.corpus.decode import decode

    found = decode(data)
    if found.replaced or "\0" in found.text:
        raise Failure(f"{name}: is no text in any encoding that Python reads; save it as UTF-8")
    return data.decode(found.encoding).removeprefix("\ufeff")


def parts(text: str, name: str, at: Place | None) -> tuple[str, str]:
    """What stands before and behind the cursor.

    Raises:
        Failure: the place is outside of the text.
    """
    if at is None:
        return text, ""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    if at.line > len(starts):
        raise Failure(f"--at {at.line}:{at.column}: {name} has {len(starts)} lines")
    start = starts[at.line - 1]
    stop = starts[at.line] if at.line < len(starts) else len(text)
    line = text[start:stop].rstrip("\r\n")
    if at.column > len(line) + 1:
        raise Failure(f"--at {at.line}:{at.column}: line {at.line} of {name} ends at column {len(line) + 1}")
    cursor = start + at.column - 1
    return text[:cursor], text[cursor:]


def write(text: str) -> None:
    """Print a part of the suggestion at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def explain(step: Step, tokenizer: Tokenizer) -> None:
    """Print one token: its probability, itself, and the likeliest tokens in its place."""
    import math

    others = [f"{math.exp(logprob):5.1%} {shown(other, tokenizer)}" for other, logprob in step.top]
    write(f"{math.exp(step.logprob):6.1%} {shown(step.token, tokenizer):20} {'  '.join(others)}\n")


def shown(token: int, tokenizer: Tokenizer) -> str:
    """A token's text in quotes, or its name."""
    piece = tokenizer.decode_bytes([token], show_special=True).decode("utf-8", errors="backslashreplace")
    return repr(piece)
