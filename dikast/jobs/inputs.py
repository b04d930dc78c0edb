"""Input rows against a graph's input schema, before anything runs.

LangGraph does not validate its input: a missing field is a `KeyError` in some node, a field with a typo is dropped. So
a job reads each row through the schema first. Fields that the schema does not name are kept, since they are the user's
own (ids, labels) and belong into the exported data set; values are coerced as Pydantic does it (`"3"` to 3).

Messages may be given as `ainvoke` takes them: objects, dicts with `role`, pairs, text. Objects become such dicts, so
that a journal can hold them. A graph of LangGraph's functional API does not say what it takes: its rows are passed on.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import typing_extensions
from langchain_core.messages import BaseMessage, convert_to_messages
from pydantic import PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError

from dikast.errors import DataError
from dikast.jobs.keys import canonical

if TYPE_CHECKING:
    from langgraph.pregel import Pregel

    Graph = Pregel[Any, Any, Any, Any]

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
        self._required: tuple[str, ...] = ()
        self._adapter: TypeAdapter[Any] | None = None
        self._messages: frozenset[str] = frozenset()
        builder: Any = getattr(graph, "builder", None)
        if builder is None:
            return
        given = builder.input_schema
        self._messages = message_fields(given)
        schema = plain(given, self._messages)
        self._required = required_fields(schema)
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
        given = dict(cast(Mapping[str, Any], row))
        given |= {name: read_messages(given[name], name, number) for name in self._messages if name in given}
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
        except Exception as error:  # a validator or a discriminator of the graph's author
            raise DataError(f"row {number}: {type(error).__name__}: {error}", hint=self._remedy(row)) from error
        return cast(dict[str, Any], self._adapter.dump_python(value, mode="json", exclude_unset=True))

    def _remedy(self, row: Mapping[str, Any] | None = None) -> str:
        needs = f"{self.graph_name} needs {', '.join(self._required) or 'an object'}"
        return needs if row is None else f"{needs}; the row has {', '.join(row) or 'no field'}"


def plain(schema: Any, messages: Collection[str] = ()) -> Any:
    """The schema as Pydantic is to read it: a `typing.TypedDict` as typing_extensions', messages as anything."""
    if not is_typed_dict(schema) or not (messages or typing.is_typeddict(schema)):
        return schema
    hints = typing_extensions.get_type_hints(schema, include_extras=True)
    hints = {name: Any if name in messages else unmarked(hint) for name, hint in hints.items()}
    required = required_fields(schema)
    read = {name: hint if name in required else typing_extensions.NotRequired[hint] for name, hint in hints.items()}
    return cast(Callable[..., Any], typing_extensions.TypedDict)(schema.__name__, read)


def is_typed_dict(schema: Any) -> bool:
    """Whether it is a TypedDict, of either kind: Pydantic reads only typing_extensions' before Python 3.12."""
    return typing.is_typeddict(schema) or typing_extensions.is_typeddict(schema)


def unmarked(hint: Any) -> Any:
    """A hint without `Required` and `NotRequired`."""
    return typing_extensions.get_args(hint)[0] if typing_extensions.get_origin(hint) in MARKS else hint


def message_fields(schema: Any) -> frozenset[str]:
    """The fields of a TypedDict that hold messages."""
    if not is_typed_dict(schema):
        return frozenset()
    hints = typing_extensions.get_type_hints(schema, include_extras=True)
    return frozenset(name for name, hint in hints.items() if speaks_of_messages(hint))


def speaks_of_messages(hint: Any) -> bool:
    """Whether a type is a message's or is made of them."""
    if isinstance(hint, type) and issubclass(hint, BaseMessage):
        return True
    return any(speaks_of_messages(inner) for inner in typing_extensions.get_args(hint))


def read_messages(value: Any, field: str, number: int) -> Any:
    """Messages as JSON that LangChain reads as it would have read the value.

    Raises:
        DataError: It could not.
    """
    several = isinstance(value, list)
    read = [message_json(one) for one in (cast(list[Any], value) if several else [value])]
    try:
        convert_to_messages(read)
    except Exception as error:  # LangChain raises ValueError, NotImplementedError, TypeError, KeyError
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = 'give {"role": "user", "content": "..."}, a pair of the two, text, or LangChain messages'
        raise DataError(f"row {number}: not messages: {why}", field=field, hint=hint) from error
    return read if several else read[0]


def message_json(value: Any) -> Any:
    """A message as a dict with `role` and `content`; what is none as it is."""
    if not isinstance(value, BaseMessage):
        return value
    fields = value.model_dump(mode="json", exclude_defaults=True, exclude={"type", "content"})
    return {"role": value.type, "content": value.content, **fields}


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
