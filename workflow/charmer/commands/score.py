"""`charmer score`: how much code surprises a model, in bits per byte of each file and of all.

The measure is that of the metric bits_per_byte: windows slide by half, each token counts once, the end of a file does
not count. Files are decoded as the corpus decodes them; what it refuses is named with the reason.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from charmer.commands.support import models
from charmer.common.failure import Failure

if TYPE_CHECKING:
    from charmer.corpus.refusal import Refusal
    from charmer.report.scored import Scored

HELP = "bits per byte that a model needs for files of yours"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, or a directory of Python files")
    parser.add_argument("--json", action="store_true", help="print a JSON object a line; that of all files comes last")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that colors each character by surprise")
    models.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Score, print, and write the page if one is wanted; 1 where no file could be scored.

    Raises:
        Failure: a path or the model is not there, or no file can be read.
    """
    from charmer.common.files import write_text
    from charmer.corpus import given

    rows, refused = given.read(options.paths, workers=max(options.threads, 2))
    if rows:
        network, tokenizer = models.load(options)
        from charmer.report import scored

        files = scored.score(network, tokenizer, [(row["path"], row["text"]) for row in rows])
        show(files, refused, as_json=options.json)
        if options.html:
            name = models.folder(options.model).resolve().name
            write_text(options.html, scored.page(files, [(one.path, one.reason) for one in refused], name))
    else:
        show([], refused, as_json=options.json)
        raise Failure("none of the paths holds a file that can be scored")
    return 0


def show(files: list[Scored], refused: list[Refusal], as_json: bool) -> None:
    """Print a line for each file and one for all; the refused go to standard error, or among the JSON lines."""
    size, bits, tokens = (sum(getattr(file, name) for file in files) for name in ("bytes", "total_bits", "tokens"))
    if as_json:
        for file in files:
            record = {"path": file.path, "bits_per_byte": file.bits_per_byte, "bytes": file.bytes}
            print(json.dumps({**record, "tokens": file.tokens}, ensure_ascii=False))
        for one in refused:
            print(json.dumps({"path": one.path, "refused": one.reason, "detail": one.detail}, ensure_ascii=False))
        if files:
            record = {"path": None, "bits_per_byte": bits / size, "bytes": size}
            print(json.dumps({**record, "tokens": tokens, "files": len(files)}))
        return
    from charmer.corpus import given

    given.complain(refused)
    for file in files:
        print(f"{file.bits_per_byte:7.3f}  {file.path}")
    if len(files) > 1:
        print(f"{bits / size:7.3f}  all: {len(files):,} files, {size:,} bytes")
