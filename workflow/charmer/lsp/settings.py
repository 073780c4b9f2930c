"""What a person can set: on the command line, in the client's `initializationOptions`, or while it runs.

{"pause": 100, "manual": false, "until": "block", "check": true, "checkPause": 700}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from charmer.common.failure import Failure
from charmer.inference.endings import Until

LONGEST_PAUSE = 60_000  # milliseconds
SECTION = "charmer"  # under which some clients send their settings


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid", alias_generator=to_camel, populate_by_name=True))
class Settings:
    """How the server behaves.

    Attributes:
        pause: milliseconds without typing before a suggestion is computed.
        manual: compute a suggestion only where the person asks for one.
        until: where a suggestion ends by itself.
        check: whether files are checked at all.
        check_pause: milliseconds without typing before a file is checked.
    """

    pause: Annotated[int, Field(ge=0, le=LONGEST_PAUSE)] = 100
    manual: bool = False
    until: Until = "block"
    check: bool = True
    check_pause: Annotated[int, Field(ge=0, le=LONGEST_PAUSE)] = 700

    def changed(self, given: Any) -> Settings:
        """These settings with those that a client gives, under the key "charmer" or without it.

        Raises:
            Failure: one is unknown, or its value is not what it takes.
        """
        if isinstance(given, Mapping) and SECTION in given:
            given = given[SECTION]
        if not given:
            return self
        if not isinstance(given, Mapping):
            raise Failure(f'settings: must be an object such as {{"pause": 100}}, and are {given!r}')
        mine = {to_camel(name): value for name, value in asdict(self).items()}
        theirs = {to_camel(name): value for name, value in given.items() if value is not None}
        try:
            return Settings(**mine | theirs)
        except ValidationError as error:
            first = error.errors()[0]
            raise Failure(f"settings: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
