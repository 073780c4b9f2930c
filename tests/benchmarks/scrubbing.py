"""The scrubber against its detector run over every line: what the prefilter misses, and hits to look at.

    python tests/benchmarks/scrubbing.py              recall of the prefilter over 20 MB of what is installed here
    python tests/benchmarks/scrubbing.py --hits 200   and so many hits of the scrubber, drawn at random, line by line

The detector alone reads 0.3 MB/s, which is why it sees only the lines that the prefilter picks.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from charmer.corpus import secrets, sources
from charmer.corpus.decode import decode
from charmer.corpus.found import Found

EVERYTHING = ({"name": "stdlib", "kind": "stdlib"}, {"name": "all", "kind": "distributions", "packages": ["all"]})
SETTINGS = {"max_file_mb": 1.0, "notebooks": False, "shebang_scripts": False}


def texts(mb: float, seed: int) -> Iterator[tuple[str, bytes]]:
    """(path, UTF-8) of files drawn at random, so many MB together."""
    found = [file for source in EVERYTHING for file in sources.files(source, SETTINGS) if isinstance(file, Found)]
    random.Random(seed).shuffle(found)
    left = mb * 1e6
    for file in found:
        if left > 0 and file.place is not None and file.path.endswith(".py"):
            data = decode(Path(file.place).read_bytes()).text.encode()
            left -= len(data)
            yield file.path, data


def recall(files: list[tuple[str, bytes]]) -> None:
    """Print how many of the detector's hits stand on lines that the prefilter shows to it."""
    found, shown = Counter[str](), Counter[str]()
    for _, data in files:
        lines = {data[begin:end] for begin, end in secrets.suspicious(data)}
        for line in data.splitlines():
            if len(line) <= secrets.LONGEST_LINE:
                text = line.decode()
                for plugin, secret in secrets.detected(text):
                    kinds = ["any hit of the detector"] + ["held to be a secret"] * bool(
                        secrets.credible(plugin, secret, text)
                    )
                    found.update(kinds)
                    shown.update(kinds if line in lines else [])
    for kind, count in sorted(found.items()):
        print(f"{kind}: {shown[kind]} of {count} on lines that the prefilter picks ({shown[kind] / count:.1%})")


def hits(files: list[tuple[str, bytes]], wanted: int, seed: int) -> None:
    """Print hits of the scrubber, each with its line, for a person to judge."""
    all_hits = [(path, data, hit) for path, data in files for hit in secrets.find(data)]
    print("replaced:", dict(Counter(hit.kind for _, _, hit in all_hits)))
    for path, data, hit in random.Random(seed).sample(all_hits, min(wanted, len(all_hits))):
        line = data[data.rfind(b"\n", 0, hit.begin) + 1 :].split(b"\n", 1)[0]
        print(f"{hit.kind:12} {path[-40:]:40} {line.decode().strip()[:120]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=20, help="of text")
    parser.add_argument("--hits", type=int, default=0, help="to print")
    parser.add_argument("--seed", type=int, default=1, help="of the draws")
    options = parser.parse_args()
    files = list(texts(options.mb, options.seed))
    print(f"{sum(len(data) for _, data in files) / 1e6:.1f} MB in {len(files):,} files")
    recall(files)
    if options.hits:
        hits(files, options.hits, options.seed)


if __name__ == "__main__":
    main()
