"""Values between the test's process and the candidate's, as JSON that either may have forged.

    write(socket, encode(value, handles))
    value = decode(read(socket), handles)

What crosses is what Python writes as a literal: none, booleans, numbers, text, bytes, lists, tuples, dicts, sets; and
paths. Exact types come out, whatever subclass went in. Anything else crosses as a handle, which the other side can
only hand back or, where the test's side has allowed it, call; or as an `Opaque`, which is equal to nothing.
"""

from __future__ import annotations

import base64
import json
import math
import pathlib
import struct
from collections.abc import Callable
from typing import Any, cast

LENGTH = struct.Struct("<I")
MAX_FRAME = 64 << 20
"""Bytes of a frame: more than any test of this format returns."""
MAX_DEPTH = 64

Wire = Any
"""What `json.loads` returns."""


class Tampered(Exception):
    """The other side sent what no honest side sends."""


class Opaque:
    """A value of the other side that cannot cross; equal only to itself.

    Args:
        kind: The name of its type, as the other side has it.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<a candidate's {self.kind}>"


Strange = Callable[[Any], Wire]
"""Encodes what is no literal."""
Known = Callable[[str, Any], Any]
"""Decodes what `Strange` has made: a tag and its content."""


def encode(value: Any, strange: Strange, depth: int = 0) -> Wire:
    """A value as JSON.

    Args:
        value: What is to cross.
        strange: Encodes what is no literal.
        depth: How deep in another value this one lies.

    Raises:
        ValueError: It is nested too deep, or refers to itself.
    """
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep to cross")

    def inner(items: Any) -> list[Wire]:
        return [encode(item, strange, depth + 1) for item in items]

    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return {"i": hex(int.__index__(value))}
    if isinstance(value, float):
        return _float(float.__float__(value))
    if isinstance(value, (bytes, bytearray)):
        return {"ba" if isinstance(value, bytearray) else "b": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, list):
        return inner(list.__iter__(value))
    if isinstance(value, tuple):
        return {"t": inner(tuple.__iter__(value))}
    if isinstance(value, dict):
        return {"d": [inner(pair) for pair in _pairs(cast(dict[Any, Any], value))]}
    if isinstance(value, (set, frozenset)):
        return {"s" if isinstance(value, set) else "fs": inner(list(cast(set[Any], value)))}
    if isinstance(value, pathlib.PurePath):
        return {"p": str(value)}
    return strange(value)


def decode(wire: Wire, known: Known, depth: int = 0) -> Any:
    """The value that was encoded.

    Raises:
        Tampered: It is no such JSON.
    """
    if depth > 2 * MAX_DEPTH:
        raise Tampered("nested too deep")
    if wire is None or isinstance(wire, (bool, str)):
        return wire
    if isinstance(wire, list):
        return [decode(item, known, depth + 1) for item in cast(list[Wire], wire)]
    if not isinstance(wire, dict) or len(cast(dict[str, Wire], wire)) != 1:
        raise Tampered("no such value")
    ((tag, content),) = cast(dict[str, Wire], wire).items()
    try:
        return _tagged(tag, content, known, depth)
    except (TypeError, ValueError) as error:
        raise Tampered("no such value") from error


def _tagged(tag: str, content: Any, known: Known, depth: int) -> Any:
    if tag == "i":
        return int(content, 16)
    if tag == "f":
        return float(content)
    if tag in ("b", "ba"):
        raw = base64.b64decode(content, validate=True)
        return raw if tag == "b" else bytearray(raw)
    if tag == "p":
        return pathlib.Path(content)
    if tag in ("t", "s", "fs"):
        items = decode(list(content), known, depth + 1)
        return {"t": tuple, "s": set, "fs": frozenset}[tag](items)
    if tag == "d":
        return {decode(key, known, depth + 1): decode(item, known, depth + 1) for key, item in content}
    return known(tag, content)


def _pairs(value: dict[Any, Any]) -> list[tuple[Any, Any]]:
    return list(value.items())


def _float(value: float) -> Wire:
    return {"f": repr(value) if math.isfinite(value) else str(value)}


def write(connection: Any, message: Wire) -> None:
    """Send one frame; blocks.

    Raises:
        OSError: The other side is gone.
        ValueError: It is longer than a frame may be.
    """
    data = json.dumps(message).encode()
    if len(data) > MAX_FRAME:
        raise ValueError("too long to cross")
    connection.sendall(LENGTH.pack(len(data)) + data)


def read(connection: Any) -> Wire:
    """One frame; blocks.

    Raises:
        EOFError: The other side is gone.
        Tampered: It is no JSON, or longer than a frame may be.
    """
    (length,) = LENGTH.unpack(_exactly(connection, LENGTH.size))
    if length > MAX_FRAME:
        raise Tampered("a frame too long")
    try:
        return json.loads(_exactly(connection, length))
    except (ValueError, RecursionError) as error:
        raise Tampered("no JSON") from error


def _exactly(connection: Any, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
