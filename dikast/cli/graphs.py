"""`dikast graphs`: which methods there are, and what each looks like."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from dikast.cli.options import Json
from dikast.cli.output import emit, show, table
from dikast.errors import UsageError
from dikast.graphs import METHODS

app = typer.Typer(no_args_is_help=True, help="List and draw the graphs.")


def _load(name: str) -> tuple[Any, Any]:
    if name not in METHODS:
        raise UsageError(f"no graph is called {name!r}", hint=f"there are: {', '.join(METHODS)}")
    return import_module(f"dikast.graphs.{name}.graph"), import_module(f"dikast.graphs.{name}").graph


@app.command("list")
def list_graphs(json: Json = False) -> None:
    """List the graphs, each with the first line of its description."""
    rows = [(name, f"dikast.graphs.{name}:graph", (_load(name)[0].__doc__ or "").splitlines()[0]) for name in METHODS]
    if json:
        emit([{"name": name, "graph": where, "about": about} for name, where, about in rows])
    else:
        table(("name", "graph", "about"), rows)


@app.command("show")
def show_graph(name: Annotated[str, typer.Argument(help="A name from 'graphs list'.")], json: Json = False) -> None:
    """Describe one graph: the idea, the drawing, what goes in and out, its knobs."""
    from dikast.graphs.drawing import mermaid

    module, graph = _load(name)
    if json:
        emit(
            {
                "name": name,
                "mermaid": mermaid(graph),
                "input": graph.get_input_jsonschema(),
                "output": graph.get_output_jsonschema(),
                "context": graph.get_context_jsonschema(),
            }
        )
        return
    show(module.__doc__.rstrip())
    properties = graph.get_context_jsonschema()["properties"]
    show("\nContext:")
    table(
        ("field", "type", "default"),
        [(field, _type(schema), schema.get("default", "")) for field, schema in properties.items()],
    )


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("type") or schema.get("$ref", "").rpartition("/")[2] or schema.get("title", ""))
