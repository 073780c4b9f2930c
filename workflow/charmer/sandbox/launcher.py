"""The first program in a sandbox: it copies the files, becomes a plain user, sets the limits, and becomes the command.

It runs as `python -c`, from its source alone, since the library is not to be seen in there. Only the standard library
may be imported, and little of it (no pathlib): this runs before every command.
"""

# ruff: noqa: PTH101, PTH103, PTH108, PTH113, PTH114, PTH115, PTH116, PTH118, PTH123, PTH211

import contextlib
import json
import os
import resource
import sys

CANNOT_START = 125  # exit status when the command could not be started


def copy(source: str, target: str) -> list[str]:
    """Copy a folder's files, folders and links over what is in `target`; sockets, pipes and devices stay behind.

    Gives the paths that were made.
    """
    made = []
    for place, folders, names in os.walk(source):
        to = os.path.normpath(os.path.join(target, os.path.relpath(place, source)))
        os.makedirs(to, exist_ok=True)
        made.append(to)
        for name in [*folders, *names]:
            old, new = f"{place}/{name}", f"{to}/{name}"
            if os.path.islink(new) or os.path.isfile(new):
                os.unlink(new)
            if os.path.islink(old):
                os.symlink(os.readlink(old), new)
            elif os.path.isfile(old):
                with open(old, "rb") as read, open(new, "wb") as write:
                    while part := read.read(1 << 20):
                        write.write(part)
                found = os.stat(old)
                os.chmod(new, found.st_mode & 0o777 | 0o600)
                os.utime(
                    new, ns=(found.st_atime_ns, found.st_mtime_ns)
                )  # what was compiled from it is still up to date
            else:
                continue
            made.append(new)
    return made


def limit(limits: dict[str, int]) -> None:
    """Set resource limits by their names; soft and hard alike, so that they cannot be raised again."""
    for name, most in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            # macOS knows some limits that it lets nobody set.
            with contextlib.ExitStack() as stack:
                if sys.platform != "linux":
                    stack.enter_context(contextlib.suppress(ValueError, OSError))
                resource.setrlimit(kind, (most, most))


def launch(order: dict) -> None:
    """Do what `order` says: given, folder, user, limits, command."""
    os.makedirs(order["folder"], exist_ok=True)
    user = order["user"]
    made = [path for given in order["given"] for path in copy(given, order["folder"])]
    if user is not None:
        for path in made:  # last of all: a folder that was given away takes no more files from us
            os.chown(path, user, user, follow_symlinks=False)
        os.chown(order["folder"], user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)  # with this the last capability is gone
    os.chdir(order["folder"])
    limit(order["limits"])
    os.closerange(3, 64)
    os.execvp(order["command"][0], order["command"])


if __name__ == "__main__":
    try:
        launch(json.loads(sys.argv[1]))
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        sys.exit(CANNOT_START)
