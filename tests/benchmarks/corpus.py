"""How long the data half of the pipeline takes, and how much memory: a table, stage by stage, beside its limits.

    python tests/benchmarks/corpus.py OUT                  200 MB of what is installed here, some 13,000 files
    python tests/benchmarks/corpus.py OUT --copies 1 5     also five times that, words changed so that no copy is a
                                                           near duplicate: what grows with the corpus, and how
    python tests/benchmarks/corpus.py OUT --mb 5           a small part: does the benchmark itself work?

Each stage runs in a process of its own, as in the workflow. Seconds are wall clock; memory is the highest sum, over
the stage's process and its children, of what belongs to each alone plus its share of what they share (PSS).

Exits with 1 where a stage went past a limit. Less than 200 MB is not judged: there the start of a process counts most.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import multiprocessing
import re
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).parents[2]
LIMITS = {"scrape": 20, "curate": 90, "vocab": 20, "encode and pack": 25}  # seconds, for 200 MB on two cores
LIMIT_MB = 200
MEMORY = 2000  # MB, however large the corpus
GROWTH = 6 / 5  # times the seconds for each time the corpus
SPLITS = ("train", "val", "test")

Source = dict[str, Any]
Calls = list[tuple[str, dict[str, Any]]]


class Figures(NamedTuple):
    """One stage: seconds of wall clock and peak MB."""

    seconds: float
    memory: float


def settings() -> dict[str, Any]:
    from charmer.pipeline.settings import read, resolve

    return resolve(read(ROOT / "config/config.yaml"))


def call(name: str, arguments: dict[str, Any]) -> None:
    module, _, function = name.rpartition(".")
    importlib.import_module(module).__dict__[function](**arguments)


def measured(calls: Calls) -> Figures:
    """A stage's library calls one after the other, each in a process of its own."""
    each = [_measured(name, arguments) for name, arguments in calls]
    return Figures(sum(one.seconds for one in each), max(one.memory for one in each))


def _measured(name: str, arguments: dict[str, Any]) -> Figures:
    process = multiprocessing.get_context("spawn").Process(target=call, args=(name, arguments))
    peak = 0
    done = threading.Event()
    started = time.monotonic()
    process.start()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.2):
            total = 0
            try:
                parent = psutil.Process(process.pid)
                for member in [parent, *parent.children(recursive=True)]:
                    total += getattr(member.memory_full_info(), "pss", member.memory_info().rss)
            except psutil.Error:
                continue
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.join()
    seconds = time.monotonic() - started
    done.set()
    watcher.join()
    if process.exitcode:
        raise SystemExit(f"{name} ended with {process.exitcode}")
    return Figures(seconds, peak / 1e6)


def installed(megabytes: float, knobs: dict[str, Any]) -> tuple[list[Source], list[Any]]:
    """The standard library and whole packages in a fixed random order, as many as fit: the sources, and their files."""
    from charmer.corpus.found import Found
    from charmer.corpus.sources import files

    stdlib: Source = {"name": "stdlib", "kind": "stdlib"}
    distributions: Source = {"name": "installed", "kind": "distributions", "packages": ["all"]}
    packages: dict[str, list[Any]] = {}
    for source in (stdlib, distributions):
        for file in files(source, knobs):
            if isinstance(file, Found) and file.package.name:
                packages.setdefault(file.package.name, []).append(file)
    library, *others = packages
    chosen: dict[str, list[Any]] = {}
    left = megabytes * 1e6
    for name in [library, *sorted(others, key=lambda name: hashlib.sha256(name.encode()).digest())]:
        size = sum(file.bytes for file in packages[name])
        if size <= left:
            chosen[name] = packages[name]
            left -= size
    sources = [stdlib] if library in chosen else []
    names = sorted(set(chosen) - {library})
    return [*sources, distributions | {"packages": names}], [file for part in chosen.values() for file in part]


def write_copies(out: Path, files: list[Any], copies: int) -> list[Source]:
    """Copies of `files` with their longer words changed, a directory source each."""
    sources = []
    for number in range(1, copies):
        folder = out / f"copy{number}"
        for file in files:
            text = Path(file.place).read_bytes().decode("utf-8", "replace")
            changed = re.sub(r"\b([a-z]{5,})\b", rf"\1_{chr(96 + number)}", text)
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(changed, encoding="utf-8")
        sources.append({"name": folder.name, "kind": "directory", "path": str(folder), "own": True})
    return sources


