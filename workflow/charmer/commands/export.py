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
        default="F32",
        help="number type of the matrices in gguf; the others are F32 (default: F32)",
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
    if options.type not in module.TYPES:
        raise Failure(f"--type {options.type}: --to {options.to} writes {', '.join(module.TYPES)}; use --to gguf")
    if options.out.is_file() and options.out.suffix != f".{options.to}":
        raise Failure(f"--out {options.out}: is a file; name a folder")
    for file in module.write(chosen, options.out, options.type):
        print(f"{file.stat().st_size:13,} bytes  {file}")
