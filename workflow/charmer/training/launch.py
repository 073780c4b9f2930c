"""Train in as many processes as asked for: in this one if that is one, else in ranks that torchrun's launcher starts.

Notable here:
- A rank is `python -m charmer.training.launch TASK`, a fresh interpreter with the arguments of `train` in a JSON file.
- The first rank logs where this process does; what the others write lies in `ranks/` beside the checkpoints.
- A rank that dies ends the others, and its reason becomes this process's. A rank whose launcher is gone ends itself.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json
from charmer.training.hardware import choose_device
from charmer.training.ranks import RankLost, started_by_torchrun, wanted_ranks
from charmer.training.train import train

logger = logging.getLogger(__name__)
FAILED, LOST, INTERRUPTED = 1, 3, 130  # exit statuses of a rank


def launch(
    data: dict[str, Path], settings: dict[str, Any], out: Path, checkpoints: Path, threads: int, identity: str = ""
) -> None:
    """Call `train` with these arguments, in `train.ranks` processes.

    Args:
        threads: of all ranks together.

    Raises:
        Failure, KeyboardInterrupt: as `train` does; also when a rank was killed.
        RuntimeError: a rank died of a defect; the message names its log.
    """
    ranks = wanted_ranks(settings["train"]["ranks"], choose_device(settings["train"]["device"]))
    if ranks == 1 or started_by_torchrun():
        train(data, settings, out, checkpoints, threads, identity)
        return
    folder = checkpoints / "ranks"
    shutil.rmtree(folder, ignore_errors=True)
    handlers = logging.getLogger().handlers
    logs = [handler.baseFilename for handler in handlers if isinstance(handler, logging.FileHandler)]
    arguments = {
        "data": {name: str(path) for name, path in data.items()},
        "settings": settings,
        "out": str(out),
        "checkpoints": str(checkpoints),
        "threads": max(1, threads // ranks),
        "identity": identity,
    }
    write_json(folder / "task.json", {"arguments": arguments, "logs": logs, "launcher": os.getpid()})
    logger.info(f"{ranks} ranks; what all but the first write is in {folder}")
    _run(folder, ranks)


def _run(folder: Path, ranks: int) -> None:
    """Start the ranks and wait for their end."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(str(folder), redirects=dict.fromkeys(range(1, ranks), Std.ALL)),
    )
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    for name in ("torch.distributed.elastic", "torch.distributed.launcher"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the reason is said once, below
    try:
        elastic_launch(config, sys.executable)("-m", __spec__.name, str(folder / "task.json"))
    except SignalException:
        raise KeyboardInterrupt from None
    except ChildFailedError as error:
        statuses = {rank: failure.exitcode for rank, failure in error.failures.items()}
        raise _reason(folder, statuses, ranks) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reason(folder: Path, statuses: dict[int, int], ranks: int) -> BaseException:
    """Why the ranks with these exit statuses ended."""
    if (folder / "reason.json").exists():
        return Failure(read_json(folder / "reason.json"))
    if INTERRUPTED in statuses.values():
        return KeyboardInterrupt()
    own = {rank: status for rank, status in statuses.items() if status != LOST} or statuses
    rank, status = min(own.items(), key=lambda item: item[1])
    if status < 0:
        return Failure(
            f"train.ranks: process {rank + 1} of {ranks} was ended by {signal.Signals(-status).name}; if memory ran "
            "out, lower train.micro_batch_tokens; the same command goes on from the last checkpoint"
        )
    log = next(folder.glob(f"*/*/{rank}/stderr.log"), "the log above")
    return RuntimeError(f"process {rank + 1} of {ranks} ended with status {status}; see {log}")


def _rank(path: Path) -> int:
    """The life of one rank; gives its exit status."""
    task, first = read_json(path), int(os.environ["RANK"]) == 0
    threading.Thread(target=_end_with, args=(task["launcher"],), daemon=True).start()
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if first:
        handlers[0].setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
        handlers += [logging.FileHandler(log, mode="a", encoding="utf-8") for log in task["logs"]]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers)
    arguments = task["arguments"]
    for name in ("out", "checkpoints"):
        arguments[name] = Path(arguments[name])
    arguments["data"] = {name: Path(file) for name, file in arguments["data"].items()}
    try:
        train(**arguments)
    except Failure as failure:
        write_json(path.with_name("reason.json"), str(failure))
        return FAILED
    except RankLost as error:
        logger.info(str(error))
        return LOST
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:
        logger.exception("this is a defect of Charmer, not of your input")
        return FAILED
    return 0


def _end_with(launcher: int) -> None:
    """End this process when its launcher is gone: nobody would stop it any more."""
    while os.getppid() == launcher:
        time.sleep(1)
    os._exit(LOST)


if __name__ == "__main__":
    status = _rank(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(status)  # at once: an ordinary exit may wait for communication with ranks that are gone