def stages(out: Path, sources: list[Source], knobs: dict[str, Any], threads: int) -> dict[str, Calls]:
    """The library calls of each stage, in order."""

    def scraped(source: Source) -> dict[str, Any]:
        folder = out / source["name"]
        places = {"shards": folder / "shards", "refused": folder / "refused.parquet"}
        return {"source": source, "settings": knobs["scrape"], **places, "threads": threads}

    curated = {
        "sources": [out / source["name"] / "shards" for source in sources],
        "refused": [out / source["name"] / "refused.parquet" for source in sources],
        "settings": knobs["curate"],
        "out": out / "corpus",
        "threads": threads,
    }
    vocabulary = {"out": out / "tokenizer.json", "statistics": out / "statistics.json"}
    encoded = [
        {"shards": out / "corpus" / split, "tokenizer": out / "tokenizer.json", "threads": threads}
        | {"tokens": out / f"{split}.npy", "documents": out / f"{split}.parquet"}
        for split in SPLITS
    ]
    packed = {
        "tokens": out / "train.npy",
        "documents": out / "train.parquet",
        "settings": {**knobs["pack"], "dataset_mb": 100_000.0},
        "split": "train",
        "windows": out / "windows.npy",
        "summary": out / "windows.json",
    }
    return {
        "digest of what is on disk": [
            ("charmer.corpus.sources.digest", {"source": source, "settings": knobs["scrape"]}) for source in sources
        ],
        "scrape": [("charmer.corpus.scrape.scrape", scraped(source)) for source in sources],
        "curate": [("charmer.corpus.curate.curate", curated)],
        "vocab": [
            (
                "charmer.tokens.vocabulary.build",
                {"train": out / "corpus/train", "settings": knobs["vocab"], **vocabulary},
            )
        ],
        "encode and pack": [
            *(("charmer.tokens.encode.encode", arguments) for arguments in encoded),
            ("charmer.tokens.pack.pack", packed),
        ],
    }


def size_of(out: Path) -> tuple[float, int]:
    """MB and files that came in, as the ledger accounts for them."""
    import pyarrow.parquet as pq

    ledger = pq.read_table(out / "corpus/ledger.parquet", columns=["bytes"])
    return sum(size or 0 for size in ledger.column("bytes").to_pylist()) / 1e6, ledger.num_rows


class Measured(NamedTuple):
    """All stages on one corpus, and its MB and files."""

    stages: dict[str, Figures]
    size: float
    files: int


def show(found: Measured, once: Measured, threads: int) -> list[str]:
    """Print the table; returns what is past a limit.

    The seconds of a larger corpus are limited by what the first one took; its memory stands beside that of the first.
    """
    grown = found is not once
    past = []
    print(f"\n{found.size:.0f} MB in {found.files:,} files, {threads} processes\n")
    header = f"{'stage':28}{'seconds':>9}{'at most':>9}{'MB/s':>9}{'peak MB':>9}{'at most':>9}"
    print(header + (f"{'growth':>9}" if grown else ""))
    for stage, (seconds, memory) in found.stages.items():
        limits = ("", "")
        if stage in LIMITS:
            allowed = LIMITS[stage] * found.size / LIMIT_MB
            if grown:
                allowed = once.stages[stage].seconds * GROWTH * found.size / once.size
            limits = (f"{allowed:.1f}", str(MEMORY))
            if seconds > allowed:
                past.append(f"{stage}, {found.size:.0f} MB: {seconds:.1f} s, at most {allowed:.1f}")
            if memory > MEMORY:
                past.append(f"{stage}, {found.size:.0f} MB: {memory:.0f} MB of memory, at most {MEMORY}")
        line = f"{stage:28}{seconds:9.1f}{limits[0]:>9}{found.size / seconds:9.1f}{memory:9.0f}{limits[1]:>9}"
        print(line + (f"{memory / once.stages[stage].memory:8.2f}x" if grown else ""))
    return past


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder to be made")
    parser.add_argument("--copies", type=int, nargs="+", default=[1], help="times the corpus, one table each")
    parser.add_argument("--mb", type=float, default=LIMIT_MB, help="of the standard library and installed packages")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"{options.out} is there already; name a folder that is not")
    knobs = settings()
    here, files = installed(options.mb, knobs["scrape"])
    once: Measured | None = None
    past: list[str] = []
    for copies in options.copies:
        out = options.out / f"x{copies}"
        out.mkdir(parents=True)
        sources = [*here, *write_copies(out, files, copies)]
        plan = stages(out, sources, knobs, options.threads)
        found = Measured({stage: measured(calls) for stage, calls in plan.items()}, *size_of(out))
        once = once or found
        past += show(found, once, options.threads)
    if past and options.mb >= LIMIT_MB:
        raise SystemExit("\npast a limit:\n" + "\n".join(past))


if __name__ == "__main__":
    main()
