"""Train in as many processes as asked for: in this one if that is one, else in ranks that torchrun's launcher starts.

Notable here:
- A rank is `python -m charmer.training.launch rank TASK`, a fresh interpreter with the arguments of `train` in a JSON
  file. On several nodes `srun` starts one `... launch node TASK` on each, which starts that node's ranks.
- The first rank logs where this process does; what the others write lies in `ranks/` beside the checkpoints.
- A rank that dies ends the others, and its reason becomes this process's. A rank whose launcher is gone ends itself.
- All of this folder is read and written by every node: checkpoints must lie on a file system that they share.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
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
STARTER = "CHARMER_STARTER"  # process number of what started the ranks of a node


def launch(
    data: dict[str, Path],
    settings: dict[str, Any],
    out: Path,
    checkpoints: Path,
    threads: int,
    identity: str = "",
    nodes: int = 1,
    gpus: int = 0,
) -> None:
    """Call `train` with these arguments, in `train.ranks` processes.

    Args:
        threads: of all ranks of a node together.
        nodes: of the Slurm job that this process is the script of, each with as many ranks.
        gpus: that the job has on all its nodes, where it names them.

    Raises:
        Failure, KeyboardInterrupt: as `train` does; also when a rank was killed.
        RuntimeError: a rank died of a defect; the message names its log.
    """
    ranks = wanted_ranks(settings["train"]["ranks"], choose_device(settings["train"]["device"]), nodes, gpus)
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
        "threads": max(1, threads // (ranks // nodes)),
        "identity": identity,
    }
    task = {"arguments": arguments, "logs": logs, "nodes": nodes, "ranks": ranks, "endpoint": _endpoint()}
    write_json(folder / "task.json", task)
    on = f" on {nodes} nodes" if nodes > 1 else ""
    logger.info(f"{ranks} ranks{on}; what all but the first write is in {folder}")
    if nodes == 1:
        statuses = _start_ranks(folder / "task.json", 0)
    else:
        statuses = _start_nodes(folder / "task.json", nodes, threads)
    if statuses:
        raise _reason(folder, statuses, ranks)


def _endpoint() -> str:
    """A port of this machine that is free now, where the ranks of all nodes meet."""
    with socket.create_server(("", 0)) as server:
        return f"{socket.gethostname()}:{server.getsockname()[1]}"


def _start_nodes(task: Path, nodes: int, threads: int) -> dict[int, int]:
    """Start the ranks on every node of this Slurm job, and wait for their end; gives statuses as `_start_ranks`.

    Raises:
        Failure: there is no srun, or it could not start them.
        KeyboardInterrupt: this process or a node was asked to stop.
    """
    shape = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", f"--cpus-per-task={threads}"]
    command = ["srun", *shape, "--kill-on-bad-exit=1", sys.executable, "-m", __spec__.name, "node", str(task)]
    try:
        process = subprocess.Popen(command)
    except FileNotFoundError:
        raise Failure(f"resources of train: {nodes} nodes need srun, which is not on the path; set nodes=1") from None
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.terminate()  # srun hands it on to the nodes, whose first rank saves
        process.wait()
        raise
    ended = [read_json(path) for path in sorted(task.parent.glob("node-*.json"))]
    statuses = {int(rank): number for node in ended for rank, number in node.items()}
    if status and not statuses:
        raise Failure(
            f"train: srun ended with status {status} before a rank could say why (a node that died?); "
            "the same command goes on from the last checkpoint"
        )
    return statuses


def _start_ranks(path: Path, node: int) -> dict[int, int]:
    """Start the ranks of one node and wait for their end; gives the exit statuses of those that failed, by rank.

    Raises:
        KeyboardInterrupt: this process was asked to stop.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    task = read_json(path)
    nodes, here = task["nodes"], task["ranks"] // task["nodes"]
    alone: dict[str, Any] = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "local_addr": "localhost"}
    among = {"rdzv_backend": "static", "rdzv_endpoint": task["endpoint"], "rdzv_configs": {"rank": node}}
    config = LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=here,
        run_id=str(uuid.uuid4()) if nodes == 1 else task["endpoint"],
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(str(path.parent), redirects=dict.fromkeys(range(0 if node else 1, here), Std.ALL)),
        **(alone if nodes == 1 else among),
    )
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    for name in ("torch.distributed.elastic", "torch.distributed.launcher"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the reason is said once, by the launcher
    os.environ[STARTER] = str(os.getpid())
    try:
        elastic_launch(config, sys.executable)("-m", __spec__.name, "rank", str(path))
        return {}
    except SignalException:
        raise KeyboardInterrupt from None
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _node(path: Path) -> int:
    """What srun starts on each node; gives its exit status."""
    node = int(os.environ["SLURM_NODEID"])
    try:
        statuses = _start_ranks(path, node)
    except KeyboardInterrupt:
        return INTERRUPTED
    if statuses:
        write_json(path.with_name(f"node-{node}.json"), statuses)
    return FAILED if statuses else 0


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
    log = next(folder.glob(f"*/*/{rank}/stderr.log"), f"the logs below {folder}")
    return RuntimeError(f"process {rank + 1} of {ranks} ended with status {status}; see {log}")


def _rank(path: Path) -> int:
    """The life of one rank; gives its exit status."""
    task, first = read_json(path), int(os.environ["RANK"]) == 0
    threading.Thread(target=_end_with, args=(int(os.environ[STARTER]),), daemon=True).start()
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


def _end_with(starter: int) -> None:
    """End this process when what started it is gone: nobody would stop it any more."""
    while os.getppid() == starter:
        time.sleep(1)
    os._exit(LOST)


if __name__ == "__main__":
    status = {"rank": _rank, "node": _node}[sys.argv[1]](Path(sys.argv[2]))
    sys.stderr.flush()
    os._exit(status)  # at once: an ordinary exit may wait for communication with ranks that are gone
