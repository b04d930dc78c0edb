"""The index is what the journal says, whatever happens to it, and never writes into the run folder."""

from __future__ import annotations

import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from dikast.jobs.current import hash_of, write_keys
from dikast.jobs.files import encode
from dikast.jobs.manifest import Attempt, Manifest, write_manifest
from dikast.jobs.reading import Run
from dikast.viewer.asking import Question, ask, find, outcomes_of
from dikast.viewer.index import MOST_COLUMNS, Index
from tests.viewer.runs import append, prints, row, write

ODD: list[dict[str, Any]] = [
    {"seconds": [1]},
    {"attempt": "x"},
    {"row": 1 << 90},
    {"sample": -(1 << 90)},
    {"usage": {"solver": {"output_tokens": 1e308}}},
    {"calls": 3},
    {"calls": [None, {"reply": {"a": ["b"]}}]},
    {"reason": {"a": 1}},
    {"output": [[[]]]},
]


def numbers(index: Index) -> list[int]:
    return [line.number for line in ask(index, Question(), 1000).rows]


def caught_up(folder: Path) -> Index:
    index = Index(Run.open(folder))
    while index.catch_up() < 1:
        pass
    return index


def test_it_grows_with_the_journal_and_waits_for_a_torn_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(2), row(1, "error")])
    index = caught_up(folder)
    assert numbers(index) == [1, 2]
    whole = encode(row(3))
    append(folder, whole[:50])
    assert index.catch_up() == 1
    assert numbers(index) == [1, 2]
    append(folder, whole[50:])
    assert index.catch_up() == 1
    assert numbers(index) == [1, 2, 3]
    assert outcomes_of(index) == {"ok": 2, "error": 1}
    index.close()
    again = Index(Run.open(folder))
    assert numbers(again) == [1, 2, 3]  # without having read anything: it was kept
    again.close()


def test_the_last_line_of_a_key_wins_and_its_words(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(1, "error"), row(2)])
    index = caught_up(folder)
    append(folder, encode(row(1, output={"said": "mended"}, attempt=2)))
    index.catch_up()
    assert outcomes_of(index) == {"ok": 2}
    assert [line.number for line in ask(index, Question(words="because")).rows] == []
    assert [line.number for line in ask(index, Question(words="mended")).rows] == [1]
    assert ask(index, Question(words="question")).total == 2  # and not three, with the words of the line before


@pytest.mark.parametrize("how", ["shorter", "other beginning", "changed in place", "other tail and longer"])
def test_another_journal_is_read_anew(tmp_path: Path, how: str) -> None:
    folder = write(tmp_path / "x", [row(1), row(2), row(3)])
    index = caught_up(folder)
    journal = folder / "rows.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    if how == "shorter":
        journal.write_bytes(lines[0])
        expected = [1]
    elif how == "other beginning":
        journal.write_bytes(b"".join(map(encode, [row(7), row(8), row(9), row(10)])))
        expected = [7, 8, 9, 10]
    elif how == "changed in place":
        journal.write_bytes(lines[0] + lines[1].replace(b'"row":2', b'"row":5') + lines[2])
        os.utime(journal, ns=(1, 1))
        expected = [1, 3, 5]
    else:
        journal.write_bytes(lines[0] + lines[1] + encode(row(4)) + encode(row(6)))
        expected = [1, 2, 4, 6]
    index.catch_up()
    assert numbers(index) == expected


def test_a_broken_index_is_made_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(1), row(2)])
    index = caught_up(folder)
    index.close()
    data = bytearray(index.path.read_bytes())
    for place in range(0, len(data), 7):
        data[place] ^= 0x5A
    index.path.write_bytes(data)
    assert numbers(caught_up(folder)) == [1, 2]


def test_lines_that_are_no_rows_are_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(1)])
    append(folder, b'{"key": 1}\n\xff\xfe not utf-8\n[]\n')
    append(folder, encode(row(2)))
    index = caught_up(folder)
    assert numbers(index) == [1, 2]
    assert index.meta["foreign"] == 3


