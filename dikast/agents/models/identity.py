"""What tells one chat model's words from another's: for the request cache's keys and the fingerprints of jobs.

    identity(load_model("server:http://a:8000/v1#ORG/MODEL"))   # an engine of dikast's: its own fingerprint()
    identity(ChatOllama(model="llama3.2"))                      # its class, and everything that it is made of

LangChain asks of a chat model to name itself in `_identifying_params`, and has `{}` for those that do not. So a model
that has no `fingerprint()` of its own is described by its class, that property, and all its fields. Left out is what
cannot change a reply: LangChain's own plumbing, time limits and retries; and credentials, which must be in no record.
Of a part that cannot be described (a client) only the type counts where the model says its name in plain words; a model
that does not is refused, since two such models would be taken for one.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from hashlib import sha256
from pathlib import PurePath
from types import FunctionType
from typing import Any, cast

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, SecretBytes, SecretStr

from dikast.agents.models import function_identity
from dikast.errors import UsageError
from dikast.wire import spec_of

PLUMBING = frozenset(BaseChatModel.model_fields) - {"profile", "output_version", "disable_streaming"}
"""LangChain's fields that cannot change a reply: cache, callbacks, tags, rate limiter, ..."""
NAMES = re.compile(r"^(azure_)?(model|deployment|endpoint|repo|engine)(_?(name|id|path))?$")
"""Fields in which chat models say who they are: `model`, `model_name`, `deployment_name`, `repo_id`, ..."""
SECRET = re.compile(
    r"api_?key|secret|passw|credential|authori[sz]ation|cookie|bearer|(access|auth|session|api|hf|hub)_?token"
    r"|token_provider|^token$",
    re.I,
)
WITHOUT_EFFECT = re.compile(r"timeout|(^|_)(max_)?retries$|prox(y|ies)$|keep_alive|max_concurrency", re.I)
ADDRESS = re.compile(r"://[^/\s]{0,256}@|[?&][^=&?\s]{0,64}?(?:key|token|sig|secret|password)[^=&?\s]{0,64}=", re.I)
"""A URL with a password or a key inside; bounded, so that the search is linear."""
STATE: Mapping[str, frozenset[str]] = {
    "FakeListChatModel": frozenset({"i"}),
    "FakeMessagesListChatModel": frozenset({"i"}),
}
"""Fields of LangChain's own fake models that count calls."""
LONGEST_VALUE = 500
"""Characters of JSON beyond which a hash stands for a value."""


class Opaque(Exception):
    """A value cannot say what it is; the message is its type."""


def identity(model: BaseChatModel) -> dict[str, Any]:
    """What tells this model's replies from another's: its `fingerprint()`, or all that it is made of.

    Raises:
        UsageError: It does not say its name, and holds something that cannot be described.
    """
    own = getattr(model, "fingerprint", None)
    if callable(own):
        return dict(cast(Mapping[str, Any], own()))
    told: dict[str, Any] = {"class": spec_of(model), "type": model._llm_type}
    opaque: list[str] = []
    for name, value in parts_of(model):
        try:
            told[name] = shorten(describe(value))
        except Opaque as error:
            told[name] = f"a {error}"
            opaque.append(f"{name} ({error})")
    told = {name: value for name, value in told.items() if value is not None}
    named = any(NAMES.match(name) and isinstance(value, str) and value for name, value in told.items())
    if not named:
        told |= dict(private_parts(model, opaque))
    if not named and (opaque or "<locals>" in type(model).__qualname__):
        raise explain_unnamed(model, opaque)
    return told


def explain_unnamed(model: BaseChatModel, opaque: Sequence[str]) -> UsageError:
    """The error for a model that cannot be told from another."""
    why = f"its {', '.join(opaque)} cannot be described" if opaque else "its class is made inside a function"
    told = f"{spec_of(model)} does not say which model it is, and {why}: its replies could be another's"
    return UsageError(told, hint="give its class a field 'model', or a method fingerprint() -> dict")


def parts_of(model: BaseChatModel) -> Iterator[tuple[str, object]]:
    """What a model says of itself, then its fields, by name."""
    said: dict[str, object] = dict(model._identifying_params)
    fields = {name: getattr(model, name) for name in type(model).model_fields if name not in PLUMBING}
    state = {name for kind in type(model).__mro__ for name in STATE.get(kind.__name__, ())}
    for name, value in {**said, **fields, **(model.model_extra or {})}.items():
        excluded = name in fields and type(model).model_fields[name].exclude
        if name not in state and not is_silent(name) and not (excluded and is_client(value)):
            yield name, value


def private_parts(model: BaseChatModel, opaque: list[str]) -> Iterator[tuple[str, object]]:
    """Private attributes, for a model that has no other name; numbers among them are mostly counters."""
    for name, value in (model.__pydantic_private__ or {}).items():
        if value is None or isinstance(value, int | float) or is_silent(name):
            continue
        try:
            yield name, shorten(describe(value))
        except Opaque as error:
            opaque.append(f"{name} ({error})")


def is_silent(name: str) -> bool:
    """Whether a field of this name is a credential, or cannot change a reply."""
    plain = name.replace("-", "_")
    return SECRET.search(plain) is not None or WITHOUT_EFFECT.search(plain) is not None


def is_client(value: object) -> bool:
    """Whether a value that a class keeps out of its own serialised form is an object, not data."""
    return not isinstance(value, str | int | float | bool | Mapping | Sequence | BaseModel)


def describe(value: object, depth: int = 0) -> Any:
    """A value as JSON.

    Raises:
        Opaque: It cannot be described.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if depth > 20:
        raise Opaque("nested too deeply")
    if isinstance(value, SecretStr | SecretBytes):
        return None
    if isinstance(value, bytes | bytearray):
        return digest(bytes(value))
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        items = {str(name): inner for name, inner in cast(Mapping[object, object], value).items()}
        return {name: describe(inner, depth + 1) for name, inner in items.items() if not is_silent(name)}
    if isinstance(value, set | frozenset):
        return sorted((describe(inner, depth + 1) for inner in cast(set[object], value)), key=repr)
    if isinstance(value, Sequence):
        return [describe(inner, depth + 1) for inner in cast(Sequence[object], value)]
    return describe_object(value, depth)


def describe_object(value: object, depth: int) -> Any:
    """An object by its `fingerprint()`, its identity as a chat model, or its fields."""
    own = getattr(value, "fingerprint", None)
    if callable(own):
        return describe(own(), depth + 1)
    if isinstance(value, FunctionType):
        return function_identity.name_of(value)
    if isinstance(value, BaseChatModel):
        return describe(identity(value), depth + 1)
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return {"class": spec_of(value), **cast(dict[str, Any], describe(fields, depth + 1))}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"class": spec_of(value), **cast(dict[str, Any], describe(fields, depth + 1))}
    raise Opaque(type(value).__qualname__)


def shorten(value: Any) -> Any:
    """A JSON value as it may stand in a record: a hash for a long one, and for a URL with a key in it."""
    text = json.dumps(value, sort_keys=True)
    return digest(text.encode()) if len(text) > LONGEST_VALUE or ADDRESS.search(text) else value


def digest(content: bytes) -> str:
    """A hash that stands for a value."""
    return f"sha256:{sha256(content).hexdigest()}"
