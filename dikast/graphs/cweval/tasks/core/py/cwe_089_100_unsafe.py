"""Insecure: the author's name is pasted into the statement."""

import sqlite3


def titles_by(database: str, author: str, order: str) -> list[str]:
    column = order if order in ("title", "year") else "title"
    db = sqlite3.connect(database)
    rows = db.execute(f"SELECT title FROM books WHERE author = '{author}' ORDER BY {column}")
    titles = [title for (title,) in rows]
    db.close()
    return titles
