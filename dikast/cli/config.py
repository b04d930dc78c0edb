"""`dikast config show`: the settings that a command would have, and where each comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from dikast.cli.options import Json
from dikast.cli.output import emit, table
from dikast.errors import UsageError
from dikast.settings import PROJECT_FILE, for_command, read_toml

app = typer.Typer(no_args_is_help=True, help="Say which settings a command has, and where each comes from.")
app.callback()(lambda: None)  # a group, however few verbs it has


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def show(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="A command with its flags, as you would give it.")
    ],
    changed: Annotated[bool, typer.Option("--changed", help="Leave out what is the default.")] = False,
    json: Json = False,
) -> None:
    """Print every setting of a command, and whether a flag, the environment, a file or the default says so.

    Nothing is run. Flags of this command come first: dikast config show --changed genqr run --mode fusion
    """
    found = [one for one in settings_of(command) if not (changed and one["from"] == "default")]
    if json:
        emit(found)
    else:
        table(
            ("setting", "value", "from"),
            [(one["setting"], "-" if one["value"] is None else str(one["value"]), one["from"]) for one in found],
        )


def settings_of(words: Sequence[str]) -> list[dict[str, Any]]:
    """The settings of a command line: the flag, its value, and what says so.

    Raises:
        UsageError: It is no command, or one with other commands below it.
        DataError: A settings file is wrong.
    """
    if words and words[0].startswith("-"):
        raise UsageError(f"No such option: {words[0]}", hint="dikast config show --help")
    ctx = context_of(words)
    files = files_of(ctx)
    told: list[dict[str, Any]] = []
    for parameter in ctx.command.params:
        name, flags = parameter.name, [flag for flag in parameter.opts if flag.startswith("--")]
        if name is None or not flags or name in ("help", "config"):
            continue
        source = ctx.get_parameter_source(name)
        where = {
            "COMMANDLINE": "flag",
            "ENVIRONMENT": f"environment: {parameter.envvar}",
            "DEFAULT_MAP": files.get(name, ""),
        }.get(source.name if source else "", "default")
        told.append({"setting": flags[0], "value": plain(ctx.params.get(name)), "from": where})
    return told


def context_of(words: Sequence[str]) -> Any:
    """The parsed command line; nothing that it asks for is done, and nothing that it lacks is missed.

    Raises:
        UsageError: It is no command, one with other commands below it, or its flags are wrong.
    """
    from dikast.cli import PARSER_ERROR
    from dikast.cli import app as everything

    command: Any = typer.main.get_command(everything)
    rest, ctx, name = list(words), command.make_context("dikast", [], resilient_parsing=True), ""
    while hasattr(command, "resolve_command"):
        known = sorted(command.list_commands(ctx))
        if not rest or command.get_command(ctx, rest[0]) is None:
            given = " ".join(words) or "nothing"
            raise UsageError(f"{given}: no such command", hint=f"{ctx.command_path} has {', '.join(known)}")
        name, command, rest = command.resolve_command(ctx, rest)
        if hasattr(command, "resolve_command"):
            ctx = command.make_context(name, [], parent=ctx, resilient_parsing=True)
    for parameter in command.params:
        parameter.required = False
    try:
        return command.make_context(name, rest, parent=ctx)
    except PARSER_ERROR as error:
        raise UsageError(" ".join(error.format_message().split()), hint=f"{ctx.command_path} {name} --help") from error


def files_of(ctx: Any) -> dict[str, str]:
    """Setting -> the settings file that says it; `--config` beats the project's."""
    command = ctx.command_path.split()[1:]
    found: dict[str, str] = {}
    for path in (Path(PROJECT_FILE), ctx.params.get("config")):
        if path is not None and path.is_file():
            found |= dict.fromkeys(for_command(read_toml(path), command), str(path))
    return found


def plain(value: object) -> object:
    """A value as JSON has it."""
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
