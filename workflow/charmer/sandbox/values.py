"""Calls between two processes that trust each other with plain data alone.

An object that a program returns can lie: it may say of itself that it equals everything. What is decoded here is built
anew from None, booleans, numbers, text, bytes, dates, tuples, lists, sets, ranges and dictionaries, which cannot. A
function stays where it is: the other side gets a stand-in, which asks for each call.

What cannot be sent is no answer, and never an exception of the called function's own: else a test that expects a
ValueError would take an unfinished program's `return NotImplemented` for one.

Its source also runs inside the sandbox, so it imports the standard library alone, and the rarer parts only when met.
"""

import builtins
import contextlib
import importlib
import json
from collections.abc import Callable
from typing import Any

# module and class: what it is written as, and what reads that again
BY_TEXT: dict[tuple[str, str], tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    ("datetime", "date"): (str, lambda kind, text: kind.fromisoformat(text)),
    ("datetime", "time"): (str, lambda kind, text: kind.fromisoformat(text)),
    ("datetime", "datetime"): (str, lambda kind, text: kind.fromisoformat(text)),
    ("datetime", "timedelta"): (
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda kind, parts: kind(*map(int, parts)),
    ),
    ("decimal", "Decimal"): (str, lambda kind, text: kind(str(text))),
    ("fractions", "Fraction"): (str, lambda kind, text: kind(str(text))),
}

NO_DATA = "gone returned or left in an argument what is not plain data"  # no JSON: who reads it has no usable answer


class NotPlain(ValueError):
    """A value that is more than data, or no value at all."""


class Gone(BaseException):
    """The other side gave no usable answer. No `except Exception` of a test shall catch it."""


class Peer:
    """One of the two sides of a talk. Each line is a call of the other's function, or the reply to a call.

    Args:
        send, receive: one line to the other side, and the next line from it.
        functions: those that the other side may call by their place, beside what it is handed.

    Attributes:
        gone: whether a call came to no usable answer. A test may catch `Gone` in a bare `except`; this stays.
    """

    def __init__(
        self, send: Callable[[str], None], receive: Callable[[], str], functions: list[Callable[..., Any]]
    ) -> None:
        self.send, self.receive, self.functions = send, receive, functions
        self.gone = False

    def stand_in(self, place: int) -> Callable[..., Any]:
        """A function that has the other side call its function at `place`."""

        def function(*arguments: Any, **named: Any) -> Any:
            try:
                self.send(self.encode({"call": place, "arguments": list(arguments), "named": named}))
                while "call" in (reply := self.decode(self.receive())):
                    self.send(self.answer(reply))
                outcome = raised(reply["raised"], reply["text"]) if "raised" in reply else None
                if outcome is None:
                    for mine, theirs in zip(arguments, reply["arguments"], strict=True):
                        become(mine, theirs)
            except (NotPlain, TypeError, KeyError, ValueError):
                self.gone = True
                raise Gone("no usable answer") from None
            if outcome is not None:
                raise outcome
            return reply.get("returned")

        return function

    def answer(self, call: dict[str, Any]) -> str:
        """Do a call that the other side asked for; the reply, or where there is none to send the word that says so."""
        try:
            returned = self.functions[call["call"]](*call["arguments"], **call["named"])
        except Exception as error:
            names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
            return self.encode({"raised": names, "text": str(error)[:1000]})
        try:
            return self.encode({"returned": returned, "arguments": call["arguments"]})
        except Exception:  # NotPlain, or whatever a list with an iterator of its own raises
            return NO_DATA

    def encode(self, value: Any) -> str:
        """One line of JSON.

        Raises:
            NotPlain: `value` holds something that is not plain, or is nested too deep.
        """
        try:
            return json.dumps(_pack(value, self.functions), separators=(",", ":"))
        except RecursionError:
            raise NotPlain("a value that is nested too deep") from None

    def decode(self, text: str | bytes) -> Any:
        """What `encode` wrote.

        Raises:
            NotPlain: `text` is not of its making.
        """
        try:
            return _unpack(json.loads(text), self.stand_in)
        except NotPlain:
            raise
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError, MemoryError) as error:
            raise NotPlain(f"no value: {type(error).__name__}") from None


def raised(names: list[str], text: str) -> Exception:
    """What the other side raised, as the nearest of Python's own exceptions."""
    for name in names:
        kind = getattr(builtins, str(name), None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            with contextlib.suppress(TypeError):  # UnicodeDecodeError and its like want more than a text
                return kind(text)
    return Exception(text)


def become(mine: Any, theirs: Any) -> None:
    """Carry a change that was made to the other side's copy of an argument over to our own."""
    if type(mine) is not type(theirs) or mine == theirs:
        return
    if isinstance(mine, list | bytearray):
        mine[:] = theirs
    elif isinstance(mine, dict | set):
        mine.clear()
        mine.update(theirs)


def _pack(value: Any, functions: list[Callable[..., Any]]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": hex(value)}  # decimals of any length would meet Python's limit on digits
    if isinstance(value, float):
        return {"float": float.hex(value)}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, complex):
        return {"complex": [float.hex(value.real), float.hex(value.imag)]}
    if isinstance(value, bytes):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, bytearray):
        return {"bytearray": bytes(value).hex()}
    if isinstance(value, range):
        return {"range": [hex(value.start), hex(value.stop), hex(value.step)]}
    if isinstance(value, list):
        return [_pack(entry, functions) for entry in value]
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [_pack(entry, functions) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[_pack(key, functions), _pack(entry, functions)] for key, entry in value.items()]}
    for base in type(value).__mro__:
        if (where := (base.__module__, base.__name__)) in BY_TEXT:
            return {".".join(where): BY_TEXT[where][0](value)}
    if callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    raise NotPlain(f"a value of type {type(value).__name__}, which is not plain data")


def _unpack(value: Any, stand_in: Callable[[int], Any]) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list):
        return [_unpack(entry, stand_in) for entry in value]
    if not isinstance(value, dict) or len(value) != 1:
        raise NotPlain("no value")
    ((kind, inner),) = value.items()
    match kind:
        case "int":
            return int(inner, 16)
        case "float":
            return float.fromhex(inner)
        case "complex":
            return complex(*map(float.fromhex, inner))
        case "bytes":
            return bytes.fromhex(inner)
        case "bytearray":
            return bytearray.fromhex(inner)
        case "range":
            return range(*(int(end, 16) for end in inner))
        case "tuple":
            return tuple(_unpack(entry, stand_in) for entry in inner)
        case "set":
            return {_unpack(entry, stand_in) for entry in inner}
        case "frozenset":
            return frozenset(_unpack(entry, stand_in) for entry in inner)
        case "dict":
            return {_unpack(key, stand_in): _unpack(entry, stand_in) for key, entry in inner}
        case "function":
            return stand_in(int(inner))
    module, _, name = kind.partition(".")
    if (module, name) in BY_TEXT:
        return BY_TEXT[module, name][1](getattr(importlib.import_module(module), name), inner)
    raise NotPlain("no value")
