"""What weights in 8 bits cost: bits per byte of held-out files, in each way in which this project writes such weights.

    python tests/benchmarks/eight_bits.py --model results/models/NAME --tokens results/tokens/NAME/val.npy

Of each file the tokens that fit into one window are counted. "The decoder's kernel" takes them one by one with the code
that `charmer serve` runs, in float32 and in 8 bits; "Q8_0" is what `charmer export --to gguf --type Q8_0` stores, read
by PyTorch; with --llama the files are read by llama.cpp too, which rounds what it multiplies with such weights as well.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from charmer.evaluation.support import heldout
from charmer.export import gguf as export
from charmer.inference.forward import Forward
from charmer.inference.score import bits_per_token
from charmer.model import folder
from charmer.model.network import Transformer

Bits = list[np.ndarray]  # of each file's tokens


def rounded(network: Transformer) -> Transformer:
    """The network with its matrices as Q8_0 stores them."""
    network = copy.deepcopy(network)
    kind = gguf.GGMLQuantizationType.Q8_0
    for weight in network.parameters():
        if weight.ndim == 2:
            stored = gguf.quantize(weight.detach().float().numpy(), kind)
            weight.data.copy_(torch.from_numpy(gguf.dequantize(stored, kind)))
    return network


def by_kernel(network: Transformer, files: Sequence[np.ndarray], eof: int, eight_bits: bool) -> Bits:
    """What the decoder's kernel needs for each token."""
    window = network.config.context_length
    forward = Forward(network, 1, window, torch.float32, compiled=True, eight_bits=eight_bits)
    found = []
    for tokens in files:
        read = enumerate([eof, *tokens[:-1]])
        logits = [forward.extend(torch.tensor([token]), [0], [place]) for place, token in read]
        found.append(-torch.cat(logits).log_softmax(-1).numpy()[np.arange(len(tokens)), tokens] / np.log(2))
    return found


def by_llama(model: Path, kind: str, files: Sequence[np.ndarray], eof: int, threads: int) -> Bits:
    """What llama.cpp needs for each token."""
    import llama_cpp

    with tempfile.TemporaryDirectory() as place:
        file = export.write(model, Path(place) / f"{kind}.gguf", kind)[0]
        window = max(map(len, files))
        llama = llama_cpp.Llama(str(file), n_ctx=window, n_threads=threads, logits_all=True, verbose=False)
        found = []
        for tokens in files:
            llama.reset()
            llama.eval([eof, *tokens[:-1].tolist()])
            logits = torch.from_numpy(llama.scores[: len(tokens)].copy())
            found.append(-logits.log_softmax(-1).numpy()[np.arange(len(tokens)), tokens] / np.log(2))
        return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True, help="of held-out files, val.parquet beside val.npy")
    parser.add_argument("--bytes", type=int, default=500_000, help="of files, of which the windows hold less than half")
    parser.add_argument("--llama", action="store_true", help="ask llama.cpp too")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network, tokenizer = folder.load(options.model)
    window, eof = network.config.context_length, tokenizer.eof
    documents = heldout.documents(options.tokens, options.tokens.with_suffix(".parquet"), tokenizer, options.bytes)
    files = [document.tokens[:window] for document in documents]
    size = sum(len(tokenizer.decode_bytes(tokens)) for tokens in files)
    ways: dict[str, Callable[[], Bits]] = {
        "as it is stored, by PyTorch": lambda: bits_per_token(network, files, eof, window + 1),
        "Q8_0, by PyTorch": lambda: bits_per_token(rounded(network), files, eof, window + 1),
        "float32, by the decoder's kernel": lambda: by_kernel(network, files, eof, eight_bits=False),
        "8 bits, by the decoder's kernel": lambda: by_kernel(network, files, eof, eight_bits=True),
    }
    for kind in export.TYPES if options.llama else ():
        ways[f"{kind}, by llama.cpp"] = lambda kind=kind: by_llama(options.model, kind, files, eof, options.threads)
    print(f"{len(files)} files, {size:,} bytes, {sum(map(len, files)):,} tokens")
    print(f"{'':36}{'bits per byte':>14}{'more by':>10}{'in the worst file':>20}")
    exact: list[float] = []
    with torch.inference_mode():
        for name, measure in ways.items():
            sums = [float(bits.sum()) for bits in measure()]
            exact = exact or sums
            more = sum(sums) / sum(exact) - 1
            worst = max(there / here - 1 for there, here in zip(sums, exact, strict=True))
            print(f"{name:36}{sum(sums) / size:14.4f}{more:10.3%}{worst:20.2%}", flush=True)


if __name__ == "__main__":
    main()
