"""Code that a benchmark asks for has no place in training: finding files that share a run of tokens with one.

Notable here:
- A benchmark is a JSONL file of problems, or a list of hashes of its runs, so that it need not be at hand itself.
  `python -m charmer.corpus.decontaminate NAME PROBLEMS.jsonl LIST.json` makes such a list.
- A run is 10 tokens (lexing.py). It counts if it tells something: at least 5 of its tokens are names or keywords, and
  at least one name is neither Python's own nor a single letter. Otherwise what files share with a benchmark is
  `[1, 2, 3, 4, 5` and `= [] for i in range(len(`. Of the 16,553 files of a full environment, 15% share any run of 10
  with HumanEval, 330 (7% of the bytes) one with 5 names, and 23 (0.5%) a telling one; while HumanEval's prompts and
  tests are all recognized by telling runs, and 99% of its solutions with their signatures (76% of the bare bodies).
- Words in docstrings and comments are tokens too. So a problem's prose alone is
  recognized, and a run of 10 Python tokens is never longer than the run that is looked for.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
import string
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json
from charmer.corpus.lexing import DIGIT, Tokens, lex, runs

RUN = 10
NAMES = 5
# Names that any Python file may hold, whatever it is about; single letters count as such too.
ORDINARY = """
    False None True and as assert async await break class continue def del elif else except finally for from global if
    import in is lambda nonlocal not or pass raise return try while with yield self cls
    abs all any bool bytes callable chr dict divmod enumerate filter float format frozenset getattr hasattr hash id int
    isinstance issubclass iter len list map max min next object open ord pow print property range repr reversed round
    set setattr slice sorted staticmethod str sum super tuple type vars zip
    append items join key keys sort split values Any Dict List Optional Set Tuple Union typing
    Exception ValueError TypeError KeyError IndexError RuntimeError NotImplementedError AssertionError
