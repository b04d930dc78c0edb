"""The untyped libraries that train, imported where they are needed, offline and without telemetry.

    torch, transformers = import_libraries()
    trl = library("trl")

They come back as `Any`. TRL is pinned to a minor version: what `trainers.py` takes of its trainers' inside is held by
the train lane's tests.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dikast.agents.models.transformers.loading import OFFLINE, quiet
from dikast.errors import MissingExtraError

NEEDED = ("torch", "transformers", "peft", "accelerate", "datasets", "trl")
QUIET = {"HF_DATASETS_OFFLINE": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Set where the user has set nothing: no hub is asked, nobody is told, and a process that forks is not warned of."""
LOGGERS = ("accelerate", "datasets", "peft", "torch.distributed", "transformers", "trl")


def check_installed(*names: str) -> None:
    """Make sure that libraries are there, without importing them.

    Args:
        names: Which; none for all that a training needs.

    Raises:
        MissingExtraError: One is not installed.
    """
    for name in names or NEEDED:
        if find_spec(name) is None:
            raise MissingExtraError(name, extra="train")


def library(name: str) -> Any:
    """A library, imported.

    Raises:
        MissingExtraError: It is not installed.
    """
    check_installed(name.partition(".")[0])
    for variable, value in {**OFFLINE, **QUIET}.items():
        os.environ.setdefault(variable, value)
    return import_module(name)


@contextmanager
def muted() -> Generator[None]:
    """No bars, no warnings and no advice of the libraries'; what a user has to know is told by dikast's own errors."""
    transformers, datasets = library("transformers"), library("datasets")
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    bars = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    with quiet(transformers), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            if bars:
                datasets.enable_progress_bars()
