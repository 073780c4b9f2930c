"""How long the data half of the pipeline takes, and how much memory: a table, stage by stage.

    python tests/benchmarks/corpus.py OUT                 everything installed here, and the standard library
    python tests/benchmarks/corpus.py OUT --copies 5      the same five times over, words changed so that no copy is
                                                          a near duplicate: what grows with the corpus, and how

Each stage runs in a process of its own, as in the workflow. Seconds are wall clock; memory is the highest sum, over
the stage's process and its children, of what belongs to each alone plus its share of what they share (PSS).
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import re
import shutil
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


def settings() -> dict[str, Any]:
    from charmer.pipeline.settings import read, resolve

    return resolve(read(ROOT / "config/config.yaml"))


def call(name: str, arguments: dict[str, Any]) -> None:
    module, _, function = name.rpartition(".")
    importlib.import_module(module).__dict__[function](**arguments)


def measured(name: str, arguments: dict[str, Any]) -> tuple[float, float]:
    """Seconds and peak MB of one library call in a process of its own."""
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
    return seconds, peak / 1e6


def write_copies(out: Path, copies: int) -> list[dict[str, Any]]:
    """Copies of every installed module with its longer words changed, a directory source each."""
    sources = []
    site = Path(sysconfig.get_paths()["purelib"])
    for number in range(1, copies):
        folder = out / f"copy{number}"
        for path in site.rglob("*.py"):
            text = path.read_bytes().decode("utf-8", "replace")
            changed = re.sub(r"\b([a-z]{5,})\b", rf"\1_{chr(96 + number)}", text)
            target = folder / path.relative_to(site)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(changed, encoding="utf-8")
        sources.append({"name": folder.name, "kind": "directory", "path": str(folder), "own": True})
    return sources


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    out, threads, knobs = options.out, options.threads, settings()
    sources = [
        {"name": "stdlib", "kind": "stdlib"},
        {"name": "environment", "kind": "distributions", "packages": ["all"]},
        *write_copies(out, options.copies),
    ]
    rows: list[tuple[str, float, float]] = []

    def stage(label: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
        results = [measured(name, arguments) for name, arguments in calls]
        rows.append((label, sum(seconds for seconds, _ in results), max(peak for _, peak in results)))

    digest: Callable[..., str] = importlib.import_module("charmer.corpus.sources").digest
    started = time.monotonic()
    for source in sources:
        digest(source, knobs["scrape"])
    rows.append(("digest of what is on disk", time.monotonic() - started, 0.0))

    def scraped(source: dict[str, Any]) -> dict[str, Any]:
        folder = out / source["name"]
        places = {"shards": folder / "shards", "refused": folder / "refused.parquet"}
        return {"source": source, "settings": knobs["scrape"], **places, "threads": threads}

    stage("scrape", [("charmer.corpus.scrape.scrape", scraped(source)) for source in sources])
    curated = {
        "sources": [out / source["name"] / "shards" for source in sources],
        "refused": [out / source["name"] / "refused.parquet" for source in sources],
        "settings": knobs["curate"],
        "out": out / "corpus",
        "threads": threads,
    }
    stage("curate", [("charmer.corpus.curate.curate", curated)])
    tokenizer = out / "tokenizer.json"
    built = {
        "train": out / "corpus/train",
        "settings": knobs["vocab"],
        "out": tokenizer,
        "statistics": out / "statistics.json",
    }
    stage("vocab", [("charmer.tokens.vocabulary.build", built)])
    splits = ("train", "val", "test")
    encoded = [
        {
            "shards": out / "corpus" / split,
            "tokenizer": tokenizer,
            "tokens": out / f"{split}.npy",
            "documents": out / f"{split}.parquet",
            "threads": threads,
        }
        for split in splits
    ]
    packed = {
        "tokens": out / "train.npy",
        "documents": out / "train.parquet",
        "settings": {**knobs["pack"], "dataset_mb": 100_000.0},
        "split": "train",
        "windows": out / "windows.npy",
        "summary": out / "windows.json",
    }
    calls = [("charmer.tokens.encode.encode", arguments) for arguments in encoded]
    stage("encode and pack", [*calls, ("charmer.tokens.pack.pack", packed)])

    import pyarrow.parquet as pq

    ledger = pq.read_table(out / "corpus/ledger.parquet", columns=["bytes"])
    size = sum(ledger.column("bytes").to_pylist()) / 1e6
    print(f"{size:.0f} MB in {ledger.num_rows} files, {threads} processes\n")
    print(f"{'stage':28}{'seconds':>9}{'MB/s':>9}{'peak MB':>9}")
    for label, seconds, peak in rows:
        print(f"{label:28}{seconds:9.1f}{size / seconds:9.1f}{peak:9.0f}")


if __name__ == "__main__":
    main()
