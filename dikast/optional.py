"""Packages of the extra `data`, imported where they are used.

    pyarrow = needs("pyarrow")

They come back as `Any`: pyarrow has no type hints, and what leaves the modules that use it is numpy, pandas or plain
Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dikast.errors import MissingExtraError


def needs(module: str) -> Any:
    """Import a module of an optional package.

    Raises:
        MissingExtraError: It is not installed; the hint says what to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(f"the Python package {package!r}", extra="data") from error
