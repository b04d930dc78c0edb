"""Packages of extras (of `data`, where no other is named), imported where they are used.

    pyarrow = needs("pyarrow")
    jinja2 = needs("jinja2", extra="view")

They come back as `Any`: pyarrow has no type hints, and what leaves the modules that use it is numpy, pandas or plain
Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dikast.errors import MissingExtraError


def needs(module: str, extra: str = "data") -> Any:
    """Import a module of an optional package.

    Args:
        module: Its name.
        extra: Of dikast's extras the one that brings it.

    Raises:
        MissingExtraError: It is not installed; the hint says what to install.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(f"the Python package {package!r}", extra=extra) from error
