from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast import json_text
from dikast.errors import DataError
from dikast.json_text import array_items, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
FILE = Path("a.json")


def items(text: str) -> list[object]:
    return list(array_items(io.StringIO(text), FILE))


@pytest.fixture(params=[1, 7, 1024])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(json_text, "CHUNK", request.param)
    return request.param


@given(st.lists(st.dictionaries(st.text(max_size=6), VALUES, max_size=4), max_size=4), st.sampled_from([None, 0, 2]))
@pytest.mark.parametrize("size", [1, 7, 1024])
def test_an_array_in_pieces_is_the_array(size: int, found: list[object], indent: int | None) -> None:
    """However the pieces fall: within a word, a number, an escape, half of a surrogate pair's two."""
    text = json.dumps(found, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "CHUNK", size)
        assert repr(items(text)) == repr(found)


@given(st.text(alphabet='[]{}",:\\u0 1a\n-.eE'))
def test_what_json_refuses_is_refused_and_nothing_else(text: str) -> None:
    """A top-level number may be cut in two where a piece ends; items are objects wherever this is used."""
    try:
        wanted = json.loads(text)
    except ValueError:
        wanted = None
    if isinstance(wanted, list):
        assert items(text) == wanted
    else:
        with pytest.raises(DataError, match=r"^a\.json:\d+: not JSON"):
            items(text)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"a": 1},\n {"a" 2}, {"b": 3333333333333333333}]', r":2: not JSON: Expecting ':' delimiter at column 7"),
        ('[{"a": 1}, {"a": "x', r":1: not JSON: Unterminated string starting at column 18"),
        ('[{"a": 1},\n\n', r":3: not JSON: Expecting value at column 1"),
        ('[{"a": 1}\n  {"a": 2}]', r":2: not JSON: expecting '\]' at column 3"),
        ('[{"a": 1}]\n\n ]', r":3: not JSON: text after the array at column 2"),
        ("{}", r":1: not JSON: expecting '\[' at column 1"),
        ("", r":1: not JSON: expecting '\[' at column 1"),
    ],
)
def test_the_place_is_that_in_the_file_however_it_was_read(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        items(text)


def test_a_fault_is_told_before_the_file_is_read_to_its_end() -> None:
    file = io.StringIO('[{"a": 1}, {"a" 2}, ' + '{"a": "filler"}, ' * 1_000_000)
    with pytest.raises(DataError, match="column 17"):
        list(array_items(file, FILE))
    assert file.tell() == json_text.CHUNK


def test_a_whole_value(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\ufeff{"a": 1}', encoding="utf-8")
    assert read_json(path) == {"a": 1}
    path.write_text('{"a": 1,\n "b" 2}')
    with pytest.raises(DataError, match=r"a\.json:2: not JSON: Expecting ':' delimiter at column 6"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"a\.json:1: not JSON that can be read"):
        read_json(path)
