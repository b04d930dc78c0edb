"""The candidate's module as the test's process sees it: functions that are called over there.

    sys.meta_path.insert(0, Finder("cwe_022_0_task", start))

The test imports the candidate by name, calls its functions, and looks at what they return and at the files that they
leave. So the module that it gets has a forwarder for each function, and a copy of each plain value. Nothing of the
candidate is ever run or unpickled here.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn, cast

codec: Any = importlib.import_module("codec")  # lies beside this file in the box, where there is no package

_WATCHED = (
    "tempfile",
    "os",
    "os.path",
    "subprocess",
    "time",
    "random",
    "secrets",
    "shutil",
    "hashlib",
    "socket",
    "uuid",
)
"""Libraries whose functions a test may replace before it imports or calls the candidate."""

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType)

_METHODS = {
    "sqlite3.Cursor": {"execute", "executemany", "fetchone", "fetchall", "fetchmany", "close"},
    "sqlite3.Connection": {"cursor", "execute", "executemany", "commit", "rollback", "close"},
}
_ATTRIBUTES = {
    "sqlite3.Cursor": ["connection", "description", "rowcount", "lastrowid"],
    "sqlite3.Connection": ["total_changes", "in_transaction"],
}
"""Objects of the test that a candidate may be given, and all that it may do with them."""

_SQLITE_ATTACH, _SQLITE_OK, _SQLITE_DENY = 24, 0, 1


Start = Callable[[], tuple[Any, Callable[[], object]]]


class CandidateError(Exception):
    """The candidate raised an exception that is no built-in one, or ended its process."""


class CandidateImportError(ImportError):
    """The candidate's module cannot be imported."""


class Candidate:
    """The candidate's process, from here.

    Args:
        start: Starts one, and gives a socket to it and how to kill it.
        tampered: Told once, when it sent what no honest process sends.
    """

    def __init__(self, start: Start, tampered: Callable[[str], None]) -> None:
        self._start, self._tampered = start, tampered
        self._connection, self._kill = start()
        self._interrupted = False
        self._objects: list[Any] = []
        self._before = _functions()
        self._sent: dict[str, Any] = {}
        self._calls = 0

    def names(self) -> list[tuple[str, str, Any]]:
        """What its module has: names, whether they are called, and the values of those that are not.

        Raises:
            CandidateImportError: It cannot be imported.
        """
        try:
            reply = self._converse({"patches": self._patches()})
            if "failed" in reply:
                error = _exception(reply["failed"])
                raise CandidateImportError(f"{type(error).__name__}: {error}")
            return [(_text(name), kind, self._decode(value)) for name, kind, value in reply["names"]]
        except (EOFError, OSError) as error:
            raise CandidateImportError("its process ended while it was imported") from error
        except (codec.Tampered, KeyError, TypeError, ValueError) as error:
            raise CandidateImportError(self._told(error)) from error

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call one of its functions.

        Raises:
            Exception: What it raised, if that is a built-in exception; else `CandidateError`.
        """
        if self._interrupted:
            self._again()
        self._calls += 1
        message = {"seq": self._calls, "call": name, "patches": self._patches()}
        message |= {"args": self._encode(args), "kwargs": self._encode(kwargs)}
        try:
            reply = self._converse(message)
            if reply["seq"] != self._calls:
                raise codec.Tampered("an answer to another call")
            if "raised" in reply:
                error = _exception(reply["raised"])
            else:
                value, given = self._decode(reply["value"]), self._decode(reply["given"])
                _give_back(args, given)
                return value
        except (EOFError, OSError) as gone:
            raise CandidateError("its process ended during a call") from gone
        except (codec.Tampered, KeyError, TypeError, ValueError, AttributeError, IndexError) as wrong:
            raise CandidateError(self._told(wrong)) from wrong
        raise error

    def _told(self, error: Exception) -> str:
        self._tampered(f"it sent what is no answer: {error}")
        return "it sent what is no answer"

    def _again(self) -> None:
        """A fresh process, since the other may be busy with a call that the test has given up."""
        self._connection, self._kill = self._start()
        self._sent, self._interrupted = {}, False
        self.names()

    def _converse(self, message: Any) -> dict[str, Any]:
        """Converse; a test that is interrupted meanwhile, by its own alarm say, leaves a dead process behind."""
        self._interrupted = True
        try:
            reply = self._exchange(message)
            self._interrupted = False
            return reply
        finally:
            if self._interrupted:
                self._connection.close()
                self._kill()

    def _exchange(self, message: Any) -> dict[str, Any]:
        """Send, and serve what it asks for until it answers."""
        codec.write(self._connection, message)
        while True:
            reply = codec.read(self._connection)
            if not isinstance(reply, dict):
                raise codec.Tampered("no message")
            message = cast(dict[str, Any], reply)
            if "ask" not in message and "get" not in message:
                return message
            codec.write(self._connection, self._serve(message))

    def _serve(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = asked["get"] if "get" in asked else asked["ask"]
        if type(number) is not int or not 0 <= number < len(self._objects):
            raise codec.Tampered("no such object")
        held, name = self._objects[number], asked["name"]
        if "get" in asked:
            if name not in _ATTRIBUTES.get(_kind(held), ()):
                raise codec.Tampered("no such attribute")
            return {"value": self._encode(getattr(held, name))}
        if name != "__call__" and name not in _METHODS.get(_kind(held), ()):
            return {"raised": {"kinds": ["builtins.AttributeError"], "text": f"no attribute {name!r}"}}
        args, kwargs = self._decode(asked["args"]), self._decode(asked["kwargs"])
        try:
            return {"value": self._encode((held if name == "__call__" else getattr(held, name))(*args, **kwargs))}
        except Exception as error:
            kinds = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
            return {"raised": {"kinds": kinds, "text": str(error)[:2000]}}

    def _patches(self) -> list[list[Any]]:
        """The library functions that the test has replaced since the last message, or put back."""
        now = {place: found for place, found in _functions().items() if found is not self._before.get(place)}
        fresh = [[place, self._encode(found)] for place, found in now.items() if self._sent.get(place) is not found]
        self._sent = now
        return fresh

    def _encode(self, value: Any) -> Any:
        return codec.encode(value, self._strange)

    def _decode(self, wire: Any) -> Any:
        return codec.decode(wire, self._known)

    def _strange(self, value: Any) -> Any:
        kind = _kind(value)
        if kind not in _METHODS and not callable(value):
            raise TypeError(f"a test cannot hand a {kind} to a candidate in another process")
        if kind.startswith("sqlite3."):
            held: Any = value
            connection = held if kind == "sqlite3.Connection" else held.connection
            connection.set_authorizer(_authorize)
        number = next((index for index, held in enumerate(self._objects) if held is value), len(self._objects))
        if number == len(self._objects):
            self._objects.append(value)
        return {"h": [number, _ATTRIBUTES.get(kind, [])]}

    def _known(self, tag: str, content: Any) -> Any:
        if tag == "h" and type(content) is int and 0 <= content < len(self._objects):
            return self._objects[content]
        if tag == "o" and isinstance(content, str):
            return codec.Opaque(content)
        raise codec.Tampered("no such value")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the candidate's module, and makes it of forwarders.

    Args:
        name: The module's name.
        start: Starts the candidate's process.
    """

    def __init__(self, name: str, start: Callable[[], Candidate]) -> None:
        self._name, self._start = name, start

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Only the candidate's."""
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self._name else None

    def exec_module(self, module: types.ModuleType) -> None:
        """Import it over there, and fill the module with what is there."""
        candidate = self._start()
        for name, kind, value in candidate.names():
            setattr(module, name, _forwarder(candidate, name) if kind == "call" else value)


