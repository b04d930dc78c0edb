"""All commands of `dikast`, as Typer has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dikast.cli import COMMANDS, load


def every_command() -> list[tuple[str, Any]]:
    """Each command that does something: `runs show` and the command itself."""
    return [found for name in COMMANDS for found in leaves(load(name), name)]


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    if command.invoke_without_command:
        yield path, command
    for name, below in command.commands.items():
        yield from leaves(below, f"{path} {name}")
