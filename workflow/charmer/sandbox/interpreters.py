"""Which folders a person's test command needs to find its interpreter and packages, and the PATH that leads there."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charmer.sandbox.isolation import SYSTEM, interpreter

VENVS = (".venv", "venv", "env")
PROGRAMS = ("python", "python3", "pytest")


@dataclass(frozen=True)
class Found:
    """What a command is run with.

    Attributes:
        mounts: folders that it has to see, outermost first; those of the system are not among them.
        path: folders to look for programs in.
        variables: of the environment.
    """

    mounts: tuple[Path, ...]
    path: tuple[str, ...]
    variables: dict[str, str]


def find(command: str, root: Path, here: Path) -> Found:
    """What `command` needs, run in `here`, a folder of the project at `root`.

    The interpreter is the one that the command would have found outside: that of an activated environment, or of a
    program at the beginning of PATH; then one that lies in the project, and last the one that runs Charmer.
    """
    outside = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    inside = [str(root / name / "bin") for name in VENVS if (root / name / "pyvenv.cfg").exists()]
    own = str(Path(sys.executable).parent)
    everything = list(dict.fromkeys([*outside, *inside, own, "/usr/local/bin", "/usr/bin", "/bin"]))
    mounts: dict[Path, None] = {}
    for name in (*_programs(command), *PROGRAMS):
        if "/" in name:
            path: str | None = str(here / name)
        else:
            path = shutil.which(name, path=os.pathsep.join(everything))
        for folder in _folders(Path(path)) if path else ():
            mounts[folder] = None
    for entry in (*inside, own):
        for folder in _folders(Path(entry) / "python"):
            mounts[folder] = None
    kept = [folder for folder in mounts if not _of_system(folder) and folder.is_dir()]
    kept = [folder for folder in kept if not any(folder != other and folder.is_relative_to(other) for other in kept)]
    seen = [entry for entry in everything if _of_system(Path(entry)) or any(map(Path(entry).is_relative_to, kept))]
    variables = {name: os.environ[name] for name in ("VIRTUAL_ENV", "PYTHONPATH") if name in os.environ}
    if (site := Path.home() / ".local") in kept:
        variables["PYTHONUSERBASE"] = str(site)
    return Found(tuple(sorted(kept)), tuple(seen), variables)


def is_environment(folder: Path) -> bool:
    """Whether a folder is a virtual environment."""
    return (folder / "pyvenv.cfg").exists()


def _programs(command: str) -> list[str]:
    """The words of a command line that could be its program: variables before it are skipped."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return [word for word in words if "=" not in word.partition("/")[0]][:2]


def _of_system(folder: Path) -> bool:
    return any(folder.is_relative_to(top) for top in SYSTEM) and not folder.is_relative_to(Path.home())


def _folders(program: Path) -> Iterator[Path]:
    """The folders without which a program does not run: its environment, and its interpreter's."""
    if not program.exists():
        return
    if is_environment(program.parent.parent):
        yield program.parent.parent
        yield _prefix(program.parent / "python")
        return
    shebang = b""
    with contextlib.suppress(OSError), program.open("rb") as file:
        shebang = file.readline(400)
    if shebang.startswith(b"#!") and (words := shebang[2:].decode("utf-8", "replace").split()):
        if program.parent.name == "bin":
            yield _prefix(program, follow=False)
        if Path(words[0]) != program and Path(words[0]).name.startswith("python"):
            yield from _folders(Path(words[0]))
        return
    yield _prefix(program)


def _prefix(program: Path, follow: bool = True) -> Path:
    """The folder of an installation: the one above its programs. A person's whole home is none."""
    path = Path(os.path.realpath(program)) if follow else program
    folder = path.parent.parent if path.parent.name in ("bin", "Scripts") else path.parent
    broad = (Path("/"), Path.home(), Path("/tmp"), Path("/home"))
    return interpreter()[1] if folder in broad else folder
