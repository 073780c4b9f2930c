"""Run code that nobody has read: isolated, limited, and gone at the end.

    sandbox = Sandbox()                                    # a Failure where nothing isolates
    outcome = sandbox.run(["python3", "main.py"], files={"main.py": text}, limits=Limits(wall_seconds=5))

Notable here:
- Whether bubblewrap isolates is tried out, not assumed: some systems have it installed and forbid what it needs.
- An exit status and an output are whatever the code wished to show. A verdict must come from elsewhere: see `judge`.
- How a command is watched and ended is in `process`.
"""

from __future__ import annotations

import functools
import json
import socket
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from charmer.common.failure import Failure
from charmer.sandbox import isolation
from charmer.sandbox.limits import Limits, Outcome
from charmer.sandbox.process import FLAGS, Job, Process


class Unavailable(Failure):
    """There is no isolation to be had, and nobody allowed to go without."""


@functools.cache
def unavailable() -> str | None:
    """Why code cannot be isolated here, with the cure, in one line; None where a trial proved that it can."""
    return isolation.missing() or _trial()


class Sandbox:
    """Runs commands in isolation, or, only where that is allowed and none is to be had, without it.

    Args:
        allow_unsandboxed: run code with this user's rights where nothing isolates it. Time, memory, and output are
            still limited; files and network are not, and a process that detaches itself may escape.

    Attributes:
        isolated: whether commands run in isolation.

    Raises:
        Unavailable: nothing isolates, and `allow_unsandboxed` is false.
    """

    def __init__(self, allow_unsandboxed: bool = False) -> None:
        reason = unavailable()
        if reason is not None and not allow_unsandboxed:
            raise Unavailable(
                f"sandbox: {reason}; or let generated code run with your own rights "
                "(--allow-unsandboxed; in the workflow evaluate.allow_unsandboxed)"
            )
        self.isolated = reason is None

    def run(
        self,
        command: Sequence[str],
        files: Mapping[str, str | bytes] | None = None,
        folder: Path | None = None,
        mounts: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        place: Path | None = None,
    ) -> Outcome:
        """Run a command to its end, or to the first limit that it meets. The arguments are those of a `Job`.

        Raises:
            Failure: a mount or the folder is not there.
        """
        job = Job(command, files or {}, folder, mounts, environment or {}, limits or Limits(), place)
        return self.start(job).finish()

    def start(self, job: Job) -> Process:
        """The running process of a job. It has to be ended by the thread that started it."""
        return Process(job, self.isolated)


def _trial() -> str | None:
    """Run the probe in a sandbox: why isolation does not hold, or None."""
    limits = Limits(cpu_seconds=5, wall_seconds=15, memory_mb=256, processes=4)
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.NamedTemporaryFile() as secret:
        Path(secret.name).chmod(0o644)
        command = [isolation.interpreter()[0], *FLAGS, "-c", isolation.PROBE]
        command += [str(server.getsockname()[1]), secret.name, str(limits.processes)]
        outcome = Process(Job(command, limits=limits), isolated=True).finish()
    try:
        held = json.loads(outcome.stdout)
    except ValueError:
        return isolation.cure(outcome.stderr)
    broken = [name for name, holds in held.items() if not holds]
    if broken:
        return f"bubblewrap does not shut off {', '.join(broken)} on this system (Linux 5.14 or newer is needed)"
    return None
