"""Options that several commands share: one wording, one environment variable, one place in `--help`.

The order of precedence is flag, environment, `--config`, `dikast.toml`, default; the two files reach the command as its
default map.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

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
        tree = read_toml(project)
        said = for_command(tree, command)
        refuse_unknown_in_project(ctx, tree, said.keys() - known, project)
        found |= {name: value for name, value in said.items() if name in known}
    if config is not None:
        named = for_command(read_toml(config), command)
        refuse_unknown(named.keys() - known, known, config, command)
        found |= named
    ctx.default_map = found
    return config


def refuse_unknown(names: Collection[str], known: Collection[str | None], path: Path, command: list[str]) -> None:
    """Refuse the first setting that is none, and name the one that comes near.

    Raises:
        DataError: There is one.
    """
    for name in sorted(names):
        close = get_close_matches(name, [one for one in known if one], n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"see dikast {' '.join(command)} --help"
        raise DataError("no such setting", path=path, field=name, hint=hint)


def refuse_unknown_in_project(ctx: typer.Context, tree: Mapping[str, Any], unknown: Set[str], path: Path) -> None:
    """Refuse what no command knows: names above the tables may be another command's, those in its own table not.

    Raises:
        DataError: There is such a name.
    """
    root: Any = ctx.find_root().command
    command = ctx.command_path.split()[1:]
    known = {parameter.name for parameter in ctx.command.params}
    nouns = root.list_commands(ctx) if hasattr(root, "list_commands") else [*tree]
    tables = {name for name, value in tree.items() if isinstance(value, dict)}
    refuse_unknown(tables - {*nouns}, nouns, path, [])
    if not unknown:
        return
    own: Any = tree
    for word in command:
        own = own.get(word, {})
    refuse_unknown(unknown & own.keys(), known, path, command)
    others = root.every_option() if hasattr(root, "every_option") else frozenset[str]()
    refuse_unknown(unknown - others, known | others, path, command)


def guard_numbers(command: Any) -> None:
    """Have a command, and those below it, refuse `nan` and `inf` as any option's value before they do anything."""
    for below in getattr(command, "commands", {}).values():
        guard_numbers(below)
    invoke = command.invoke

    def guarded(ctx: typer.Context) -> Any:
        refuse_not_finite(ctx)
        return invoke(ctx)

    command.invoke = guarded


def refuse_not_finite(ctx: typer.Context) -> None:
    """Refuse values that are no finite numbers.

    Raises:
        UsageError: One of a command's options has such a value.
    """
    for option in ctx.command.params:
        value = ctx.params.get(option.name or "")
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{option.opts[-1]} {value}: not a finite number")


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
DataSet = Annotated[
    str | None,
    typer.Option(
        "--collection",
        metavar="NAME",
        help="A data set of ir_datasets in place of files, such as beir/scifact/test; fetched if it is not here.",
    ),
]
Out = Annotated[
    Path, typer.Option("-o", "--out", metavar="DIR", rich_help_panel=RUN, help="Run folder; the same again resumes.")
]
Limit = Annotated[int | None, typer.Option(min=1, rich_help_panel=RUN, help="Take only the first N rows of the input.")]
Ids = Annotated[
    str | None,
    typer.Option(metavar="ID,...", rich_help_panel=RUN, help="Take only the rows of these ids, or of those in @FILE."),
]
Shuffle = Annotated[
    bool,
    typer.Option("--shuffle", rich_help_panel=RUN, help="Take the rows in an order drawn by --seed."),
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="N/OF",
        rich_help_panel=RUN,
        help="Do one part of the rows, such as 3/16, in a folder of its own; 'dikast runs merge' joins the folders.",
    ),
]
Epochs = Annotated[
    int,
    typer.Option(
        min=1,
        rich_help_panel=RUN,
        help="Ask each row N times, each time with seeds of its own; the report is per row, over its epochs.",
    ),
]
Reducers = Annotated[
    str,
    typer.Option(
        "--reducer",
        metavar="NAME,...",
        rich_help_panel=RUN,
        help="What the epochs of a row come to: mean, median, mode, max, at_least_K, pass@K, pass@K>=X.",
    ),
]
Redact = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FUNCTION",
        rich_help_panel=RUN,
        help="A function of yours that every text goes through before it is written: text in, text out.",
    ),
]
EngineName = Annotated[
    Literal["local", "ray"],
    typer.Option(rich_help_panel=RUN, help="Where rows are done: in this process, or by workers of a Ray cluster."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        rich_help_panel=RUN,
        help="The cluster: ray://HEAD:10001, HEAD:6379 or auto; without it a local Ray is started.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=RUN, help="Ray workers; as many as the cluster has room for, without it."),
]
WorkerCpus = Annotated[
    float | None, typer.Option(min=0, rich_help_panel=RUN, help="Processors of a Ray worker; 1 without it.")
]
WorkerGpus = Annotated[
    float | None,
    typer.Option(min=0, rich_help_panel=RUN, help="GPUs of a Ray worker, for an engine of its own; 0 without it."),
]
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
Rpm = Annotated[
    float | None, typer.Option("--rpm", rich_help_panel=RUN, help="Model calls a minute at most, spread evenly.")
]
Tpm = Annotated[float | None, typer.Option("--tpm", rich_help_panel=RUN, help="Tokens a minute at most, on average.")]
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
        UsageError: Not two finite numbers of at least 0.
    """
    if text is None:
        return 0.0, 0.0
    try:
        price_input, price_output = parse_numbers(text)
    except ValueError as error:
        raise UsageError(f"--price {text!r}: write two numbers, IN,OUT, per million tokens") from error
    if not (0 <= price_input < math.inf and 0 <= price_output < math.inf):
        raise UsageError(
            f"--price {text!r}: a price is a finite number, 0 or more", hint="per million tokens: 0.15,0.6"
        )
    return price_input, price_output
