"""Whether the models of a context can be asked at all, before a job's first row.

check_ready(context)        # UsageError: openai: no API key: OPENAI_API_KEY is not set
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel

from dikast.agents.models.engine import EngineModel

DEEPEST = 6
"""How far below a context models are looked for: a panel of judges over solvers is four deep."""


def check_ready(context: object) -> None:
    """Have each of dikast's models that a context's actors speak through look for what it lacks.

    Raises:
        UsageError: A package or a key is missing.
    """
    for model in models_in(context):
        model.ready()


def models_in(value: object, depth: int = 0) -> Iterator[EngineModel]:
    """The models that a value holds: a model, a context, an actor, or a collection of these."""
    if isinstance(value, EngineModel):
        yield value
    elif depth < DEEPEST and not isinstance(value, str | bytes | BaseChatModel):
        for part in parts_of(value):
            yield from models_in(part, depth + 1)


def parts_of(value: object) -> list[object]:
    """What a collection, a Pydantic model or a dataclass holds."""
    if isinstance(value, BaseModel):
        return [getattr(value, name) for name in type(value).model_fields]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return list(cast(Mapping[object, object], value).values())
    if isinstance(value, Sequence):
        return list(cast(Sequence[object], value))
    own = type(value).__module__.partition(".")[0] == "dikast"
    return list(vars(value).values()) if own and hasattr(value, "__dict__") else []
