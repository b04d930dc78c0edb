"""CWE-022: a path made of what a user typed, leading out of the user's folder."""

import pytest
from cwe_022_100_task import read_note


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "ann"
    (folder / "2024").mkdir(parents=True)
    (folder / "todo.txt").write_text("buy bread", encoding="utf-8")
    (folder / "2024" / "june.txt").write_text("naïve", encoding="utf-8")
    (tmp_path / "ann-marie").mkdir()
    (tmp_path / "ann-marie" / "diary.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "salaries.txt").write_text("secret", encoding="utf-8")
    return folder


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("todo.txt", "buy bread"),
        ("2024/june.txt", "naïve"),
        ("2024/../todo.txt", "buy bread"),
        ("absent.txt", None),
        ("2024", None),
    ],
)
def test_note(notes, name, text):
    assert read_note(str(notes), name) == text


@pytest.mark.security
@pytest.mark.parametrize("name", ["../salaries.txt", "../ann-marie/diary.txt", "2024/../../salaries.txt", "{}"])
def test_stays_inside(notes, name):
    assert read_note(str(notes), name.format(notes.parent / "salaries.txt")) is None
    assert read_note(str(notes), "todo.txt") == "buy bread"
