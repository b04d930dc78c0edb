"""SQL as the language of programs: how a query becomes a program of the box, and how a schema is told to its writer.

    as_program('select count(*) from "sales"')      # the Python that runs it in the box, beside the tables

The box is the one with DuckDB, whatever the file; each table has its name, also where there is only one.
"""

from __future__ import annotations

from typing import Literal

from dikast.tables.duck import quoted
from dikast.tables.schema import Dialect
from dikast.tables.several import Schemas

Language = Literal["python", "sql"]

SQL = Dialect(
    quoted,
    {
        "text": "text",
        "integer": "integer",
        "number": "decimal number",
        "boolean": "true or false",
        "date": "timestamp, at midnight",
        "datetime": "timestamp",
        "other": "other, as text",
    },
)


def as_program(query: str) -> str:
    """The query as a program of the box that has DuckDB; its text is a literal there, never Python."""
    return f"answer = query({query!r}, prev)"


def text_of(schemas: Schemas) -> str:
    """The schema as a writer of SQL is told it."""
    frames = (
        "\n".join([schema.text_of(f"The table {quoted(name)}", SQL), *schemas.keys.get(name, ())])
        for name, schema in schemas.parts.items()
    )
    return "\n\n".join(frames)
