from __future__ import annotations

import json

import pytest

from dikast.errors import ModelContextOverflow, ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from dikast.http.server_errors import EXCERPT_CHARACTERS, excerpt, explain, words_of

TOO_LONG = "This model's maximum context length is 4096 tokens"
FILTERED = "blocked by the content management policy"


def error_of(status: int, words: str = "no", code: str = "") -> ModelError:
    body = json.dumps({"error": {"message": words, "code": code}}).encode()
    return explain(status, body, where="http://host/v1", key="MY_KEY")


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        *((status, TOO_LONG, ModelContextOverflow) for status in (200, 400, 413, 422, 500)),
        *((status, FILTERED, ModelRefused) for status in (400, 403, 422)),
        *((status, "no", ModelTimeout) for status in (408, 504, 524)),
        *((status, "no", ModelUnavailable) for status in (401, 403, 301, 399)),
        *((status, "no", ModelError) for status in (400, 404, 500)),
        (404, TOO_LONG, ModelError),
        (500, FILTERED, ModelError),
    ],
)
def test_status_and_words_say_which_error_it_is(status: int, words: str, kind: type[ModelError]) -> None:
    error = error_of(status, words)
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    ("status", "words", "code", "hint"),
    [
        (401, "no", "", "MY_KEY"),
        (302, "moved", "", "write the final address"),
        (429, "no", "insufficient_quota", "the account has no credit left"),
        (400, "no chat_template is set", "", "the model has no chat template"),
        (400, "unknown field", "", "?dialect=openai"),
        (400, "no", "unsupported_value", "?dialect=openai"),
        (404, "nothing here", "", ""),
    ],
)
def test_what_to_do_is_said_where_it_is_known(status: int, words: str, code: str, hint: str) -> None:
    found = error_of(status, words, code).hint
    assert hint in found
    assert bool(hint) == bool(found)


@pytest.mark.parametrize(
    ("content", "words", "code"),
    [
        (b'{"error": {"message": "m", "code": 7, "type": "t"}}', "m", "7 t"),
        (b'{"message": "flat", "code": 7}', "flat", "7"),
        (b'{"detail": "fast"}', "fast", ""),
        (b'{"error": "short", "error_type": "overloaded"}', "short", "overloaded"),
        (b'["list"]', "list", ""),
        (b"plain\n text", "plain text", ""),
        (b"", "no words", ""),
        (b"\xff", "�", ""),
        (b"[" * 100_000, "[" * EXCERPT_CHARACTERS, ""),
    ],
)
def test_every_form_of_a_servers_words_is_read(content: bytes, words: str, code: str) -> None:
    told, codes = words_of(content)
    assert words in told
    assert code in codes


def test_an_excerpt_is_one_bounded_line() -> None:
    assert excerpt("a\n\n  b") == "a b"
    assert len(excerpt("x" * 1000)) == EXCERPT_CHARACTERS
