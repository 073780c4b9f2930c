"""The frame around every script: its log, its signals, and errors that end in one line.

    with job(snakemake):
        from charmer.room import function  # inside, so that an interruption while torch loads ends quietly too
        function(...)

A `Failure` is shown as the line that it is, an interruption ends quietly, and any other exception keeps its traceback
in the job's log. The last word of a failed job is also left for the Snakefile, which repeats it after everything that
Snakemake prints, so that the reason is what the person reads last.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from charmer.common.failure import DISK_FULL, Failure
from charmer.pipeline import alive
from charmer.pipeline.fingerprint import fingerprint

REASONS = "CHARMER_REASONS"  # names the file in which the jobs of one call leave their reasons
INTERRUPTED = "interrupted"

logger = logging.getLogger("charmer")


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body of a script as a job of `snakemake`, the object that Snakemake gives to scripts.

    Writes the job's settings to its output `settings`, when it declares one and the body succeeded.

    Raises:
        SystemExit: with 1 after an error, with 130 after an interruption.
    """
    log = Path(str(snakemake.log[0]))
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        _write_log_to(log)
        alive.enter(f"the job {snakemake.rule} of {log.parent}")
        alive.claim(snakemake.output, snakemake.input)  # for later calls; that of this job has asked for both
        os.environ.setdefault("RAYON_NUM_THREADS", str(snakemake.threads))  # the tokenizers library knows no argument
        _check_code(snakemake)
        yield
        if "settings" in snakemake.output.keys():  # noqa: SIM118 - Snakemake's Namedlist is no mapping
            from charmer.common.files import write_json

            write_json(snakemake.output.settings, snakemake.params.job["settings"])
    except KeyboardInterrupt:
        logger.info("interrupted; the next call goes on from here")
        _leave_reason(INTERRUPTED)
        sys.exit(130)
    except Failure as failure:
        _give_reason(snakemake.rule, str(failure))
        sys.exit(1)
    except MemoryError:
        _give_reason(snakemake.rule, "not enough memory; close other programs, or lower the knobs of this stage")
        sys.exit(1)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _give_reason(snakemake.rule, DISK_FULL)
            sys.exit(1)
        logger.exception("this is a defect of Charmer, not of your input")
        _give_reason(snakemake.rule, f"{type(error).__name__}: {error} (a defect; the traceback is in {log})")
        sys.exit(1)


def _write_log_to(log: Path) -> None:
    """Log to the job's file; on a terminal the bars speak, elsewhere the log's lines go to standard error as well."""
    logging.raiseExceptions = False  # a line that a full disk refuses is no reason for a traceback a line
    log.parent.mkdir(parents=True, exist_ok=True)
    screen = logging.StreamHandler()
    screen.setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
    handlers: list[logging.Handler] = [screen]
    with contextlib.suppress(OSError):
        log.write_bytes(b"")  # begun anew, then appended to, since the ranks of a training write to it as well
        handlers.append(logging.FileHandler(log, mode="a", encoding="utf-8"))
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers, force=True
    )
    logging.captureWarnings(True)


def _check_code(snakemake: Any) -> None:
    """Refuse to run code that was edited since the Snakefile was read: the result would bear the wrong fingerprint."""
    mapping = getattr(snakemake.params, "job", {})
    script = Path(snakemake.scriptdir) / f"{snakemake.rule}.py"
    if "code" in mapping and mapping["code"] != fingerprint(script, *mapping.get("modules", [])):
        raise Failure("the library was edited while the workflow ran; run the same command again")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _give_reason(rule: str, reason: str) -> None:
    logger.error("error: %s", reason)
    _leave_reason(f"{rule}: {reason}")


def _leave_reason(reason: str) -> None:
    path = os.environ.get(REASONS)
    if path:
        with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(reason) + "\n")


def reasons() -> list[str]:
    """The reasons that the jobs of the present call gave for failing, in order."""
    path = Path(os.environ.get(REASONS, ""))
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
