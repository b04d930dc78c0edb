from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.agents.prompt import load_lines, load_prompt, parse_prompt
from dikast.errors import DataError, UsageError

FILE = b"version: 2\nfields: query, context\n--- system\nBe brief.\n--- user\n{context}\nQ: {query} {other}\n"


@given(query=st.text(), context=st.text())
def test_a_field_is_put_in_once_and_as_it_is(query: str, context: str) -> None:
    system, user = parse_prompt("p", FILE).render({"query": query, "context": context})
    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"] == f"{context}\nQ: {query} {{other}}"


def test_a_field_cannot_smuggle_in_another_field() -> None:
    _, user = parse_prompt("p", FILE).render({"query": "secret", "context": "{query}"})
    assert user["content"].startswith("{query}\n")


def test_the_digest_follows_the_bytes() -> None:
    assert parse_prompt("p", FILE).digest == parse_prompt("q", FILE).digest
    assert parse_prompt("p", FILE).digest != parse_prompt("p", FILE.replace(b"brief", b"long")).digest


@pytest.mark.parametrize("fields", [{"query": "q"}, {"query": "q", "context": "c", "colour": "red"}])
def test_fields_must_be_those_declared(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"context|colour"):
        parse_prompt("p", FILE).render(fields)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff\xfe", "UTF-8 at byte 0"),
        (b"fields: q\n--- user\n{q}\n", "version"),
        (b"version: 1\n--- user\nhello\n", "fields"),
        (b"version: 1\nfields: q\n", "no message"),
        (b"version: 1\nfields: q, r\n--- user\n{q}\n", r"not used: \['r'\]"),
        (b"version 1\n--- user\n", "name: value"),
    ],
)
def test_a_malformed_file_is_told(data: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        parse_prompt("mine.txt", data)


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(FILE)
    assert load_prompt(str(path)).fields == {"query", "context"}
    with pytest.raises(DataError, match="no such prompt"):
        load_prompt(str(tmp_path / "absent.txt"))


def test_lists_of_instructions(tmp_path: Path) -> None:
    assert len(set(load_lines("genqr/instructions"))) == 10
    path = tmp_path / "mine.txt"
    path.write_text("# a comment\n\nFind synonyms for\n", encoding="utf-8")
    assert load_lines(str(path)) == ("Find synonyms for",)
    path.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(DataError, match="no instruction"):
        load_lines(str(path))
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="UTF-8"):
        load_lines(str(path))
