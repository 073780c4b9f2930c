"""What becomes of files that declare no encoding: a table by how much natural language they hold.

    python tests/benchmarks/decoding.py

Each text of the tests' languages is put into a module as comments, cut to so many bytes, and encoded in every encoding
that its language is written in. Exact means: the decoded text equals the one that was encoded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from charmer.corpus.decode import decode

from tests.corpus.languages import ENCODINGS, TEXTS

SIZES = (1000, 300, 80)  # bytes of comments


def cut(text: str, encoding: str, size: int) -> str:
    """Whole words of a text's beginning, some `size` bytes of them."""
    return text.encode(encoding)[:size].decode(encoding, "ignore").rpartition(" ")[0]


def read(size: int) -> Iterator[tuple[str, str, str]]:
    """(language, encoding, what it was read as; "" where that is exact)."""
    for language, encodings in ENCODINGS.items():
        for encoding in encodings:
            comment = cut(TEXTS[language], encoding, size).replace("\n", "\n    # ")
            text = f"import os\n\n\ndef step(path, limit=1):\n    # {comment}\n    return os.path.join(path, limit)\n"
            decoded = decode(text.encode(encoding))
            lost = f", {decoded.replaced} characters lost" if decoded.replaced else ""
            yield language, encoding, "" if decoded.text == text else decoded.encoding + lost


def main() -> None:
    for size in SIZES:
        cases = list(read(size))
        wrong = [case for case in cases if case[2]]
        print(f"{size:5} bytes of comments: {len(cases) - len(wrong)} of {len(cases)} exact")
        for language, encoding, became in wrong:
            print(f"      {language} in {encoding} was read as {became}")


if __name__ == "__main__":
    main()
