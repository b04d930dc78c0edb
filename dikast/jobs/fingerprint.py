"""What changes a job's results, by field name: two attempts belong together when their fingerprints are equal.

The graph's name, the number of samples and every field of the context: an actor gives its `fingerprint()` (model,
sampling, prompt hashes, index hash), or its `spec`; anything else gives its value. A field that cannot change results
is marked in the context:

    verbose: Annotated[bool, Field(json_schema_extra={"fingerprint": False})] = False

One that a later version has added, and whose default changes nothing, counts where it is given, so that older runs can
be gone on with: `{"fingerprint": "given"}`.

Not part of it: limits, concurrency, paths of the run, package versions (those are recorded, and a change is told).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, cast

from pydantic import BaseModel

from dikast.errors import UsageError
from dikast.redaction import Redaction
from dikast.wire import UNNAMED, spec_of

GIVEN = "given"
Parts = dict[str, Any]
"""Field name -> JSON value."""


def fingerprint(graph_name: str, context: object, samples: int, redaction: Redaction | None = None) -> Parts:
    """The parts of a job's fingerprint.

    Raises:
        UsageError: Something in the context cannot say what it is.
    """
    parts: Parts = {"graph": graph_name, "samples": samples}
    if redaction is not None:
        parts["redact"] = redaction.fingerprint()
    for name, value in fields_of(context):
        parts[f"context.{name}"] = part(value, f"context.{name}")
    return json.loads(json.dumps(parts))


def fields_of(context: object) -> Iterator[tuple[str, object]]:
    """The fields that count, of a Pydantic model, a dataclass or a mapping.

    Raises:
        UsageError: It is none of these.
    """
    if context is None:
        return
    if isinstance(context, BaseModel):
        for name, field in type(context).model_fields.items():
            extra = field.json_schema_extra
            said = cast(dict[str, Any], extra).get("fingerprint", True) if isinstance(extra, dict) else True
            value = getattr(context, name)
            if said is True or (said == GIVEN and value != field.get_default(call_default_factory=True)):
                yield name, value
    elif dataclasses.is_dataclass(context):
        for field in dataclasses.fields(context):
            if field.metadata.get("fingerprint") is not False:
                yield field.name, getattr(context, field.name)
    elif isinstance(context, Mapping):
        yield from cast(Mapping[str, object], context).items()
    else:
        raise UsageError(f"a context of type {type(context).__name__} has no fields that could be compared")


def part(value: object, where: str) -> Any:
    """One value as JSON; an object by its `fingerprint()`, else by its `spec`.

    Raises:
        UsageError: The object has neither.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if callable(getattr(value, "fingerprint", None)):
        return part(cast(Any, value).fingerprint(), where)
    if not spec_of(value).startswith(UNNAMED):
        return spec_of(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        items = cast(Mapping[object, object], value).items()
        return {str(name): part(item, f"{where}.{name}") for name, item in items}
    if isinstance(value, Sequence | set | frozenset):
        found = [part(item, where) for item in cast(Sequence[object], value)]
        return found if isinstance(value, Sequence) else sorted(found, key=repr)
    # A foreign runnable is a Pydantic model too, full of clients and keys: it has to say itself what it is.
    if isinstance(value, BaseModel) and not hasattr(value, "ainvoke"):
        return {name: part(item, f"{where}.{name}") for name, item in fields_of(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: part(item, f"{where}.{name}") for name, item in fields_of(value)}
    raise UsageError(
        f"{where}: {spec_of(value).removeprefix(UNNAMED)} does not say what it is, so that resuming could mix results",
        hint="give it a method fingerprint() -> dict, or mark the field: Pydantic's json_schema_extra={'fingerprint': "
        "False}, a dataclass's metadata={'fingerprint': False}",
    )
