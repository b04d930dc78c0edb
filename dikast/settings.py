"""Settings from files: `dikast.toml` in the current folder, and the file named by `--config`.

A flag beats the environment (`DIKAST_*`), which beats `--config`, which beats `dikast.toml`, which beats the default.
Names are those of the flags; a table holds the flags of one command, and what stands above any table holds for all:

    model = "server:http://localhost:8000/v1#Qwen/Qwen3-8B"

    [genqr.run]
    mode = "fusion"

Here the files are read; the order of precedence is the command line's (`dikast.cli.options`). The resolved values are
saved in the run's manifest.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, cast

from dikast.disk import refused
from dikast.errors import DataError

PROJECT_FILE = "dikast.toml"


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file, dashes in its names turned into underscores.

    Raises:
        DataError: It cannot be read, is not UTF-8, or is not TOML; the message names the line.
    """
    try:
        return _underscored(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise refused(error, path) from error
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}", path=path, hint="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}", path=path) from error


def for_command(tree: dict[str, Any], command: list[str]) -> dict[str, Any]:
    """What a settings file says to one command: its own table, over what stands above any table.

    Args:
        tree: A file, as `read_toml` gives it.
        command: The command's words: `["genqr", "run"]`.
    """
    found: dict[str, Any] = {}
    for word in (None, *command):
        tree = tree if word is None else tree.get(word, {})
        found |= {name: value for name, value in tree.items() if not isinstance(value, dict)}
    return found


def _underscored(tree: dict[str, Any]) -> dict[str, Any]:
    inner = {name: cast(dict[str, Any], value) for name, value in tree.items() if isinstance(value, dict)}
    tree = tree | {name: _underscored(value) for name, value in inner.items()}
    return {name.replace("-", "_"): value for name, value in tree.items()}