"""
ROOT = Path(__file__).parents[3]
TABLE_BITS = 20


def benchmark_files(patterns: Sequence[str]) -> list[Path]:
    """The benchmark files that the knob `benchmarks` names: paths or globs, relative to the working directory or
    else to the repository.

    Raises:
        Failure: a path is not there, or a glob matches nothing: training would see what nobody compared it with.
    """
    found: list[Path] = []
    for pattern in patterns:
        wild = any(sign in pattern for sign in "*?[")
        for base in (Path(), ROOT):
            matches = sorted(base.glob(pattern)) if wild and not Path(pattern).is_absolute() else [base / pattern]
            matches = [path for path in matches if path.is_file()]
            if matches:
                break
        if not matches:
            problem = f"no file matches {pattern}" if wild else f"there is no file {pattern}"
            raise Failure(f"curate.benchmarks: {problem}; take it from the list or put it there")
        found += [path for path in matches if path not in found]
    return found


@dataclass(frozen=True)
class Benchmarks:
    """The runs of several benchmarks, ready for fast look-up.

    Attributes:
        names: of the benchmarks.
        hashes: of all their runs, sorted, uint64[runs].
        member: which benchmark each run is of, bool[runs, benchmarks].
        table: whether any run has these low bits; it answers nearly all look-ups from the processor's cache.
    """

    names: list[str]
    hashes: np.ndarray
    member: np.ndarray
    table: np.ndarray

    @staticmethod
    def load(paths: Sequence[Path]) -> Benchmarks:
        """Read benchmarks: `.json` is a list of hashes, anything else JSONL, gzipped or not.

        Raises:
            Failure: a file is neither.
        """
        loaded = [_read_list(path) if path.suffix == ".json" else run_hashes(_problems(path)) for path in paths]
        hashes = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *loaded]))
        member = np.stack([np.isin(hashes, one) for one in loaded], axis=1) if loaded else np.zeros((0, 0), dtype=bool)
        table = np.zeros(1 << TABLE_BITS, dtype=bool)
        table[(hashes & np.uint64((1 << TABLE_BITS) - 1)).astype(np.int64)] = True
        return Benchmarks([path.name.split(".")[0] for path in paths], hashes, member, table)

    def shared(self, tokens: Tokens) -> list[list[str]]:
        """For each lexed file the names of the benchmarks that it shares a run with."""
        found: list[list[str]] = [[] for _ in range(len(tokens.bounds) - 1)]
        if not len(self.hashes):
            return found
        values, first = runs(tokens.hashes, tokens.bounds, RUN)
        likely = np.flatnonzero(self.table[(values & np.uint64((1 << TABLE_BITS) - 1)).astype(np.int64)])
        at = np.searchsorted(self.hashes, values[likely])
        at[at == len(self.hashes)] = 0
        sure = self.hashes[at] == values[likely]
        at, first = at[sure], first[likely[sure]]
        telling = _telling(tokens, first) if len(first) else np.zeros(0, dtype=bool)
        of_file = np.searchsorted(tokens.bounds, first[telling], side="right") - 1
        for file in np.unique(of_file).tolist():
            members = self.member[at[telling][of_file == file]].any(axis=0)
            found[file] = [name for name, is_in in zip(self.names, members.tolist(), strict=True) if is_in]
        return found


def run_hashes(texts: Iterable[str]) -> np.ndarray:
    """The hashes of all telling runs of some texts, sorted and unique, uint64[runs]."""
    tokens = lex([text.encode("utf-8", "replace") for text in texts])
    values, first = runs(tokens.hashes, tokens.bounds, RUN)
    return np.unique(values[_telling(tokens, first)])


def _telling(tokens: Tokens, first: np.ndarray) -> np.ndarray:
    """Which of the runs that begin with the tokens `first` count; see the head of this module."""
    name = tokens.words & ~DIGIT[tokens.data[tokens.starts]]
    own = name & ~np.isin(tokens.hashes, _ordinary())
    names, owns = (np.concatenate(([0], np.cumsum(some))) for some in (name, own))
    return (names[first + RUN] - names[first] >= NAMES) & (owns[first + RUN] > owns[first])


@functools.cache
def _ordinary() -> np.ndarray:
    return lex([" ".join((ORDINARY, *string.ascii_letters, "_")).encode()]).hashes


def _problems(path: Path) -> list[str]:
    """All texts of a JSONL file of problems; prompt and solution are read as one, as they will be seen."""
    texts: list[str] = []
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig").split("\n")
        for line in filter(str.strip, lines):
            problem = json.loads(line)
            texts += _strings(problem)
            if isinstance(problem, dict) and {"prompt", "canonical_solution"} <= problem.keys():
                texts.append(f"{problem['prompt']}{problem['canonical_solution']}")
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise Failure(f"{path}: is no JSONL file of problems ({error}); see curate.benchmarks") from error
    return texts


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _strings(part)]


def _check() -> str:
    """Changes when the lexer's hashes do: a list made by another version would silently match nothing."""
    probe = "def find(item, among):\n    return [at for at, one in enumerate(among) if one == item]\n"
    return f"{int(run_hashes([probe])[0]):016x}"


def write_list(name: str, problems: Path, target: Path) -> int:
    """Write the list of hashes of a benchmark's telling runs; return how many there are."""
    hashes = run_hashes(_problems(problems))
    value = {
        "benchmark": name,
        "run": RUN,
        "names": NAMES,
        "check": _check(),
        "runs": len(hashes),
        "hashes": base64.b64encode(hashes.astype("<u8").tobytes()).decode("ascii"),
    }
    write_json(target, value)
    return len(hashes)


def _read_list(path: Path) -> np.ndarray:
    value = read_json(path)
    again = "make it again with python -m charmer.corpus.decontaminate"
    try:
        hashes = np.frombuffer(base64.b64decode(value["hashes"], validate=True), dtype="<u8").astype(np.uint64)
        made_by = (value["run"], value["names"], value["check"])
    except (TypeError, KeyError, ValueError) as error:
        raise Failure(f"{path}: is no list of a benchmark's hashes ({error!r}); {again}") from error
    if made_by != (RUN, NAMES, _check()):
        raise Failure(f"{path}: was made by another version of the lexer; {again}")
    return hashes


if __name__ == "__main__":
    try:
        count = write_list(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except (Failure, IndexError) as error:
        sys.exit(f"{error}\nusage: python -m charmer.corpus.decontaminate NAME PROBLEMS.jsonl[.gz] LIST.json")
    print(f"{sys.argv[3]}: {count} runs of {sys.argv[1]}")
