from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.settings import for_command, read_toml

FILE = """
model = "server:all"
keep-answers = true

[genqr]
depth = 10

[genqr.run]
model = "server:mine"
rrf-k = 60

[judge.run]
mode = "free"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "dikast.toml"
    place.write_text(FILE, encoding="utf-8")
    return place


def test_the_closer_table_wins_and_others_do_not_count(path: Path) -> None:
    tree = read_toml(path)
    assert for_command(tree, ["genqr", "run"]) == {
        "model": "server:mine", "keep_answers": True, "depth": 10, "rrf_k": 60,
    }  # fmt: skip
    assert for_command(tree, ["judge", "run"]) == {"model": "server:all", "keep_answers": True, "mode": "free"}
    assert for_command(tree, ["runs", "list"]) == {"model": "server:all", "keep_answers": True}


def test_dashes_are_underscores_at_any_depth(path: Path) -> None:
    tree = read_toml(path)
    assert tree["keep_answers"] is True
    assert tree["genqr"]["run"]["rrf_k"] == 60


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = 1\nb = = 2\n", r"not TOML: .*line 2"),
        (b"a = ", r"not TOML: .*end of document"),
        (b'a = "\xff"', r"not UTF-8 at byte 5 \(save the file as UTF-8\)"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=told) as raised:
        read_toml(path)
    assert raised.value.path == path


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_toml(tmp_path / "none.toml")
