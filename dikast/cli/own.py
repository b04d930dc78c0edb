"""`dikast run MODULE:NAME`: a method or graph of your own, as a job from the command line.

`NAME` is a `Method` (`dikast.graphs.method`), or a compiled LangGraph graph whose context is a Pydantic model: then
`--rows FILE` gives its inputs. Modules in the current folder are found, as uvicorn finds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import typer
from pydantic import BaseModel
from typer.core import TyperGroup

from dikast.cli.options import guard_numbers
from dikast.errors import DataError, UsageError
from dikast.graphs.method import OPTIONS, Method, Row
from dikast.importing import import_object

FORM = "MODULE:NAME"


class RowsFile(BaseModel):
    """Run a graph over the rows of a file."""

    model_config = OPTIONS

    rows: Path | None = None
    """Inputs of the graph: CSV, TSV, JSON, JSON lines, Parquet."""
    columns: str | None = None
    """Names in your file, as ours=theirs,ours=theirs."""


def read_rows_file(options: RowsFile, context: object) -> Iterable[Row]:
    """The rows of `--rows`.

    Raises:
        UsageError: No file is named.
    """
    from dikast.rows import parse_columns, read_rows

    del context
    if options.rows is None:
        raise UsageError("no rows", hint="give --rows FILE")
    return (row.values for row in read_rows(options.rows, parse_columns(options.columns)))


class NoContext(BaseModel):
    """A graph that has no context."""

    model_config = OPTIONS


def load_own(reference: str) -> Method:
    """The method at `module:name`, or one made of the graph there.

    Raises:
        UsageError: There is nothing of that name, or it is neither.
    """
    found = import_object(reference)
    if isinstance(found, Method):
        return found
    if not (hasattr(found, "ainvoke") and hasattr(found, "builder")):
        hint = "name a compiled LangGraph graph, or a dikast.graphs.method.Method"
        raise UsageError(f"{reference} is a {type(found).__name__}", hint=hint)
    kind = getattr(found.builder, "context_schema", None)
    if kind is not None and not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        hint = "make the graph's context_schema a Pydantic model: its fields become flags"
        raise UsageError(f"{reference}: the context is {kind!r}, of which no flags can be made", hint=hint)
    return Method(graph=found, context=cast(Any, kind) or NoContext, options=RowsFile, rows=read_rows_file)


class OwnGroup(TyperGroup):
    """A group whose commands are whatever `MODULE:NAME` names."""

    def list_commands(self, ctx: Any) -> list[str]:
        """None that could be listed."""
        return []

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a method or graph, made when it is called."""
        from dikast.cli.run import make_run

        if ":" not in cmd_name:
            raise UsageError(
                f"{cmd_name!r}: write {FORM}", hint="the module as Python imports it: mypackage.method:method"
            )
        single = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
        noun = cmd_name.partition(":")[0].rpartition(".")[2]
        single.command(cmd_name)(make_run(load_own(cmd_name), cmd_name, noun))
        single._add_completion = False
        command = typer.main.get_command(single)
        guard_numbers(command)
        return command


app = typer.Typer(
    cls=OwnGroup,
    no_args_is_help=True,
    subcommand_metavar=f"{FORM} [OPTIONS]...",
    help="Run a method or graph of your own, named as MODULE:NAME, as a job; its flags: dikast run MODULE:NAME --help.",
)


@app.callback()
def root() -> None:
    """Run a method or graph of your own, named as MODULE:NAME, as a job."""


__all__ = ["DataError", "app", "load_own"]
