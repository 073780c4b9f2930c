"""`charmer export`: a model in the format of another program: Hugging Face's transformers, llama.cpp, or ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from charmer.commands.support import models
from charmer.common.failure import Failure

HELP = "write a model for transformers, llama.cpp and Ollama, or onnxruntime"
FORMATS = ("hf", "gguf", "onnx")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--to", choices=FORMATS, required=True, help="the format")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="a folder, or for gguf and onnx a file of that suffix"
    )
    parser.add_argument(
        "--type",
        type=str.upper,
        choices=["F32", "F16", "BF16", "Q8_0"],
        help="number type of the matrices in gguf (default: F32); onnx is F32, and hf keeps that of the weights",
    )
    models.add_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Write the files, and print their names and sizes.

    Raises:
        Failure: the model is not there or is damaged, the format cannot carry it, a package is not installed, or the
            files cannot be written.
    """
    import importlib

    chosen = models.folder(options.model)
    module = importlib.import_module(f"charmer.export.{options.to}")
    kind = options.type or module.TYPES[0]
    if kind not in module.TYPES:
        raise Failure(f"--type {kind}: not with --to {options.to}; leave it out, or use --to gguf")
    if options.out.is_file() and options.out.suffix != f".{options.to}":
        raise Failure(f"--out {options.out}: is a file; name a folder")
    try:
        files = module.write(chosen, options.out, kind)
    except OSError as error:
        raise Failure(f"--out {options.out}: can't be written ({error.strerror}); name another place") from error
    for file in files:
        print(f"{file.stat().st_size:13,} bytes  {file}")
