from __future__ import annotations

import pytest

from dikast.errors import UsageError
from dikast.http.access import authorization, blotted, checked, key_variable

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DIKAST_API_KEY", "OPENAI_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_key_there_is_no_header_and_the_first_variable_is_the_one_to_set() -> None:
    assert authorization("") == ({}, "")
    assert key_variable("") == "DIKAST_API_KEY"


@pytest.mark.parametrize("variable", ["DIKAST_API_KEY", "OPENAI_API_KEY"])
def test_the_usual_variables_are_looked_into(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, f" {KEY}\n")
    assert authorization("") == ({"Authorization": f"Bearer {KEY}"}, KEY)
    assert key_variable("") == variable


def test_our_variable_comes_first_and_a_named_one_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "DIKAST_API_KEY", "MY_KEY"):
        monkeypatch.setenv(name, f"of-{name}")
    assert authorization("")[1] == "of-DIKAST_API_KEY"
    assert authorization("MY_KEY")[1] == "of-MY_KEY"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_named_variable_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)  # of another service, and not to be sent to this one
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(UsageError, match="MY_KEY, named by key_env, is not set"):
        authorization("MY_KEY")


@pytest.mark.parametrize("value", ["sk-ключ", f"{KEY}\r\nX: y"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DIKAST_API_KEY", value)
    with pytest.raises(UsageError, match="DIKAST_API_KEY holds characters that no API key has") as raised:
        authorization("")
    assert value[:5] not in str(raised.value)


def test_a_key_is_blotted_out_and_without_one_nothing_is() -> None:
    assert blotted(f"no: {KEY} {KEY}".encode(), KEY) == b"no: *** ***"
    assert blotted(b"no", "") == b"no"


@pytest.mark.parametrize("address", ["http://host:8000/v1", "https://host", "http://[::1]:80/"])
def test_an_address_comes_back_as_it_is(address: str) -> None:
    assert checked(address) == address


@pytest.mark.parametrize(
    "address", ["", "host:8000", "ftp://host", "http://", "http:///v1", "http://[::1", "file:///x"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is no address such as"):
        checked(address)


@pytest.mark.parametrize("address", [f"http://me:{KEY}@host", f"http://{KEY}@host", f"http://:{KEY}@host"])
def test_an_address_with_a_password_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(UsageError, match="must not hold a name or password") as raised:
        checked(address)
    assert KEY not in str(raised.value)
