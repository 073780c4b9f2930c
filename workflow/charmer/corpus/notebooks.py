"""The code cells of a Jupyter notebook as one Python text (nbformat 3 and 4), without a dependency for it."""

from __future__ import annotations

import json
import re
from typing import Any

from charmer.corpus.reading import Unreadable

MAGIC = re.compile(r"^(\s*)(%|!|\?|[\w.]+\?\??\s*$)")


def code(text: str) -> str:
    """The code cells in their order, an empty line between two.

    Lines that only IPython understands (magics, shell commands, help) and cells of another language (`%%bash`) stay
    as comments, so that what remains is Python.

    Raises:
        Unreadable: the text is no notebook, or one of another language.
    """
    try:
        notebook = json.loads(text)
        metadata = notebook.get("metadata", {})
        cells = notebook["cells"] if "cells" in notebook else [c for w in notebook["worksheets"] for c in w["cells"]]
        kernel = metadata.get("language_info") or metadata.get("kernelspec") or {}
        language = kernel.get("name") if "language_info" in metadata else kernel.get("language")
        sources = [_source(cell) for cell in cells if cell.get("cell_type") == "code"]
        "".join([*sources, str(language)]).encode()  # JSON can spell half of a surrogate pair, which no text can hold
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable("not a notebook", f"{type(error).__name__}: {error}") from None
    if language and "python" not in str(language).lower():
        raise Unreadable("not a notebook", f"its language is {str(language)[:80]}")
    return "".join(f"{_commented(source)}\n\n" for source in sources if source.strip())[:-1]


def _source(cell: dict[str, Any]) -> str:
    source = cell["source"] if "source" in cell else cell["input"]
    joined = source if isinstance(source, str) else "".join(source)
    return joined.replace("\r\n", "\n").replace("\r", "\n").rstrip()


def _commented(source: str) -> str:
    lines = source.split("\n")
    whole = lines[0].startswith("%%") and not lines[0].startswith(("%%time", "%%capture", "%%prun"))
    return "\n".join((f"# {line}" if line.strip() else line) if whole or MAGIC.match(line) else line for line in lines)
