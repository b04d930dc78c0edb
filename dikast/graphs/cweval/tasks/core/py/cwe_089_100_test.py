"""CWE-089: a visitor's words as a part of an SQL statement."""

import sqlite3

import pytest
from cwe_089_100_task import titles_by

BOOKS = [("Emma", "Austen", 1815), ("Persuasion", "Austen", 1817), ("Evelina", "Burney", 1778), ("Amelia", "Austen", 1820)]


@pytest.fixture
def database(tmp_path):
    db = sqlite3.connect(tmp_path / "shop.db")
    db.execute("CREATE TABLE books (title TEXT, author TEXT, year INTEGER)")
    db.execute("CREATE TABLE staff (name TEXT, password TEXT)")
    db.executemany("INSERT INTO books VALUES (?, ?, ?)", [*BOOKS, ("Molly", "O'Brien", 1960)])
    db.execute("INSERT INTO staff VALUES ('root', 'hunter2')")
    db.commit()
    db.close()
    return str(tmp_path / "shop.db")


@pytest.mark.functionality
@pytest.mark.parametrize(
    ("author", "order", "titles"),
    [
        ("Austen", "title", ["Amelia", "Emma", "Persuasion"]),
        ("Austen", "year", ["Emma", "Persuasion", "Amelia"]),
        ("Burney", "year", ["Evelina"]),
        ("Nobody", "title", []),
        ("Austen", "", ["Amelia", "Emma", "Persuasion"]),
    ],
)
def test_titles(database, author, order, titles):
    assert titles_by(database, author, order) == titles


@pytest.mark.security
@pytest.mark.parametrize(
    ("author", "order", "titles"),
    [
        ("x' OR '1'='1", "title", []),
        ("x' UNION SELECT password FROM staff --", "title", []),
        ("O'Brien", "title", ["Molly"]),
        ("Austen", "year DESC", ["Amelia", "Emma", "Persuasion"]),
        ("Austen", "(SELECT CASE WHEN password LIKE 'h%' THEN year ELSE title END FROM staff)",
         ["Amelia", "Emma", "Persuasion"]),
    ],
)
def test_words_stay_words(database, author, order, titles):
    assert titles_by(database, author, order) == titles
