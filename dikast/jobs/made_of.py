"""What an unnamed graph is: a hash of its nodes' code, so that two of them do not share a run folder.

A graph that was compiled with a name is that name: it may be changed and its run gone on with. Without one, LangGraph
calls every graph "LangGraph".
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

if TYPE_CHECKING:
    from dikast.jobs.inputs import Graph

UNNAMED_GRAPH = "LangGraph"
DEEPEST = 8
"""How far into closures is looked: a function in a function in an agent's node is at five."""
DIGEST_BYTES = 8


def name_of(graph: Graph) -> str:
    """A graph's name; of one without a name, what it is made of."""
    if graph.name != UNNAMED_GRAPH:
        return graph.name
    made = repr(graph_parts(graph, DEEPEST)).encode("utf-8", "backslashreplace")
    return f"{UNNAMED_GRAPH} {hashlib.blake2b(made, digest_size=DIGEST_BYTES).hexdigest()}"


def graph_parts(graph: Any, deep: int) -> object:
    """Nodes by name with their code, and what follows what."""
    builder = getattr(graph, "builder", None)
    if builder is None:  # the functional API's
        return sorted((name, repr(parts(node.bound, deep))) for name, node in graph.nodes.items())
    nodes = {name: parts(spec.runnable, deep) for name, spec in builder.nodes.items()}
    branches = {name: parts(dict(branch), deep) for name, branch in builder.branches.items()}
    return (sorted(nodes.items()), sorted(map(repr, builder.edges)), sorted(branches.items()))


def parts(value: Any, deep: int) -> object:
    """A value as something whose `repr` is the same in every process; an object that cannot is its type."""
    if deep == 0 or value is None or isinstance(value, bool | int | float | str | bytes):
        return value if deep else type(value).__qualname__
    inner = deep - 1
    if isinstance(value, FunctionType):
        return function_parts(value, inner)
    if isinstance(value, partial):
        made = cast("partial[Any]", value)
        return (parts(made.func, inner), parts(made.args, inner), parts(made.keywords, inner))
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return sorted((repr(parts(name, inner)), repr(parts(item, inner))) for name, item in items)
    if isinstance(value, list | tuple | set | frozenset):
        listed = [parts(item, inner) for item in cast(Collection[object], value)]
        return listed if isinstance(value, list | tuple) else sorted(map(repr, listed))
    return object_parts(value, inner)


def object_parts(value: Any, deep: int) -> object:
    """The type of an object, with what a graph, a node, a model or a method is made of."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "builder"):
        return (name, graph_parts(value, deep))
    if isinstance(value, BaseModel):
        return (name, [(field, parts(getattr(value, field, None), deep)) for field in type(value).model_fields])
    held: list[Any] = [getattr(value, field, None) for field in ("func", "afunc", "__func__", "steps")]
    return (name, [parts(one, deep) for one in held if one is not None])


def function_parts(function: FunctionType, deep: int) -> object:
    """A function's code, defaults and what its closure holds."""
    closure = [cell.cell_contents for cell in function.__closure__ or () if holds(cell)]
    made = (function.__defaults__, function.__kwdefaults__, closure)
    return (function.__module__, function.__qualname__, code_parts(function.__code__), parts(made, deep))


def holds(cell: Any) -> bool:
    """Whether a closure's cell has been filled."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def code_parts(code: CodeType) -> object:
    """Instructions, names and constants; line numbers and file names do not count."""
    constants = [code_parts(one) if isinstance(one, CodeType) else repr_of(one) for one in code.co_consts]
    return (code.co_code, code.co_names, code.co_varnames, constants)


def repr_of(constant: object) -> str:
    """A constant's text; sets come in another order in every process."""
    return repr(sorted(map(repr, cast("frozenset[object]", constant))) if isinstance(constant, frozenset) else constant)
