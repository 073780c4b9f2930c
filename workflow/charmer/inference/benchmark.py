"""How fast a model writes and reads, and how long a suggestion of one line takes; beside llama.cpp on the same weights.

    python -m charmer.inference.benchmark --model results/models/NAME --gguf model-F16.gguf

Notable here:
- Rates are those of the fastest repeat, and the programs take turns, so that others on the machine count little.
- Prompts are of Python's standard library, which lies everywhere. Rates are measured behind prompts that half of the
  window holds. Suggestions come after 1,000 tokens, or as many as the window holds beside a line: with the prefix
  known (a person has typed one more character since the last suggestion) and unknown (another file).
- Without --gguf, or without llama-cpp-python, its columns are left away.
"""

from __future__ import annotations

import argparse
import asyncio.base_events
import inspect
import subprocess
import tarfile
import time
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from charmer.common.failure import Failure
from charmer.inference import ngram_cache
from charmer.inference.decoder import Decoder, Request
from charmer.inference.suggest import MAX_TOKENS, Draft, suggest
from charmer.model import folder
from charmer.tokens.tokenizer import Tokenizer

FILES = (argparse, tarfile, subprocess, typing, inspect, asyncio.base_events)
WRITTEN = 64  # tokens in each measurement of writing
CONTEXT = 1000  # tokens before the cursor
TYPED = 8  # characters typed in each place, with a suggestion after each

Rates = tuple[float, float]  # tokens a second, read and written


def passages(tokenizer: Tokenizer, length: int, count: int) -> list[list[int]]:
    """`count` runs of `length` tokens of the standard library."""
    files = [tokenizer.encode(inspect.getsource(file)).tolist() for file in FILES]
    cut = [ids[at : at + length] for at in range(0, 100 * length, length) for ids in files]
    return [ids for ids in cut if len(ids) == length][:count]


def own_rates(decoder: Decoder, prompt: list[int]) -> Rates:
    """Of Charmer's decoder; the prompt must be new to it."""
    start = time.perf_counter()
    slot = decoder.admit(Request(prompt, WRITTEN + 1, stop=frozenset()))
    decoder.step()
    read = time.perf_counter()
    for _ in range(WRITTEN):
        decoder.step()
    end = time.perf_counter()
    decoder.release(slot)
    return decoder.read(slot) / (read - start), WRITTEN / (end - read)


def their_rates(llama: Any, prompt: list[int]) -> Rates:
    """Of llama.cpp's Python binding."""
    llama.reset()
    start = time.perf_counter()
    tokens = llama.generate(prompt, temp=0.0, top_k=1, reset=True)
    next(tokens)
    read = time.perf_counter()
    for _ in range(WRITTEN):
        next(tokens)
    return len(prompt) / (read - start), WRITTEN / (time.perf_counter() - read)


def best_rates(measures: list[Callable[[list[int]], Rates]], prompts: list[list[int]]) -> list[Rates]:
    """The fastest of each program over all prompts, which they read in turns."""
    rates = np.array([[measure(prompt) for measure in measures] for prompt in prompts])
    return [(float(read), float(written)) for read, written in rates[1:].max(0)]  # the first warms up


def latencies(decoder: Decoder, prompts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds of each suggestion with the prefix known, and unknown."""
    known: list[float] = []
    unknown: list[float] = []
    for prompt in prompts:
        text = decoder.tokenizer.decode(prompt)
        for typed in range(-TYPED, 0):
            start = time.perf_counter()
            suggest(decoder, Draft(decoder.tokenizer, decoder.window, text[:typed], until="line"))
            (unknown if typed == -TYPED else known).append(1000 * (time.perf_counter() - start))
    return np.array(known[TYPED - 1 :]), np.array(unknown[1:])  # the first warms up


def benchmark(model: Path, gguf: Path | None, threads: int, repeats: int) -> None:
    """Print the table.

    Raises:
        Failure: the model or the GGUF file cannot be opened.
    """
    torch.set_num_threads(threads)
    network, tokenizer = folder.load(model)
    decoder = Decoder(network, tokenizer)
    suggesting = Decoder(network, tokenizer, ngrams=ngram_cache.read(model))
    half = decoder.window // 2
    measures: list[Callable[[list[int]], Rates]] = [lambda prompt: own_rates(decoder, prompt)]
    names = ["charmer"]
    if gguf is not None and (llama := _llama(gguf, decoder.window, threads)) is not None:
        measures.append(lambda prompt: their_rates(llama, prompt))
        names.append(f"llama.cpp {gguf.stem}")
    rates = best_rates(measures, passages(tokenizer, half, repeats + 1))
    parameters = sum(weight.numel() for weight in network.parameters()) / 1e6
    print(f"{parameters:.1f} M parameters, {threads} threads; tokens a second behind {half} tokens")
    print(f"{'':32}{'reads':>10}{'writes':>10}")
    for name, (read, written) in zip(names, rates, strict=True):
        print(f"{name:32}{read:10,.0f}{written:10,.0f}")
    length = min(CONTEXT, max(decoder.window - MAX_TOKENS["line"], half))
    known, unknown = latencies(suggesting, passages(tokenizer, length, repeats))
    print(f"\none line behind {length} tokens, ms{'median':>12}{'95 %':>10}")
    for name, times in (("prefix known", known), ("prefix unknown", unknown)):
        print(f"{name:32}{np.percentile(times, 50):10.0f}{np.percentile(times, 95):10.0f}")


def _llama(gguf: Path, window: int, threads: int) -> Any | None:
    try:
        import llama_cpp
    except ImportError:
        print("llama-cpp-python is not installed: no comparison")
        return None
    try:
        return llama_cpp.Llama(
            str(gguf), n_ctx=window, n_batch=window, n_threads=threads, n_threads_batch=threads, verbose=False
        )
    except ValueError as error:
        raise Failure(f"{gguf}: llama.cpp cannot open it ({error})") from error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m charmer.inference.benchmark", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="a model's folder")
    parser.add_argument("--gguf", type=Path, help="the same weights for llama.cpp, as charmer export writes them")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the processor")
    parser.add_argument("--repeats", type=int, default=10, help="passages that are read")
    options = parser.parse_args()
    benchmark(options.model, options.gguf, options.threads, options.repeats)
