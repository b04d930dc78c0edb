"""torch and transformers, for the modules here that are imported when a cache is made; they come back as `Any`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dikast.errors import MissingExtraError


def library(name: str) -> Any:
    """A module of torch or transformers.

    Raises:
        MissingExtraError: It is not installed.
    """
    package = name.partition(".")[0]
    if find_spec(package) is None:
        raise MissingExtraError(package, extra="train")
    return import_module(name)