class Anything(Finder):
    """A module that has every name, for collecting the cases before there is a candidate."""

    def __init__(self, name: str) -> None:
        super().__init__(name, _nobody)

    def exec_module(self, module: types.ModuleType) -> None:
        """Answer every name with a function."""
        vars(module)["__getattr__"] = _nothing


def _nobody() -> NoReturn:
    raise RuntimeError("there is no candidate while cases are collected")


def _nothing(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _no_candidate


def _no_candidate(*_args: Any, **_kwargs: Any) -> None:
    return None


def _authorize(action: int, *_: Any) -> int:
    """SQL that a candidate sends may not reach files: that would be the test's own."""
    return _SQLITE_DENY if action == _SQLITE_ATTACH else _SQLITE_OK


def _forwarder(candidate: Candidate, name: str) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return candidate.call(name, args, kwargs)

    forward.__name__ = forward.__qualname__ = name
    return forward


def _functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in _WATCHED:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, _FUNCTIONS):
                found[f"{module}.{name}"] = value
    return found


def _give_back(args: tuple[Any, ...], given: Any) -> None:
    """Do to the lists and dicts that were passed what the candidate has done to its copies."""
    if not isinstance(given, list) or len(cast(list[Any], given)) != len(args):
        raise codec.Tampered("no arguments")
    for mine, theirs in zip(args, cast(list[Any], given), strict=True):
        if type(mine) is not type(theirs) or mine == theirs:
            continue
        if isinstance(mine, (list, bytearray)):
            mine[:] = theirs
        elif isinstance(mine, (dict, set)):
            mine.clear()
            mine.update(theirs)


def _exception(told: Any) -> Exception:
    """The built-in exception that was raised over there, or a `CandidateError` with its name."""
    text = _text(told["text"])
    for kind in told["kinds"]:
        module, _, name = _text(kind).rpartition(".")
        found = getattr(builtins, name, None) if module == "builtins" else None
        if isinstance(found, type) and issubclass(found, Exception) and found is not Exception:
            try:
                return found(text)
            except TypeError:  # some, as UnicodeDecodeError, are not made of a text
                continue
    return CandidateError(f"{_text(told['kinds'][0])}: {text}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise codec.Tampered("no text")
    return value


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def install(finder: Finder) -> None:
    """Before every other way of finding modules."""
    sys.meta_path.insert(0, finder)
