"""A folder as Spider and BIRD lay theirs out: small, made here."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

MAKE = """
create table people (id integer primary key, name text, city text);
create table orders (id integer primary key, person integer references people (id), amount real, day text);
insert into people values (1, 'ann', 'Oslo'), (2, 'bob', 'Rome'), (3, 'cyd', 'Oslo');
insert into orders values (1, 1, 5.5, '2004-03-12'), (2, 2, 7, '2004-03-13'), (3, 1, 2, '2004-03-14'), (4, 3, 7, null);
"""
SPIDER: list[dict[str, Any]] = [
    {"db_id": "shop", "question": "How many people are there?", "query": "SELECT count(*) FROM people",
     "query_toks": ["SELECT"], "sql": {"select": [False, []]}},
    {"db_id": "shop", "question": "Who spent how much, the least first?",
     "query": "SELECT name, sum(amount) FROM people JOIN orders ON people.id = person GROUP BY name ORDER BY 2, 1"},
    {"db_id": "shop", "question": "Which cities?", "query": "SELECT city FROM people"},
]  # fmt: skip
BIRD: list[dict[str, Any]] = [
    {"question_id": 7, "db_id": "shop", "question": "How many from the capital of Norway?", "evidence": "it is Oslo",
     "SQL": "SELECT COUNT(*) FROM people WHERE city = 'Oslo'", "difficulty": "simple"},
    {"question_id": 8, "db_id": "shop", "question": "Which cities?", "evidence": "", "SQL": "SELECT city FROM people",
     "difficulty": "moderate"},
    {"question_id": 9, "db_id": "shop", "question": "What?", "evidence": None, "SQL": "SELECT nope FROM people",
     "difficulty": "moderate"},
]  # fmt: skip


def released(folder: Path) -> Path:
    """The question files beside `database/shop/shop.sqlite`; the folder."""
    (folder / "database" / "shop").mkdir(parents=True)
    connection = sqlite3.connect(folder / "database" / "shop" / "shop.sqlite")
    connection.executescript(MAKE)
    connection.close()
    (folder / "database" / "shop" / "schema.sql").write_text(MAKE, encoding="utf-8")
    (folder / "database" / "shop" / "annotation.json").write_text("[]", encoding="utf-8")
    for name, rows in (("dev.json", SPIDER), ("bird.json", BIRD)):
        (folder / name).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return folder
