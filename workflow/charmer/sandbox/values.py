"""Plain values as JSON, so that nothing but data passes between a judge and the code that it judges.

An object that a program returns can lie: it may say of itself that it equals everything. What is decoded here is built
anew from None, booleans, numbers, text, bytes, tuples, lists, sets, ranges and dictionaries, which cannot.

Its source also runs inside the sandbox, so it imports the standard library alone.
"""

import json
from typing import Any


class NotPlain(ValueError):
    """A value that is more than data, or no value at all."""


def encode(value: Any) -> str:
    """One line of JSON.

    Raises:
        NotPlain: `value` holds something that is not plain, or is nested too deep.
    """
    try:
        return json.dumps(_pack(value), separators=(",", ":"))
    except RecursionError:
        raise NotPlain("a value that is nested too deep") from None


def decode(text: str | bytes) -> Any:
    """What `encode` wrote.

    Raises:
        NotPlain: `text` is not of its making.
    """
    try:
        return _unpack(json.loads(text))
    except NotPlain:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError) as error:
        raise NotPlain(f"no value: {type(error).__name__}") from None


def _pack(value: Any) -> Any:
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
        return [_pack(entry) for entry in value]
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [_pack(entry) for entry in value]}
    if isinstance(value, dict):
        return {"dict": [[_pack(key), _pack(entry)] for key, entry in value.items()]}
    raise NotPlain(f"a value of type {type(value).__name__}, which is not plain data")


def _unpack(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list):
        return [_unpack(entry) for entry in value]
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
            return tuple(_unpack(entry) for entry in inner)
        case "set":
            return {_unpack(entry) for entry in inner}
        case "frozenset":
            return frozenset(_unpack(entry) for entry in inner)
        case "dict":
            return {_unpack(key): _unpack(entry) for key, entry in inner}
    raise NotPlain("no value")
