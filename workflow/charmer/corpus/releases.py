"""Python files of exact releases of packages, fetched from the package index as wheels and never installed.

Notable here:
- The names and versions alone say what the source holds, so nothing has to be fetched to see whether it changed.
- It is the ordinary client, pip, that fetches: it knows the machine's index, proxy and certificates, and checks each
  file against the index's hash. Wheels only, since an sdist would have to run its own code to say what it is; and
  never what a package depends on.
- A release lies complete in results/cache/releases/NAME-VERSION/ or not at all. Who has it there needs no network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.corpus.archives import members_of
from charmer.corpus.directories import Entry
from charmer.corpus.found import Found, normalized
from charmer.corpus.refusal import Refusal
from charmer.corpus.selection import Selection

CACHE = Path("results/cache/releases")
TOGETHER = 4  # downloads side by side
RELEASE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9._+!]*)")


def releases(source: dict[str, Any]) -> list[str]:
    """The releases of a source of kind `releases` as `name-version`, names normalized, sorted.

    Raises:
        Failure: an entry is no `name==version`, or a name stands twice.
    """
    found: dict[str, str] = {}
    for wanted in source["packages"]:
        match = RELEASE.fullmatch(wanted.replace(" ", ""))
        if match is None:
            raise Failure(f"source {source['name']}: {wanted} names no release; write name==version")
        name = normalized(match[1])
        if name in found:
            raise Failure(f"source {source['name']}: {name} stands twice in packages; take one off")
        found[name] = match[2]
    return [f"{name}-{version}" for name, version in sorted(found.items())]


def release_entries(source: dict[str, Any]) -> Iterator[Entry]:
    """An entry for each release; sizes and times are those of nothing, since a release never changes."""
    for release in releases(source):
        yield Entry(release, release, "release", -1, 0)


def release_files(source: dict[str, Any], selection: Selection, limit: int) -> Iterator[Found | Refusal]:
    """The files of a source of kind `releases`, after what is missing in the cache was fetched.

    Args:
        source: one entry of the config's `sources`.
        selection: which members of the wheels are meant.
        limit: bytes above which a member is not read.

    Raises:
        Failure: a release cannot be fetched; what was fetched stays.
    """
    wanted = releases(source)
    missing = [release for release in wanted if _wheel(release) is None]
    with ThreadPoolExecutor(TOGETHER) as pool, Progress(f"fetch {source['name']}", len(missing), "release") as progress:
        for _ in pool.map(lambda release: _fetch(release, source["name"]), missing):
            progress.advance(1)
    for release in wanted:
        wheel = _wheel(release)
        assert wheel is not None, "it was fetched"
        yield from members_of(wheel, wheel.stat().st_size, f"{release}.whl", f"{release}/", selection, limit)


def _wheel(release: str) -> Path | None:
    return next((CACHE / release).glob("*.whl"), None)


def _fetch(release: str, source: str) -> None:
    """Have pip put the wheel of a release into the cache.

    Raises:
        Failure: there is no such wheel, no network, or no pip.
    """
    name, _, version = release.rpartition("-")
    unfinished = CACHE / f".{release}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(unfinished), f"{name}=={version}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode or next(unfinished.glob("*.whl"), None) is None:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["pip says nothing"]
            why = next((line for line in said if line.startswith("ERROR")), said[-1]).removeprefix("ERROR: ")
            raise Failure(
                f"source {source}: {name}=={version} cannot be fetched ({why}); see whether the package index can be "
                "reached and has a wheel of it for this Python, then run the same command again"
            )
        shutil.rmtree(CACHE / release, ignore_errors=True)
        unfinished.rename(CACHE / release)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
