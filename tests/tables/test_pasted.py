"""How long tables are as texts: exactly, in proportion, and with nothing but numbers coming out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from dikast.tables.load import load
from dikast.tables.oracle import TableOracle
from dikast.tables.pasted import MOST_ROWS, PIECE_CHARACTERS, count_pasted


class Characters:
    """Counts characters, and keeps what it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def __call__(self, text: str) -> int:
        self.texts.append(text)
        return len(text)


async def test_a_table_is_counted_as_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('n,who\n1,"ann, b"\n,bob\n', encoding="utf-8")
    count = Characters()
    found = await count_pasted([load(tmp_path / "t.csv")], count)
    assert "".join(count.texts) == 'n,who\n1.0,"ann, b"\n,bob\n'
    assert asdict(found) == {"rows": 2, "counted": 2, "tokens": sum(map(len, count.texts))}


async def test_a_long_table_is_counted_in_pieces_and_in_proportion(tmp_path: Path) -> None:
    rows = 3 * MOST_ROWS
    (tmp_path / "t.csv").write_text("name\n" + "abcdefghi\n" * rows, encoding="utf-8")
    count = Characters()
    found = await count_pasted([load(tmp_path / "t.csv")], count)
    assert (found.rows, found.counted, found.tokens) == (rows, MOST_ROWS, len("name\n") + 10 * rows)
    assert max(map(len, count.texts)) <= PIECE_CHARACTERS


async def test_no_rows_and_several_tables(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / "one.csv").write_text("a\nx\n", encoding="utf-8")
    tables = [load(tmp_path / name) for name in ("none.csv", "one.csv")]
    found = await count_pasted(tables, Characters())
    assert (found.rows, found.tokens) == (1, len("a,b\n") + len("a\nx\n"))


async def test_an_oracle_counts_a_table_once_until_its_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a\nx\n", encoding="utf-8")
    oracle, count = TableOracle(tmp_path), Characters()
    first = [await oracle.count_pasted("t", count, "characters") for _ in range(3)]
    assert [one.rows for one in first] == [1, 1, 1]
    assert len(count.texts) == 2
    await oracle.count_pasted("t", count, "another")
    assert len(count.texts) == 4
    file.write_text("a\nx\ny\n", encoding="utf-8")
    assert (await oracle.count_pasted("t", count, "characters")).rows == 2
