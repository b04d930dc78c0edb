"""Options that several commands share: one wording, one environment variable, one place in `--help`.

The order of precedence is flag, environment, `--config`, `dikast.toml`, default; the two files reach the command as its
default map.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from dikast.errors import DataError, UsageError
from dikast.settings import PROJECT_FILE, for_command, read_toml
from dikast.spec_options import parse_numbers

INPUT, MODEL, METHOD, RUN = "Input", "Model", "Method", "Run"


def _read_settings(ctx: typer.Context, config: Path | None) -> Path | None:
    """Lay `--config` over `dikast.toml`, as the command's default map."""
    command = ctx.command_path.split()[1:]
    known = {parameter.name for parameter in ctx.command.params} - {"config"}
    found: dict[str, Any] = {}
    project = Path(PROJECT_FILE)
    if project.is_file():
        # The project's file speaks to every command: names above its tables that this one lacks are others'.
        own = for_command(read_toml(project), command)
        found |= {name: value for name, value in own.items() if name in known}
    if config is not None:
        named = for_command(read_toml(config), command)
        for name in named.keys() - known:
            close = get_close_matches(name, [one for one in known if one], n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"see dikast {' '.join(command)} --help"
            raise DataError("no such setting", path=config, field=name, hint=hint)
        found |= named
    ctx.default_map = found
    return config


Config = Annotated[
    Path | None,
    typer.Option(
        "--config", is_eager=True, callback=_read_settings, help="TOML file with any of these flags.", metavar="FILE"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        envvar="DIKAST_MODEL",
        metavar="SPEC",
        rich_help_panel=MODEL,
        help="Model for every role; see 'dikast models list'. Default: what 'dikast doctor' names.",
    ),
]
Out = Annotated[
    Path, typer.Option("-o", "--out", metavar="DIR", rich_help_panel=RUN, help="Run folder; the same again resumes.")
]
Limit = Annotated[int | None, typer.Option(min=1, rich_help_panel=RUN, help="Take only the first N rows of the input.")]
Seed = Annotated[int, typer.Option(min=0, rich_help_panel=MODEL, help="Seed sent with every sampled request.")]
Preview = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=RUN, help="Run N rows, print them whole, write no run folder."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", rich_help_panel=RUN, help="Say how many rows and calls are owed; run nothing.")
]
ForceNew = Annotated[
    bool,
    typer.Option("--force-new", rich_help_panel=RUN, help="Move an older run in this folder aside and start over."),
]
Concurrency = Annotated[int, typer.Option(min=1, rich_help_panel=RUN, help="Rows in flight at most.")]
Cache = Annotated[
    str | None,
    typer.Option(
        envvar="DIKAST_REQUEST_CACHE",
        metavar="FILE",
        rich_help_panel=RUN,
        help="Request cache; 'off' for none. Default: the run's own, else requests.sqlite in the cache folder.",
    ),
]
MaxCalls = Annotated[int | None, typer.Option(min=0, rich_help_panel=RUN, help="Model calls the run may make.")]
MaxTokens = Annotated[
    int | None, typer.Option("--max-run-tokens", min=0, rich_help_panel=RUN, help="Tokens the run may use.")
]
MaxSeconds = Annotated[float | None, typer.Option(min=0, rich_help_panel=RUN, help="Seconds the run may take.")]
MaxCost = Annotated[
    float | None, typer.Option(min=0, rich_help_panel=RUN, help="Cost of the run, at the prices of --price.")
]
Price = Annotated[
    str | None,
    typer.Option(metavar="IN,OUT", rich_help_panel=RUN, help="Price of a million input and output tokens."),
]


def refuse_given(ctx: typer.Context, *names: str, why: str, hint: str = "") -> None:
    """Refuse options that were given though something else overrides them: a flag that does nothing misleads.

    Args:
        ctx: The command's, which knows where each option's value comes from.
        names: Of the command's parameters.
        why: What overrides them.
        hint: What to do instead.

    Raises:
        UsageError: One of them was given, wherever.
    """
    flags = {one.name: one.opts[-1] for one in ctx.command.params}
    given = [flags[name] for name in names if (source := ctx.get_parameter_source(name)) and source.name != "DEFAULT"]
    if given:
        raise UsageError(f"{', '.join(given)} would do nothing: {why}", hint=hint)


def parse_prices(text: str | None) -> tuple[float, float]:
    """Read `--price`.

    Raises:
        UsageError: Not two numbers.
    """
    if text is None:
        return 0.0, 0.0
    try:
        price_input, price_output = parse_numbers(text)
    except ValueError as error:
        raise UsageError(f"--price {text!r}: write two numbers, IN,OUT, per million tokens") from error
    return price_input, price_output
