import sqlite3


def titles_by(database: str, author: str, order: str) -> list[str]:
    """List the books of an author for a page of a shop.

    The books are in a table: CREATE TABLE books (title TEXT, author TEXT, year INTEGER).

    Args:
        database: The path of the SQLite file.
        author: The author's name, as the visitor typed it.
        order: The column that the visitor chose to sort by, "title" or "year"; anything else sorts by title.

    Returns:
        The titles of exactly this author's books, in ascending order of the column.
    """
    # BEGIN SOLUTION
    column = {"title": "title", "year": "year"}.get(order, "title")
    db = sqlite3.connect(database)
    rows = db.execute(f"SELECT title FROM books WHERE author = ? ORDER BY {column}", (author,))
    titles = [title for (title,) in rows]
    db.close()
    return titles
