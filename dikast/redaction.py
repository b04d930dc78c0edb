"""A user's function over every text that a run writes: names, addresses, whatever must not lie on a disk.

    def redact(text: str) -> str:
        return EMAIL.sub("[email]", text)

    await jobs.run(graph, rows, context, out, redact=redact)          # or --redact mymodule:redact

It is given each text by itself, names of fields in inputs and outputs among them, and returns what is written in its
place: to the journal (inputs, outputs, reasons, every message and reply of every call), to the tracebacks, and to a
safety run's vault. Reports, exports and the viewer read the journal. What has been taken apart before (tokens with
their log-probabilities, stems) reaches it in parts.

It fails closed: where it raises, or returns something else than a text, nothing of that row is written, and the job
stops; the message says which row, and none of the text.

Which function it was, and a hash of its module's source, are part of the run's fingerprint.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from dikast.errors import UsageError
from dikast.importing import import_object

Redact = Callable[[str], str]
PROBE = "probe"
FIXED = frozenset({"key", "row", "ordinal", "sample", "attempt", "outcome", "seconds", "usage", "worker"})
"""Fields of a journal's line that no user's text is in: names, numbers, our own words."""
OF_CALLS = frozenset({"role", "outcome", "usage", "provenance"})
"""The same of a call."""
FORM = "MODULE:FUNCTION, a function of a text that returns a text"


class RedactionError(UsageError):
    """The user's function failed; no text that it was given is in the message."""


@dataclass(frozen=True)
class Redaction:
    """The function, and what it is called.

    Args:
        function: Text -> text.
        name: `module:function`.
        source: Hash of the source that it stands in.
    """

    function: Callable[[str], object]
    name: str
    source: str

    @classmethod
    def of(cls, given: Redact | str) -> Redaction:
        """The redaction by a function, or by one that `module:function` names; it is tried once.

        Raises:
            UsageError: There is none, it is none, or its source is not to be found.
            RedactionError: It does not return a text.
        """
        function: Any = import_object(given) if isinstance(given, str) else given
        if not callable(function):
            raise UsageError(f"{given!r} is not a function", hint=FORM)
        own = getattr(function, "__module__", "?"), getattr(function, "__qualname__", type(function).__name__)
        made = cls(function, given if isinstance(given, str) else ":".join(own), source_of(function))
        made.text(PROBE)
        return made

    def fingerprint(self) -> dict[str, str]:
        """What makes two redactions the same."""
        return {"function": self.name, "source": self.source}

    def text(self, text: str) -> str:
        """What is written in place of a text.

        Raises:
            RedactionError: The function raised, or returned something else than a text.
        """
        try:
            found = self.function(text)
        except Exception as error:
            message = f"the redaction {self.name} raised {type(error).__name__}"
            raise RedactionError(message, hint="nothing of it was written") from None
        if not isinstance(found, str):
            message = f"the redaction {self.name} returned {type(found).__name__}, no text"
            raise RedactionError(message, hint=FORM)
        return found

    def value(self, value: Any) -> Any:
        """A JSON value with each text in it redacted, names too; names that become equal are numbered."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in cast(list[Any], value)]
        if not isinstance(value, dict):
            return value
        found: dict[str, Any] = {}
        for name, inner in cast(dict[str, Any], value).items():
            redacted = self.text(name)
            free = redacted
            number = 2
            while free in found:
                free, number = f"{redacted}#{number}", number + 1
            found[free] = self.value(inner)
        return found

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A line of a journal, redacted; whether its input is another now stands beside it.

        Raises:
            RedactionError: As `text`.
        """
        found = {name: value if name in FIXED else self.value(value) for name, value in record.items()}
        found["calls"] = [self.call(call) for call in record["calls"]]
        return found | ({"redacted": True} if found["input"] != record["input"] else {})

    def call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """A model call, redacted; who said a message stays."""
        found = {name: value if name in OF_CALLS else self.value(value) for name, value in call.items()}
        for before, after in zip(call["messages"], found["messages"], strict=True):
            after |= {"role": before["role"]} if "role" in before else {}
        return found


def source_of(function: Any) -> str:
    """A hash of the file that a function stands in, its helpers and patterns with it; of its own text without a file.

    Raises:
        UsageError: Neither is to be found.
    """
    target: Any = function if inspect.isroutine(function) else cast(Any, type(function))
    try:
        text = Path(str(inspect.getsourcefile(target))).read_bytes()
    except (OSError, TypeError):
        try:
            text = inspect.getsource(target).encode()
        except (OSError, TypeError) as error:
            hint = "define it with def in a file or a notebook's cell"
            raise UsageError(f"the source of the redaction {function!r:.80} is not to be found", hint=hint) from error
    return hashlib.sha256(text).hexdigest()


_current: ContextVar[Redaction | None] = ContextVar("dikast_redaction", default=None)


def current() -> Redaction | None:
    """The redaction of the job around; `None` outside of one."""
    return _current.get()


@contextmanager
def redacting(redaction: Redaction | None) -> Generator[None]:
    """Have whoever writes inside the block know of the redaction."""
    token = _current.set(redaction)
    try:
        yield
    finally:
        _current.reset(token)
