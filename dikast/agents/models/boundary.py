"""From the exceptions of other people's chat models to ours, by what they say rather than by their import.

Libraries such as the openai client are not imported for this: their exceptions carry `status_code`, `code` and a class
name that say enough.
"""

from __future__ import annotations

from typing import Any

from dikast.errors import ModelContextOverflow, ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from dikast.http.server_errors import FILTER, OVERFLOW, excerpt


def as_model_error(error: Exception, model: str) -> ModelError | None:
    """The `ModelError` that this exception stands for; `None` for one that is a bug, not a model's failure."""
    if isinstance(error, ModelError):
        return error
    name = type(error).__name__
    if isinstance(error, TimeoutError) or "Timeout" in name:
        return ModelTimeout(f"{model}: no reply in time: {excerpt(error)}")
    status: Any = getattr(error, "status_code", None)
    if isinstance(status, int):
        return from_status(status, excerpt(error), model)
    if isinstance(error, ConnectionError) or "Connection" in name:
        return ModelUnavailable(f"{model}: cannot be reached: {excerpt(error)}")
    return None


def from_status(status: int, message: str, model: str) -> ModelError:
    """The `ModelError` for an HTTP status and the server's words."""
    told = f"{model}: HTTP {status}: {message}"
    if status in (400, 413, 422) and OVERFLOW.search(message):
        return ModelContextOverflow(told, status=status)
    if status in (400, 403, 422) and FILTER.search(message):
        return ModelRefused(told, status=status)
    if status in (408, 504):
        return ModelTimeout(told, status=status)
    if status in (401, 403, 404):
        return ModelUnavailable(told, status=status)
    return ModelError(told, status=status)
