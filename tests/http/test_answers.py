from __future__ import annotations

import gzip
import zlib

import pytest
from yarl import URL

from dikast.errors import ModelError
from dikast.http import answers
from dikast.http.answers import UNREADABLE, Answer, unpacked, wait_asked

HERE = URL("http://host/v1/")
SPENT = b'{"error": {"code": "insufficient_quota"}}'
TOO_LONG = b"this model's maximum context length is 4096 tokens"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 524, 529])
def test_what_another_attempt_may_mend(status: int) -> None:
    assert Answer(HERE, status, b"busy").passing


@pytest.mark.parametrize("status", [200, 301, 400, 401, 404, 422, 501])
def test_what_it_may_not(status: int) -> None:
    assert not Answer(HERE, status, b"no").passing


def test_the_servers_words_say_that_it_would_be_the_same_again() -> None:
    assert not Answer(HERE, 429, SPENT).passing
    assert not Answer(HERE, 500, TOO_LONG).passing
    assert Answer(HERE, 500, SPENT).passing
    assert Answer(HERE, 429, TOO_LONG).passing


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"null", None),
        (b'"\xff"', "�"),
        (b"", UNREADABLE),
        (b"<html>", UNREADABLE),
        (b"[" * 100_000, UNREADABLE),
    ],
)
def test_a_body_is_json_or_unreadable(content: bytes, value: object) -> None:
    assert Answer(HERE, 200, content).value == value


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({}, ""),
        ({"Retry-After": "3"}, "3"),
        ({"retry-after-ms": "250", "Retry-After": "1"}, "0.25"),
        ({"retry-after-ms": "soon", "Retry-After": "1"}, "1"),
    ],
)
def test_milliseconds_are_asked_for_before_seconds(headers: dict[str, str], asked: str) -> None:
    assert wait_asked(headers) == asked


@pytest.mark.parametrize("encoding", ["gzip", " X-GZIP ", "deflate"])
def test_a_packed_body_is_unpacked(encoding: str) -> None:
    packed = zlib.compress(b"hello") if encoding == "deflate" else gzip.compress(b"hello")
    assert unpacked(packed, encoding, HERE) == b"hello"


def test_what_is_not_packed_stays() -> None:
    packed = gzip.compress(b"hello")
    assert unpacked(packed, "", HERE) == packed
    assert unpacked(packed, "br", HERE) == packed
    assert unpacked(b"hello", "gzip", HERE) == b"hello"


def test_a_body_that_unpacks_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_BODY_BYTES", 1 << 20)
    assert len(unpacked(gzip.compress(bytes(1 << 20)), "gzip", HERE)) == 1 << 20
    with pytest.raises(ModelError, match="http://host/v1/: the reply is larger than 1 MiB"):
        unpacked(gzip.compress(bytes((1 << 20) + 1)), "gzip", HERE)
