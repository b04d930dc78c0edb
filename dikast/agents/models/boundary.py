"""From the exceptions of other people's chat models to ours, by what they say rather than by their import.

Libraries such as the openai client are not imported for this: their exceptions carry `status_code`, `code` and a class
name that say enough.
"""

from __future__ import annotations

import json
import re
from typing import cast

from dikast.agents.models.chat_reply import mapping
from dikast.errors import ModelContextOverflow, ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from dikast.http.server_errors import FILTER, TIMED_OUT, excerpt, is_overflow

CONNECTION = re.compile(r"Connect|NetworkError|TransportError|ProtocolError")
"""In the names of the classes that openai, httpx, aiohttp and their kin raise where no answer came."""
UNREADABLE = re.compile(r"response|'choices'|endpoint", re.I)
"""In the words of a TypeError or ValueError over an answer that is none: a web page, a null in place of choices."""


def as_model_error(error: Exception, model: str) -> ModelError | None:
    """The `ModelError` that this exception stands for; `None` for one that is a bug, not a model's failure."""
    if isinstance(error, ModelError):
        return error
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    if isinstance(error, TimeoutError) or "Timeout" in names:
        return ModelTimeout(f"{model}: no reply in time: {excerpt(error)}")
    status = status_of(error)
    if status >= 100:
        return from_status(status, excerpt(error), model)
    if "CredentialsError" in names:
        hint = "AWS: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        return ModelUnavailable(f"{model}: no credentials: {excerpt(error)}", hint=hint)
    if isinstance(error, ConnectionError) or CONNECTION.search(names):
        return ModelUnavailable(f"{model}: cannot be reached: {excerpt(error)}")
    said_nothing = isinstance(error, TypeError | ValueError) and UNREADABLE.search(str(error))
    if isinstance(error, json.JSONDecodeError) or said_nothing:
        return ModelError(f"{model}: an answer that cannot be read: {excerpt(error)}")
    return None


def status_of(error: Exception) -> int:
    """The HTTP status that an exception tells; 0 for none. Google's call it `code`; boto's response is a mapping."""
    response = cast(object, getattr(error, "response", None))
    told = mapping(mapping(response).get("ResponseMetadata")).get("HTTPStatusCode")
    found = (getattr(error, "status_code", None), getattr(response, "status_code", None), told)
    every: tuple[object, ...] = (*found, getattr(error, "code", None))
    return next((one for one in every if isinstance(one, int) and not isinstance(one, bool)), 0)


def from_status(status: int, message: str, model: str) -> ModelError:
    """The `ModelError` for an HTTP status and the server's words."""
    told = f"{model}: HTTP {status}: {message}"
    if (status in (400, 413, 422) or status >= 500) and is_overflow(message):
        return ModelContextOverflow(told, status=status)
    if status in (400, 403, 422) and FILTER.search(message):
        return ModelRefused(told, status=status)
    if status in TIMED_OUT:
        return ModelTimeout(told, status=status)
    if status in (401, 403, 404):
        return ModelUnavailable(told, status=status)
    return ModelError(told, status=status)
