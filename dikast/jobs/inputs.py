"""Input rows against a graph's input schema, before anything runs.

LangGraph does not validate its input: a missing field is a `KeyError` in some node, a field with a typo is dropped. So
a job reads each row through the schema first. Fields that the schema does not name are kept, since they are the user's
own (ids, labels) and belong into the exported data set; values are coerced as Pydantic does it (`"3"` to 3).
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import typing_extensions
from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from dikast.errors import DataError
from dikast.jobs.keys import canonical

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    Graph = CompiledStateGraph[Any, Any, Any, Any]

REPR_CHARACTERS = 60
MARKS = (typing_extensions.Required, typing_extensions.NotRequired)


class InputSchema:
    """What a graph takes.

    Args:
        graph: The compiled graph whose input schema it is.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph_name = graph.name
        self.note = ""
        """What is not checked, and why; empty where all is."""
        schema = plain(graph.builder.input_schema)
        self._required = required_fields(schema)
        self._adapter: TypeAdapter[Any] | None = None
        try:
            self._adapter = TypeAdapter(schema)
        except (PydanticUserError, PydanticSchemaGenerationError) as error:
            why = str(error).splitlines()[0]
            self.note = f"rows are checked for required fields only, since Pydantic cannot read the schema: {why}"

    def read(self, row: object, number: int) -> dict[str, Any]:
        """The row as the graph gets it.

        Args:
            row: A mapping of names to JSON values.
            number: 1-based, for the message.

        Raises:
            DataError: It is no row of this graph; the message names row, field and remedy.
        """
        if not isinstance(row, Mapping) or not all(isinstance(name, str) for name in cast(dict[Any, Any], row)):
            shown = f"{row!r:.{REPR_CHARACTERS}}"
            raise DataError(f"row {number}: not a mapping of names to values: {shown}", hint=self._remedy())
        given = cast(Mapping[str, Any], row)
        read = {**given, **self._validated(given, number)}
        for name, value in read.items():
            try:
                canonical(value)
            except (TypeError, ValueError) as error:
                hint = "give text, numbers, lists or objects; null for what is missing"
                raise DataError(f"row {number}: not JSON: {error}", field=name, hint=hint) from error
        return read

    def _validated(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        if self._adapter is None:
            missing = next((name for name in self._required if name not in row), None)
            if missing is not None:
                raise DataError(f"row {number}: missing", field=missing, hint=self._remedy(row))
            return {}
        try:
            value = self._adapter.validate_python(row)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise DataError(f"row {number}: {first['msg']}", field=field, hint=self._remedy(row)) from error
        return cast(dict[str, Any], self._adapter.dump_python(value, mode="json", exclude_unset=True))

    def _remedy(self, row: Mapping[str, Any] | None = None) -> str:
        needs = f"{self.graph_name} needs {', '.join(self._required) or 'an object'}"
        return needs if row is None else f"{needs}; the row has {', '.join(row) or 'no field'}"


def plain(schema: Any) -> Any:
    """The schema; a `typing.TypedDict` as typing_extensions', the only kind that Pydantic reads before Python 3.12."""
    if not typing.is_typeddict(schema):
        return schema
    hints = typing_extensions.get_type_hints(schema, include_extras=True)
    bare = {name: hint for name, hint in hints.items() if typing_extensions.get_origin(hint) not in MARKS}
    required = cast(frozenset[str], schema.__required_keys__)
    optional = {name: typing_extensions.NotRequired[hint] for name, hint in bare.items() if name not in required}
    return cast(Callable[..., Any], typing_extensions.TypedDict)(schema.__name__, {**hints, **optional})


def required_fields(schema: Any) -> tuple[str, ...]:
    """Names that a row must have, in the schema's order."""
    if hasattr(schema, "model_fields"):
        return tuple(name for name, field in schema.model_fields.items() if field.is_required())
    hints = typing_extensions.get_type_hints(schema, include_extras=True)
    # Where annotations are strings, the class's own `__required_keys__` does not know of NotRequired.
    optional = {name for name, hint in hints.items() if typing_extensions.get_origin(hint) is MARKS[1]}
    required: frozenset[str] = getattr(schema, "__required_keys__", frozenset(hints))
    return tuple(name for name in hints if name in required - optional)


@dataclass(frozen=True, slots=True)
class Reread:
    """Rows that are opened anew each time they are gone through, such as those of a file.

    Args:
        open: Gives an iterator from the first row on.
    """

    open: Callable[[], Iterable[object]]

    def __iter__(self) -> Iterator[object]:
        """From the first row on."""
        return iter(self.open())


def read_inputs(rows: Iterable[object], schema: InputSchema) -> Iterator[dict[str, Any]]:
    """Each row through the schema.

    Raises:
        DataError: At the first bad row.
    """
    for number, row in enumerate(rows, start=1):
        yield schema.read(row, number)
