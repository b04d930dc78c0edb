"""`dikast graphs`: which methods there are, and what each looks like."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, cast

import typer

from dikast.cli.options import Json
from dikast.cli.output import emit, say, show, table
from dikast.cli.parameters import default_of, limits_of, marks_of, plain
from dikast.errors import UsageError
from dikast.flags import Flag, NoFlag
from dikast.graphs import METHODS, PLUGINS, command_for, every_graph, load_method, load_plugin

app = typer.Typer(no_args_is_help=True, help="List and draw the graphs.")


@app.command("list")
def list_graphs(json: Json = False) -> None:
    """List the graphs, each with its command and the first line of its description."""
    rows = [
        {
            "name": name,
            "graph": f"dikast.graphs.{name}:graph",
            "command": f"dikast {command_for(name)}",
            "about": description_of(name).splitlines()[0],
        }
        for name in every_graph()
    ]
    for name, plugin in PLUGINS.every().items():
        try:
            method = load_plugin(plugin)
        except UsageError as error:
            say(error.message)
            continue
        place = method.graph if isinstance(method.graph, str) else plugin.value
        rows.append({"name": name, "graph": place, "command": f"dikast {name}", "about": plugin.line})
    if json:
        emit(rows)
    else:
        table(("name", "graph", "command", "about"), [tuple(row.values()) for row in rows])


@app.command("show")
def show_graph(name: Annotated[str, typer.Argument(help="A name from 'graphs list'.")], json: Json = False) -> None:
    """Describe one graph: the idea, the drawing, what goes in and out, its knobs with their bounds and meanings."""
    from dikast.graphs.drawing import mermaid

    method = load_method(name)
    graph: Any = method.load_graph()
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
    show(description_of(name).rstrip())
    show("\nContext:")
    properties = cast(dict[str, dict[str, Any]], (graph.get_context_jsonschema() or {}).get("properties", {}))
    rows = [field_line(field, properties[field], info) for field, info in method.context.model_fields.items()]
    table(("field", "type", "bounds", "default", "what"), rows)


def description_of(name: str) -> str:
    """What a method's graph says of itself; its package's summary, where a plugin's module says nothing."""
    if name.partition(".")[0] in METHODS:
        return import_module(f"dikast.graphs.{name}.graph").__doc__ or ""
    plugin = PLUGINS.find(name)
    assert plugin is not None  # its method was loaded
    graph = load_plugin(plugin).graph
    said = import_module(graph.partition(":")[0]).__doc__ if isinstance(graph, str) else ""
    return said or plugin.line


def field_line(name: str, schema: dict[str, Any], info: Any) -> tuple[str, str, str, object, str]:
    """A knob: its type, bounds, default and meaning; why it has no flag, where it has none."""
    marks = marks_of(info)
    default = None if info.is_required() else default_of(info, marks.get(Flag, Flag()))
    told = plain(info.description or "")
    if NoFlag in marks:
        told = f"{told} (no flag: {marks[NoFlag].reason})"
    return name, type_of(schema), " and ".join(limits_of(info)), "" if default is None else default, told


def type_of(schema: dict[str, Any]) -> str:
    """A field's type in words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(type_of, schema["anyOf"])))
    return str(schema.get("type") or schema.get("$ref", "").rpartition("/")[2] or schema.get("title", ""))
