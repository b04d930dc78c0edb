from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.jobs.files import LineFile, encode, read_journal

TEXT = st.text(st.characters())  # half surrogate pairs included


def record(number: int, text: str = "") -> dict[str, Any]:
    place = {"row": number, "ordinal": 0, "sample": 0}
    return {"key": f"{number:032x}", **place, "outcome": "ok", "usage": {}, "input": {}, "output": text}


def read(path: Path) -> list[dict[str, Any]]:
    return [found for _, found in read_journal(path)]


@given(st.lists(TEXT, max_size=5), st.integers(0, 400))
def test_a_torn_line_is_mended_and_nothing_else_is_lost(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "rows.jsonl"
    records = [record(number, text) for number, text in enumerate(texts)]
    encoded = [encode(one) for one in records]
    path.write_bytes(b"".join(encoded)[: -cut or None])
    size = path.stat().st_size
    # A line is there if all but its line feed is.
    ends = [len(b"".join(encoded[: number + 1])) - 1 for number in range(len(encoded))]
    whole = [one for one, end in zip(records, ends, strict=True) if end <= size]
    assert read(path) == whole
    file = LineFile(path)
    file.append(encode(record(99)))
    file.close()
    assert read(path) == [*whole, record(99)]
    assert path.read_bytes().count(b"\n") == len(whole) + 1


def test_a_torn_line_longer_than_a_chunk_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(encode(record(1)) + encode(record(2, "x" * 300_000))[:-5])
    LineFile(path).close()
    assert read(path) == [record(1)]


@given(st.dictionaries(TEXT, TEXT | st.floats(allow_nan=False, allow_infinity=False) | st.integers()))
def test_what_is_encoded_reads_back(value: dict[str, Any]) -> None:
    line = encode(value)
    assert line.count(b"\n") == 1
    assert json.loads(line) == value


@pytest.mark.parametrize(
    "bad",
    [
        b"{\n",
        b"\x00\x00\n",
        b"[1]\n",
        b'{"key":"../..","outcome":"ok","usage":{}}\n',
        b'{"key":"' + b"0" * 32 + b'"}\n',
        b'{"key":"' + b"0" * 32 + b'","outcome":"ok","usage":{}}\n',
        encode({**record(3), "usage": {"solver": {"dollars": 1}}}),
        encode({**record(3), "usage": {"solver": 1}}),
        encode({**record(3), "row": "3"}),
        b"[" * 100_000 + b"\n",
        b"\xff\n",
    ],
)
def test_a_line_that_is_no_row_is_told_by_its_number_and_the_others_go_on(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(encode(record(1)) + bad + encode(record(2)))
    foreign: list[int] = []
    assert [found for _, found in read_journal(path, foreign)] == [record(1), record(2)]
    assert foreign == [2]


def test_what_json_does_not_have_is_read_as_null(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"  # as earlier versions wrote it
    path.write_bytes(encode(record(1)).replace(b'"output":""', b'"output":[NaN,-Infinity,1]'))
    assert read(path)[0]["output"] == [None, None, 1]


def test_an_absent_file_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "rows.jsonl") == []


def test_offsets_lead_to_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(encode(record(number, "é" * number)) for number in range(4)))
    for offset, found in read_journal(path):
        with path.open("rb") as file:
            file.seek(offset)
            assert json.loads(file.readline()) == found


def test_a_write_that_fails_half_way_is_cut_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    file = LineFile(path)
    file.append(encode(record(1)))
    real = os.write

    def full(handle: int, data: Any) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return real(handle, data[:20])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(DataError, match=r"rows\.jsonl: cannot be written: No space left.*disk is full"):
        file.append(encode(record(2)))
    monkeypatch.undo()
    assert path.read_bytes() == encode(record(1))
    file.append(encode(record(3)))
    file.close()
    assert read(path) == [record(1), record(3)]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_vanished_takes_no_writes_silently(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "rows.jsonl"
    file = LineFile(path)
    path.unlink()
    if replaced:
        path.touch()
    with pytest.raises(DataError, match="if it was moved or deleted, put it back"):
        file.append(encode(record(1)))
    file.close()
