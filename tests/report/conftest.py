"""A run's files as the stages write them, with hostile names and code in them, and the report made from them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from charmer.common.files import write_json, write_table
from charmer.evaluation.support.table import Row, table
from charmer.report import page

HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
SETTINGS = {
    "sources": [{"name": "stdlib", "kind": "stdlib"}],
    "scrape": {"notebooks": False},
    "train": {"learning_rate": 0.01},
    "evaluate": {"bits_per_byte": {"max_mb": 1.0}, "parses": {"functions": 40}, "samples": {}, "calibration": {}},
}


def write_inputs(root: Path) -> dict[str, Path]:
    """Everything that a report reads but for the table of `calibration`, a metric that failed."""
    weights = root / "models" / "m-1" / "model.safetensors"
    corpus, vocab = root / "corpus" / "c-1", root / "vocab" / "v-1"
    write_table(
        weights.parent / "metrics.parquet",
        pa.table(
            {"step": [1, 2, 3], "tokens": [10, 20, 30], "loss": [5.0, float("nan"), 3.0]}
            | {"learning_rate": [0.1, 0.2, 0.0], "gradient_norm": [1.0, 0.5, 0.4]}
            | {"tokens_per_second": [1000.0, 1100.0, 900.0]}
        ),
    )
    held_out = {"step": [1, 3], "tokens": [10, 30], "bits_per_byte": [4.0, 2.5]}
    write_table(weights.parent / "held_out.parquet", pa.table(held_out))
    summary = {"parameters": 1_234_567, "tokens": 30, "steps": 3, "seconds": 125.0, "flops": 1e9, "device": "cpu"}
    write_json(weights.parent / "training.json", {**summary, "precision": "float32", "threads": 2})
    weights.write_bytes(b"weights")
    counts = {
        "in": {"files": 12, "bytes": 12_000},
        "kept": {name: {"files": 3, "bytes": 3000} for name in ("train", "val", "test")},
        "refused": {"files": 1, "bytes": 1000},
        "refused_for": {"too large": {"files": 1, "bytes": 1000}},
        "out": {"near duplicate": {"files": 2, "bytes": 2000}},
    }
    write_json(corpus / "counts.json", counts)
    made_of = {
        "licence": {"MIT": {"files": 9, "bytes": 9000}},
        "package": {f"p{n}": {"files": 1, "bytes": 500} for n in range(18)},
    }
    card = {
        "bytes": made_of,
        "encodings": [{"encoding": HOSTILE, "encoding_from": "declared", "files": 9, "bytes": 9000, "replaced": 3}],
        "line_lengths": {
            kind: [{"up_to": 40, "files": 8}, {"up_to": None, "files": 1}] for kind in ("longest", "mean")
        },
        "near_duplicates": [{"from": 0.98, "to": 1.0, "files": 2}],
    }
    write_json(corpus / "card.json", card)
    package = {"package": HOSTILE, "version": None, "licence": None, "licence_from": None, "files": 3, "bytes": 3000}
    used = [{**package, "own": False, "split": "test"}, {**package, "package": "mine", "own": True, "split": "train"}]
    write_table(corpus / "packages.parquet", pa.Table.from_pylist(used))
    statistics = {"kind": "byte", "pre_tokenizer": None, "entries": 264, "bytes_per_token": 1.0}
    statistics |= {"whitespace_share": 0.2, "most_frequent": [{"token": HOSTILE, "count": 3}], "longest": []}
    write_json(vocab / "statistics.json", statistics)
    return {
        "counts": corpus / "counts.json",
        "card": corpus / "card.json",
        "packages": corpus / "packages.parquet",
        "statistics": vocab / "statistics.json",
        "weights": weights,
        **write_metrics(root / "metrics"),
    }


def write_metrics(root: Path) -> dict[str, Path]:
    excerpt = {"package": HOSTILE, "path": "a.py", "pieces": [["def ", 0.4], [HOSTILE, 90.0]]}
    place = {"first": 0, "last": 0, "bytes": 5}
    function = {"name": "f", "package": HOSTILE, "prompt": "def f():\n", "text": f"def f():\n    return {HOSTILE}\n"}
    tables = {
        "bits_per_byte": [
            Row("overall", 1.25, (1.2, 1.31), 40, "bits/byte", {"bytes": 10}),
            Row("baseline=xz -9", 1.9, (1.8, 2.0), 40, "bits/byte"),
            Row(f"package={HOSTILE}", 1.3, None, 1, "bits/byte", {"bytes": 10, "xz -9": 1.8}),
            Row("kind=keyword", 0.5, (0.4, 0.6), 40, "bits/byte", {"share of bits": 0.1, "share of bytes": 0.3}),
            Row("position=0", 3.0, (2.0, 4.0), 40, "bits/byte", place),
            Row("position=1", 2.0, (1.5, 2.5), 40, "bits/byte", {**place, "first": 1}),
            Row("excerpt", 2.0, None, 1, "bits/byte", excerpt),
        ],
        "parses": [
            Row("compiles", 0.8, (0.65, 0.9), 40, "share", {"functions": [{**function, "compiles": False}]}),
            Row("names exist", 0.5, (0.35, 0.65), 40, "share"),
        ],
        "samples": [
            Row("prompt=1", 1.0, None, 1, "share", {"prompt": "def f(x):\n", "completion": "    return x\n"}),
            Row("prompt=2", 0.0, None, 1, "share", {"prompt": "# ", "completion": f"\x1b[31m{HOSTILE}\n"}),
        ],
    }
    sign = {
        "failure": "memorisation",
        "title": "The model has learned its text by heart",
        "low": False,
        "cure": "add sources",
    }
    sign |= {"name": "apart", "bound": 2.5, "says": "held-out text takes 1.1 times the bits a byte", "found": False}
    tables["doctor"] = [Row("memorisation: apart", 1.1, None, 1, "times", sign)]
    paths = {}
    for name, rows in tables.items():
        paths[f"metric_{name}"] = root / name / "table.parquet"
        write_table(root / name / "table.parquet", table(name, rows))
    (root / "bits_per_byte" / "benchmark.tsv").write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t900.0\n")
    return paths


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A finished report: results, run, inputs, html, summary."""
    results = tmp_path_factory.mktemp("somewhere") / "results"
    run = results / "runs" / "laptop-0f3a9c21"
    inputs = write_inputs(results)
    page.write(run, inputs, SETTINGS)
    return SimpleNamespace(
        results=results,
        run=run,
        inputs=inputs,
        html=(run / "report" / "index.html").read_text(encoding="utf-8"),
        summary=json.loads((run / "summary.json").read_text(encoding="utf-8")),
    )
