"""The frame around every script: its log, its signals, and errors that end in one line.

    with job(snakemake):
        ...one call into the library...

A `Failure` is shown as the line that it is, an interruption ends quietly, and any other exception keeps its traceback
in the job's log. The last word of a failed job is also kept in `REASONS`, from where the Snakefile repeats it after
everything that Snakemake prints, so that the reason is what the person reads last.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import write_json

REASONS = Path(".snakemake/charmer-reasons.jsonl")

logger = logging.getLogger("charmer")


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a script as a job of `snakemake`, the object that Snakemake gives to scripts.

    Writes the job's settings to its output `settings`, when it declares one and the body succeeded.

    Raises:
        SystemExit: with 1 after an error, with 130 after an interruption.
    """
    log = Path(str(snakemake.log[0]))
    _write_log_to(log)
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.setdefault("RAYON_NUM_THREADS", str(snakemake.threads))  # the tokenizers library knows no argument
    try:
        yield
        if "settings" in snakemake.output.keys():  # noqa: SIM118 - Snakemake's Namedlist is no mapping
            write_json(snakemake.output.settings, snakemake.params.job["settings"])
    except KeyboardInterrupt:
        logger.info("interrupted; the next call goes on from here")
        sys.exit(130)
    except Failure as failure:
        _give_reason(snakemake.rule, str(failure), log)
        sys.exit(1)
    except MemoryError:
        _give_reason(snakemake.rule, "not enough memory; close other programs, or lower the knobs of this stage", log)
        sys.exit(1)
    except Exception as error:
        logger.exception("this is a defect of Charmer, not of your input")
        _give_reason(snakemake.rule, f"{type(error).__name__}: {error} (a defect; the traceback is in {log})", log)
        sys.exit(1)


def _write_log_to(log: Path) -> None:
    """Log to the job's file; on a terminal the bars speak, elsewhere the log's lines go to standard error as well."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.FileHandler(log, mode="w", encoding="utf-8")]
    screen = logging.StreamHandler()
    screen.setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
    handlers.append(screen)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers, force=True
    )
    logging.captureWarnings(True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _give_reason(rule: str, reason: str, log: Path) -> None:
    logger.error("error: %s", reason)
    REASONS.parent.mkdir(parents=True, exist_ok=True)
    with REASONS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"rule": rule, "reason": reason, "log": str(log)}) + "\n")


def reasons() -> list[str]:
    """The reasons that the jobs of the present call gave for failing, in order, ready to print."""
    if not REASONS.exists():
        return []
    entries = [json.loads(line) for line in REASONS.read_text(encoding="utf-8").splitlines()]
    return [f"{entry['rule']}: {entry['reason']}" for entry in entries]


def forget_reasons() -> None:
    """Start a call with no reasons."""
    REASONS.unlink(missing_ok=True)
