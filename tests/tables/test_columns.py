from __future__ import annotations

import pytest

from dikast.errors import UsageError
from dikast.tables.columns import overlap, relevant, words
from dikast.tables.schema import ColumnSchema, Schema


def wide() -> Schema:
    names = [f"metric_{n}" for n in range(50)] + ["totalSales", "Regions", "Region code", "country"]
    return Schema(tuple(ColumnSchema(name, "text") for name in names), tuple(range(len(names))))


def test_the_columns_a_question_is_about_are_listed():
    schema = relevant(wide(), "What are the total sales per region?", 3)
    assert schema.text.splitlines() == [
        "The data frame has more columns; these may be relevant:",
        '- "totalSales": text',
        '- "Regions": text',
        '- "Region code": text',
    ]
    assert schema.names == wide().names


def test_another_ranking_and_its_ties():
    schema = relevant(wide(), "any", 2, rank=lambda _, names: [0.0] * len(names))
    assert schema.shown == (0, 1)
    last = relevant(wide(), "any", 1, rank=lambda _, names: list(range(len(names))))
    assert last.shown == (53,)
    assert relevant(wide(), "any", 54) == wide()
    with pytest.raises(UsageError, match="limit=0"):
        relevant(wide(), "any", 0)


def test_rare_words_count_more():
    few, many = overlap("metric of countries", ["country", "metric_1", "metric_2"])[:2]
    assert few > many > 0
    assert words("HTTPStatus_codes-2024 Länder") == {"http", "status", "code", "2024", "länder"}
