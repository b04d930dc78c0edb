from __future__ import annotations

import json

import pytest

from dikast.agents.models.boundary import as_model_error, from_status
from dikast.errors import ModelContextOverflow, ModelError, ModelRefused, ModelTimeout, ModelUnavailable

TOO_LONG = "maximum context length is 4096 tokens"
FILTERED = "content_filter"


class Response:
    status_code = 503


class APIStatusError(Exception):
    def __init__(self, status_code: object, words: str = "no") -> None:
        super().__init__(words)
        self.status_code = status_code


class HTTPError(Exception):
    response = Response()


class ReadTimeout(Exception):
    pass


class APIConnectionError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ReadTimeout("x"), ModelTimeout),
        (TimeoutError("x"), ModelTimeout),
        (APIStatusError(401), ModelUnavailable),
        (APIStatusError(400, TOO_LONG), ModelContextOverflow),
        (HTTPError("x"), ModelError),
        (APIConnectionError("x"), ModelUnavailable),
        (ConnectionResetError("x"), ModelUnavailable),
        (json.JSONDecodeError("x", "", 0), ModelError),
        (TypeError("'choices' is null"), ModelError),
        (ValueError("no valid response"), ModelError),
    ],
)
def test_other_peoples_exceptions_are_read_by_what_they_say(error: Exception, kind: type[ModelError]) -> None:
    found = as_model_error(error, "m")
    assert type(found) is kind
    assert str(found).startswith("m: ")


def test_ours_stays_itself() -> None:
    error = ModelRefused("no")
    assert as_model_error(error, "m") is error


def test_a_status_beside_the_exception_or_in_its_response_is_kept() -> None:
    for error, status in ((APIStatusError(404), 404), (HTTPError("x"), 503)):
        found = as_model_error(error, "m")
        assert found is not None
        assert found.status == status


@pytest.mark.parametrize(
    "error", [TypeError("bug"), ValueError("bug"), KeyError("choices"), APIStatusError("401"), APIStatusError(7)]
)
def test_a_bug_is_none_of_a_models_failures(error: Exception) -> None:
    assert as_model_error(error, "m") is None


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        *((status, TOO_LONG, ModelContextOverflow) for status in (400, 413, 422, 500)),
        (404, TOO_LONG, ModelUnavailable),
        *((status, FILTERED, ModelRefused) for status in (400, 403, 422)),
        (500, FILTERED, ModelError),
        *((status, "no", ModelTimeout) for status in (408, 504)),
        *((status, "no", ModelUnavailable) for status in (401, 403, 404)),
        *((status, "no", ModelError) for status in (400, 418, 500)),
    ],
)
def test_a_status_says_what_it_means(status: int, words: str, kind: type[ModelError]) -> None:
    found = from_status(status, words, "m")
    assert type(found) is kind
    assert (found.status, str(found)) == (status, f"m: HTTP {status}: {words}")
