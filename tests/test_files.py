from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.files import open_bytes, open_text, suffix_of, write_json, write_jsonl, write_text
from dikast.optional import needs


def test_the_suffix_is_that_of_what_is_inside() -> None:
    names = ["a.CSV", "a.csv.gz", "b.tar.jsonl.ZST", "a.gz", "a", "a.v1.csv"]
    assert [suffix_of(Path(name)) for name in names] == [".csv", ".csv", ".jsonl", "", "", ".csv"]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_what_cannot_be_read_is_told(tmp_path: Path, suffix: str) -> None:
    with (
        pytest.raises(DataError, match=rf"none\.txt{suffix}: no such file \(check the path\)$"),
        open_bytes(tmp_path / f"none.txt{suffix}"),
    ):
        pass


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_damaged_file_is_told(tmp_path: Path, suffix: str) -> None:
    path, text = tmp_path / f"a.txt{suffix}", b"line\n" * 10_000
    whole = gzip.compress(text) if suffix == ".gz" else needs("pyarrow").compress(text, codec="zstd", asbytes=True)
    for data in (whole[: len(whole) // 2], b"no such thing", whole + b"more"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=rf"a\.txt{suffix}: cannot be read: \w"), open_text(path) as file:
            file.read()
    path.write_bytes(whole + whole)
    with open_text(path) as file:
        assert file.read() == 2 * text.decode()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"a": 1}])
    with pytest.raises(TypeError):
        write_jsonl(path, [{"a": 2}, {"a": object()}])
    assert path.read_text() == '{"a": 1}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["rows.jsonl"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        write_text(tmp_path / "no" / "x", "")


def test_half_a_surrogate_pair_in_a_reply_survives(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [{"a": "ok é"}, {"a": "\ud800"}])
    first, second = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert first == '{"a": "ok é"}'
    assert json.loads(second) == {"a": "\ud800"}
    write_json(tmp_path / "x.json", ["\ud800"])
    assert json.loads((tmp_path / "x.json").read_bytes()) == ["\ud800"]
