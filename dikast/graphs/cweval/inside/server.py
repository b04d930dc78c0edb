"""The candidate's process: imports the candidate's module and answers calls of its functions. Nothing here is trusted.

    python server.py FD MODULE

Whatever this process is made to do, it can only send frames, which the runner reads as what the candidate says.
"""

from __future__ import annotations

import functools
import importlib
import socket
import sys
import types
from typing import Any

codec: Any = importlib.import_module("codec")  # lies beside this file in the box, where there is no package

_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


class Remote:
    """An object that the test holds: its methods are asked for over there."""

    def __init__(self, link: Link, number: int, names: list[str]) -> None:
        self.__dict__.update(_link=link, _number=number, _names=names)

    def __getattr__(self, name: str) -> Any:
        if name in self._names:
            return self._link.ask({"get": self._number, "name": name})
        if name.startswith("__"):
            raise AttributeError(name)
        return functools.partial(self._link.ask_named, self._number, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the test."""
        return self._link.ask_method(self._number, "__call__", args, kwargs)

    def __iter__(self) -> Any:
        return iter(self._link.ask_method(self._number, "fetchall", (), {}))


class Link:
    """The connection to the runner."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.remotes: dict[int, Remote] = {}

    def encode(self, value: Any) -> Any:
        """A value as it crosses."""
        return codec.encode(value, self._strange)

    def decode(self, wire: Any) -> Any:
        """A value that crossed."""
        return codec.decode(wire, self._known)

    def ask_named(self, number: int, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method over there."""
        return self.ask_method(number, name, args, kwargs)

    def ask_method(self, number: int, name: str, args: Any, kwargs: Any) -> Any:
        """Call a method over there with these arguments."""
        return self.ask({"ask": number, "name": name, "args": self.encode(args), "kwargs": self.encode(kwargs)})

    def ask(self, message: Any) -> Any:
        """Ask, and return or raise what comes back."""
        codec.write(self.connection, message)
        reply = codec.read(self.connection)
        if "raised" in reply:
            raise _exception(reply["raised"])
        return self.decode(reply["value"])

    def _strange(self, value: Any) -> Any:
        if isinstance(value, Remote):
            return {"h": value._number}
        return {"o": type(value).__name__}

    def _known(self, tag: str, content: Any) -> Any:
        if tag == "h":
            number, names = content
            return self.remotes.setdefault(number, Remote(self, number, names))
        return codec.Opaque(str(content))


def serve(connection: socket.socket, name: str) -> None:
    """Import, say what there is, and answer until the runner is gone."""
    link = Link(connection)
    patch(link, codec.read(connection)["patches"])
    try:
        module = importlib.import_module(name)
    except BaseException as error:
        codec.write(connection, {"failed": _told(error)})
        return
    codec.write(connection, {"names": _names(link, module)})
    while True:
        call = codec.read(connection)
        patch(link, call["patches"])
        codec.write(connection, {"seq": call["seq"], **answer(link, module, call)})


def answer(link: Link, module: Any, call: Any) -> dict[str, Any]:
    """Make a call; what it returned or raised, and what became of the lists and dicts that it was given."""
    args, kwargs = link.decode(call["args"]), link.decode(call["kwargs"])
    try:
        value = getattr(module, call["call"])(*args, **kwargs)
        return {"value": link.encode(value), "given": link.encode([_mutable(one) for one in args])}
    except BaseException as error:
        return {"raised": _told(error)}


def patch(link: Link, patches: Any) -> None:
    """Put the test's own functions where it has replaced a library's."""
    for place, wire in patches:
        module, _, name = place.rpartition(".")
        setattr(importlib.import_module(module), name, link.decode(wire))


def _mutable(value: Any) -> Any:
    return value if type(value) in (list, dict, set, bytearray) else None


def _names(link: Link, module: types.ModuleType) -> list[list[Any]]:
    found: list[list[Any]] = []
    content: dict[str, Any] = vars(module)
    for name, value in content.items():
        if name.startswith("__") or isinstance(value, types.ModuleType):
            continue
        if isinstance(value, _CALLABLE) or callable(value):
            found.append([name, "call", None])
        else:
            try:
                found.append([name, "value", link.encode(value)])
            except Exception:
                found.append([name, "value", {"o": type(value).__name__}])
    return found


def _told(error: BaseException) -> dict[str, Any]:
    kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    try:
        text = str(error)[:2000]
    except BaseException:
        text = ""
    return {"kinds": kinds, "text": text}


def _exception(told: Any) -> BaseException:
    for kind in told["kinds"]:
        module, _, name = kind.rpartition(".")
        found = getattr(sys.modules.get(module), name, None)
        if isinstance(found, type) and issubclass(found, Exception):
            return found(told["text"])
    return RuntimeError(told["text"])


if __name__ == "__main__":
    sys.path.insert(0, "/candidate")
    serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
