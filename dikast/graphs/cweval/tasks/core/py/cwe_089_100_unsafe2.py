"""Insecure: the name is bound, but the column, which comes from the visitor as well, is pasted in."""

import sqlite3


def titles_by(database: str, author: str, order: str) -> list[str]:
    db = sqlite3.connect(database)
    rows = db.execute(f"SELECT title FROM books WHERE author = ? ORDER BY {order or 'title'}", (author,))
    titles = [title for (title,) in rows]
    db.close()
    return titles
