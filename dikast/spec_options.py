"""Options of a spec, the part after its `?`: typed, and refused where they are not understood.

    options = Options("server", {"timeout": "30", "batch": "7"})
    options.number("timeout", 600.0)
    options.done()

A wrong option's value is never shown, since somebody may have put a key there.
"""

from __future__ import annotations

import json
import os
from difflib import get_close_matches
from typing import Any, cast

from dikast.errors import UsageError

SCHEMES_VARIABLE = "DIKAST_SPEC_SCHEMES"
"""Where specs come from a network (a served graph), name the schemes to allow here, comma-separated."""


class Options:
    """The options of one spec; each is taken once, and `done` refuses what is left.

    Args:
        scheme: The engine's scheme, for messages.
        given: Option name -> text, as parsed from the spec.
    """

    def __init__(self, scheme: str, given: dict[str, str]) -> None:
        self.scheme = scheme
        self.given = dict(given)
        self.known: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Take an option as it is written."""
        self.known.append(name)
        return self.given.pop(name, default)

    def number(self, name: str, default: float) -> float:
        """Take an option as a positive number.

        Raises:
            UsageError: It is none.
        """
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not 0 < value < float("inf"):
            raise UsageError(f"{self.scheme}: option {name!r} must be a number above 0")
        return value

    def count(self, name: str, default: int, least: int = 0) -> int:
        """Take an option as a whole number.

        Raises:
            UsageError: It is none, or below `least`.
        """
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) < least:
            raise UsageError(f"{self.scheme}: option {name!r} must be a whole number, {least} or more")
        return int(text)

    def json_object(self, name: str) -> dict[str, Any]:
        """Take an option as a JSON object; an empty one where it is not given.

        Raises:
            UsageError: It is none.
        """
        try:
            value = json.loads(self.text(name, "{}"))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise UsageError(f"{self.scheme}: option {name!r} must be a JSON object")
        return cast(dict[str, Any], value)

    def done(self) -> None:
        """Refuse what nobody took.

        Raises:
            UsageError: An option is unknown.
        """
        for name in self.given:
            close = get_close_matches(name, self.known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(self.known)}"
            raise UsageError(f"{self.scheme}: no option is called {name!r}", hint=hint)


def refuse_disallowed(scheme: str, what: str) -> None:
    """Refuse a scheme that whoever serves graphs has not allowed; see `SCHEMES_VARIABLE`.

    Args:
        scheme: What stands before the colon of the spec.
        what: The spec and its kind, for the message: "model spec 'vllm:x'".

    Raises:
        UsageError: The variable is set and does not name the scheme.
    """
    allowed = os.environ.get(SCHEMES_VARIABLE)
    if allowed is not None and scheme not in allowed.split(","):
        raise UsageError(f"{what}: {scheme!r} is not among the schemes in {SCHEMES_VARIABLE}")


def parse_numbers(text: str) -> list[float]:
    """Read numbers, comma-separated.

    Raises:
        ValueError: One of them is none.
    """
    return [float(part) for part in text.split(",")]
