"""What a program may import: all of it is loaded before the first program, since a program opens no file.

A module that is not loaded cannot be found, which the program sees as ImportError. The time zones of the database are
read here too (`inside.zones`). `OFFERED` is the list to tell a Solver; the rest are parts that pandas, numpy and the
standard library load late.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys
import warnings
from types import ModuleType

from dikast.sandbox.inside import zones

OFFERED = (
    "numpy", "pandas",
    "re", "math", "statistics", "datetime", "calendar", "time", "decimal", "fractions", "random", "cmath",
    "collections", "itertools", "functools", "operator", "heapq", "bisect", "string", "textwrap", "unicodedata",
    "difflib", "json", "csv", "io", "copy", "enum", "dataclasses", "typing", "types", "abc", "numbers", "contextlib",
    "warnings", "hashlib", "base64", "struct", "array", "html", "locale", "fnmatch", "pprint", "secrets", "uuid",
)  # fmt: skip
"""Modules that the instructions to a Solver may name."""

OFFERED_ARROW = ("pyarrow", "pyarrow.compute", "duckdb")
"""What the Arrow kind of box offers besides."""

_LATE = (
    "_strptime", "ast", "traceback", "linecache", "stringprep", "encodings.idna", "encodings.latin_1",
    "encodings.ascii", "encodings.utf_16", "dateutil.parser", "dateutil.tz",
    "numpy.random", "numpy.linalg", "numpy.fft", "numpy.ma", "numpy.polynomial", "numpy.strings", "numpy.char",
    "numpy.rec", "numpy.ctypeslib", "numpy.matlib",
)  # fmt: skip
_LATE_PACKAGES = ("pandas.core", "pandas.io.formats", "pandas.io.json", "pandas.tseries", "pandas.api")


def load(*, arrow: bool) -> None:
    """Import everything that programs may use; without Arrow, keep pandas from finding pyarrow and its thread."""
    if not arrow:
        # typed Any-ward: a None entry is the documented way to make an import fail
        sys.modules["pyarrow"] = None  # pyright: ignore[reportArgumentType] # how the import system blocks a module
    warnings.simplefilter("ignore")
    for name in (*OFFERED, *_LATE, *(OFFERED_ARROW if arrow else ())):
        importlib.import_module(name)
    zones.preload()
    for package in _LATE_PACKAGES:
        _load_package(importlib.import_module(package))


def _load_package(package: ModuleType) -> None:
    """Import a package's modules, except those whose own optional dependencies are absent."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None):
        if "numba" not in module.name:
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
