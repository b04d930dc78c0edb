"""Actors in a graph's context: a live object in Python, a short string in JSON.

A graph's `Context` is a frozen Pydantic model whose actor fields are annotated `Annotated[Role, Spec(load_role)]`.
Python code passes an object that satisfies the role's Protocol; JSON (a config file, a run's manifest, LangGraph's
server, a Ray worker) passes the string that `load_role` understands, such as `"server:http://host:8000/v1#NAME"`.
The object prints as its `spec`, which never holds a secret, so that `Context.model_validate_json(c.model_dump_json())`
is the same context.

Not covered: a live object without a `spec` prints as `python:module.Class`, which no loader accepts: it can be
recorded, not rebuilt.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, NotRequired, Protocol, TypeVar, cast, get_origin, get_type_hints

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dikast.errors import UsageError

if TYPE_CHECKING:
    from langgraph.errors import NodeError

C = TypeVar("C")

UNNAMED = "python:"
CONTEXT = ConfigDict(
    frozen=True,
    extra="forbid",
    arbitrary_types_allowed=True,
    use_attribute_docstrings=True,
    allow_inf_nan=False,
    defer_build=True,
)
"""The settings of a graph's `Context`: its fields' docstrings are their descriptions, and so their flags' help.

No number is infinite or NaN: weights and thresholds are compared and added, where NaN is never refused again. The
validator is built with the first context, since `--help` needs none.
"""


@dataclass(frozen=True, slots=True)
class Spec:
    """Pydantic annotation that reads a field as an object, or loads it from a string.

    Args:
        load: Turns a spec into a handle at once, without blocking: it runs on the event loop. The handle opens
            what it needs at first use. Named as `module:function` it is imported with the first spec, so that a
            context costs nothing to look at.
        model: Whether the actor speaks through a language model, so that `--model` gives it one.
    """

    load: Callable[[str], object] | str
    model: bool = False

    def open(self, spec: str) -> object:
        """The actor that a spec names."""
        if isinstance(self.load, str):
            module, _, name = self.load.partition(":")
            return getattr(import_module(module), name)(spec)
        return self.load(spec)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate with `load` and `isinstance` against the Protocol; serialise as the object's spec."""

        def read(value: object) -> object:
            live = self.open(value) if isinstance(value, str) else value
            if not isinstance(live, source):
                raise ValueError(f"not a {source.__name__}: {live!r:.60}")
            return live

        write = core_schema.plain_serializer_function_ser_schema(spec_of)
        return core_schema.no_info_plain_validator_function(read, serialization=write)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """In JSON an actor is a string."""
        return {"type": "string"}


def spec_of(actor: object) -> str:
    """The string that stands for an actor: its `spec`, or `python:module.Class` for one that has none."""
    return getattr(actor, "spec", None) or f"{UNNAMED}{type(actor).__module__}.{type(actor).__qualname__}"


def check(context: object, kind: type[C]) -> C:
    """Return the context if it is a `kind`; a graph calls this once, where it starts.

    LangGraph passes on a missing context as `None`, and a parent graph's context uncoerced.

    Raises:
        TypeError: The context is missing or another graph's; the message says what to pass.
    """
    if not isinstance(context, kind):
        place = kind.__module__.removesuffix(".context")  # a method's package has its Context by name
        raise TypeError(f"pass context={place}.{kind.__name__}(...); got {type(context).__name__}")
    return context


def check_input(state: Mapping[str, object], kind: type) -> None:
    """Make sure that a graph was given its input; a graph calls this once, where it starts.

    Args:
        state: The state at the start.
        kind: The TypedDict of the input.

    Raises:
        UsageError: A field is missing that is not `NotRequired`; the message names it.
    """
    missing = [name for name in required(kind) if name not in state]
    if missing:
        given = ", ".join(repr(name) for name in missing)
        raise UsageError(f"the input lacks {given}", hint=f"it needs {', '.join(required(kind))}")


@cache
def required(kind: type) -> tuple[str, ...]:
    """The fields that a TypedDict cannot be without."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(name for name, hint in hints.items() if get_origin(hint) is not NotRequired)


class Handler(Protocol):
    """A node's error handler as LangGraph's `add_node` types it."""

    def __call__(self, state: Any) -> Any:
        """Turn the failed node's input, and what LangGraph injects, into an update."""
        ...


def on_error(handler: Callable[..., Awaitable[object]]) -> Handler:
    """Type an async `handler(state, [runtime,] error: NodeError)` for `add_node(error_handler=...)`.

    LangGraph injects by parameter name and exact annotation, which `add_node`'s own type does not say.
    """
    return cast(Handler, handler)


def raise_again(error: NodeError) -> NoReturn:
    """Raise, from an error handler, what the handler is not meant to handle.

    It raises a copy, since LangGraph (1.2.22) takes the very same object for one it has dealt with: it runs the next
    step without the failed branch before it raises.
    """
    raise copy(error.error) from error.error
