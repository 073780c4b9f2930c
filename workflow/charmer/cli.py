"""The command `charmer`: one sub-command a module of `charmer.commands`.

A module there has:

- `HELP`, one line for `charmer --help`;
- `arguments(parser)`, which adds what it takes to an `argparse.ArgumentParser`;
- `run(options) -> int | None`, which does it, and may return an exit code.

It becomes a command by its name alone. All of them are imported for every call, so at its top a module imports nothing
that takes time: what needs PyTorch, NumPy or PyArrow is imported inside `run`.

A `Failure` ends in one line on standard error and exit code 1, wrong usage in 2, an interruption quietly in 130.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType

from charmer import commands
from charmer.common.failure import Failure

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments`, those of the process by default; gives the exit code."""
    # Threads of OpenMP that spin while they wait make small tensor operations slow beside any other program.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        options = parser().parse_args(arguments)
        code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except Failure as failure:
        return complain(options.command, str(failure))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "charmer"):  # a defect of ours
            raise
        return complain(
            options.command, f"needs the package {missing}, which a checkout of Charmer has after `make install`"
        )
    except MemoryError:
        return complain(options.command, "not enough memory; close other programs, or give it less at once")
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        return complain(options.command, f"{error.filename}: {error.strerror}; make it a file that may be read")
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's own flush at exit is quiet
        return 0


def complain(command: str, problem: str) -> int:
    """Say in one line what is wrong; gives the exit code."""
    print(f"charmer {command}: {' '.join(problem.split())}", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(prog="charmer", description="Use a code model that was trained on this machine.")
    top.add_argument("--version", action="version", version=f"charmer {version('charmer')}")
    below = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in modules().items():
        added = below.add_parser(name, help=module.HELP, description=module.HELP)
        module.arguments(added)
        added.set_defaults(run=module.run)
    return top


def modules() -> dict[str, ModuleType]:
    """The commands by name, in alphabetical order; `commands/do_this.py` is the command do-this."""
    names = sorted(found.name for found in pkgutil.iter_modules(commands.__path__) if not found.ispkg)
    return {name.replace("_", "-"): importlib.import_module(f"{commands.__name__}.{name}") for name in names}


if __name__ == "__main__":
    sys.exit(main())