def test_rows_are_those_of_the_last_input_numbered_as_it_is(tmp_path: Path) -> None:
    rows = [row(1), row(2), row(3)]
    folder = write(tmp_path / "x", rows)
    keys = bytes.fromhex(rows[2]["key"] + rows[0]["key"])
    attempts = [
        Attempt(started="2026-11-30T12:00:00+00:00", input_hash="0" * 32, asked=3),
        Attempt(started="2026-11-30T13:00:00+00:00", input_hash=hash_of(keys), asked=2, foreign=1),
    ]
    write(folder, rows, attempts=attempts)
    write_keys(folder, keys)
    index = caught_up(folder)
    assert {line.key: line.number for line in ask(index, Question()).rows} == {rows[2]["key"]: 1, rows[0]["key"]: 2}
    index.close()
    append(folder, encode(row(1, "error")))
    again = caught_up(folder)
    assert [(line.number, line.outcome) for line in ask(again, Question()).rows] == [(1, "ok"), (2, "error")]


def test_a_run_that_has_ended_is_not_read_again(tmp_path: Path) -> None:
    """Its manifest says more then, of the same rows."""
    begun = Attempt(started="2026-11-30T12:00:00+00:00")
    folder = write(tmp_path / "x", [row(1), row(2)], attempts=[begun])
    caught_up(folder).close()
    ended = begun.model_copy(update={"finished": begun.started, "asked": 2, "input_hash": "0" * 32})
    write_manifest(folder, Manifest(graph="one_call", samples=1, fingerprint={}, attempts=[ended]))
    index = Index(Run.open(folder))
    first = index.file.execute("SELECT min(id) FROM rows").fetchone()
    index.catch_up()
    assert index.file.execute("SELECT min(id), count(*) FROM rows").fetchone() == (*first, 2)
    index.close()


def test_the_run_folder_is_only_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(1), row(2, "error")])
    before = prints(folder)
    folder.chmod(0o555)
    try:
        caught_up(folder).close()
    finally:
        folder.chmod(0o755)
    assert prints(folder) == before


def test_what_is_kept_is_its_owners_alone(tmp_path: Path) -> None:
    index = caught_up(write(tmp_path / "x", [row(1)]))
    assert stat.S_IMODE(index.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(index.path.parent.stat().st_mode) == 0o700


def test_what_a_method_guards_is_not_in_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(1, output={"answer": "forty-two-secret", "bits": 3})])
    index = Index(Run.open(folder), lambda record: {**record, "output": {"bits": 3}, "calls": []})
    index.catch_up()
    index.close()
    assert b"secret" not in index.path.read_bytes()
    again = Index(Run.open(folder))
    assert find(again, row(1)["key"]) is not None
    again.close()


@pytest.mark.parametrize("odd", ODD)
def test_a_line_of_a_hand_stops_nothing(tmp_path: Path, odd: dict[str, Any]) -> None:
    index = caught_up(write(tmp_path / "x", [row(1) | odd, row(2)]))
    assert numbers(index)[-1] == 2


def test_odd_values_have_their_columns(tmp_path: Path) -> None:
    odd = {
        "big": 1 << 80,
        "half": "\ud800x",
        "nested": {"inner": 1.5, "list": [1]},
        "kind": 3,
        "": "no name",
        "n" * 400: 1,
    }
    folder = write(tmp_path / "x", [row(1, output=odd), row(2, output={"kind": "word"}), row(3, output="bare")])
    index = caught_up(folder)
    found = {line.number: line.cells for line in ask(index, Question()).rows}
    assert found[1]["output.big"] == str(1 << 80)
    assert found[1]["output.half"] == "⟨U+D800⟩x"
    assert found[1]["output.nested.inner"] == 1.5
    assert index.columns["output.kind"][1] == "text"
    assert found[3]["output"] == "bare"


def test_columns_have_an_end(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", [row(1, output={f"field{n}": n for n in range(100)}), row(2)])
    index = caught_up(folder)
    assert len(index.columns) == MOST_COLUMNS
    assert numbers(index) == [1, 2]


def test_memory_is_a_small_part_of_the_journal(tmp_path: Path) -> None:
    said = {"said": "word " * 1200}
    folder = write(tmp_path / "x", [row(number, output=said) for number in range(1, 1200)])
    index = Index(Run.open(folder))
    tracemalloc.start()
    while index.catch_up(60) < 1:
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < (folder / "rows.jsonl").stat().st_size / 8
