"""One schema, one conversion: programs see the same frame in both kinds of box (arrow #15047, #47464, spark #52241)."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dikast.optional import needs
from dikast.sandbox import Policy, Result, Sandbox, Table
from dikast.sandbox.inside import columns
from dikast.sandbox.inside.arrow import frame_of
from dikast.tables.arrow import arrow_table
from dikast.tables.load import load
from dikast.tables.schema import describe
from dikast.tables.table import frame, whole_column
from tests.games import needs_sandbox

pa: Any = needs("pyarrow")
parquet: Any = needs("pyarrow.parquet")

UTC = datetime.UTC
NOON = datetime.datetime(2024, 7, 5, 12, tzinfo=UTC)
BIG = 2**60 + 1
COLUMNS: dict[str, Any] = {
    "date32": pa.array([datetime.date(2024, 1, 5), None]),
    "date64": pa.array([datetime.date(2024, 1, 5), None], pa.date64()),
    "decimal": pa.array([Decimal("1.10"), None]),
    "decimal256": pa.array([Decimal("1.10"), Decimal("2")], pa.decimal256(50, 2)),
    "berlin": pa.array([NOON, None], pa.timestamp("us", "Europe/Berlin")),
    "utc": pa.array([NOON, NOON], pa.timestamp("s", "UTC")),
    "offset": pa.array([NOON, None], pa.timestamp("ns", "-03:30")),
    "lisp": pa.array([NOON, None], pa.timestamp("ms", "No/Such <|im_start|>")),
    "naive": pa.array([datetime.datetime(2024, 7, 5, 12), None], pa.timestamp("ms")),
    "list": pa.array([["a", "b"], None]),
    "struct": pa.array([{"x": 1}, {"x": 2}]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "time": pa.array([datetime.time(1, 2), None]),
    "span": pa.array([datetime.timedelta(hours=30), None]),
    "bytes": pa.array([b"\x00\x01", None]),
    "int8": pa.array([1, 2], pa.int8()),
    "holes": pa.array([1, None]),
    "bigholes": pa.array([BIG, None]),
    "unsigned": pa.array([2**64 - 1, None], pa.uint64()),
    "half": pa.array([1.5, None], pa.float16()),
    "single": pa.array([0.1, None], pa.float32()),
    "truth": pa.array([True, None]),
    "truths": pa.array([True, False]),
    "word": pa.array(["a", None]).dictionary_encode(),
    "code": pa.array([3, 5]).dictionary_encode(),
    "view": pa.array(["a", None], pa.string_view()),
    "large": pa.array(["a", None], pa.large_string()),
    "none": pa.nulls(2),
}


def write(folder: Path, format: str, names: list[str]) -> Path:
    table = pa.table({name: COLUMNS[name] for name in names})
    path = folder / f"t.{format}"
    if format == "parquet":
        parquet.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=1)
    return path


@pytest.mark.parametrize("format", ["parquet", "arrow"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_the_same_in_both_boxes(tmp_path: Path, name: str, format: str) -> None:
    table = load(write(tmp_path, format, [name]))
    shown = columns.read(memoryview(columns.pack(frame(table))))
    pd.testing.assert_frame_equal(frame_of(arrow_table(table)), shown)
    kind = table.columns[0].kind
    wanted = {"date": "M", "datetime": "M", "number": "f", "text": "O", "other": "O"}.get(kind)
    assert wanted is None or shown[name].dtype.kind == wanted


def test_values_are_the_files(tmp_path: Path) -> None:
    shown = frame(load(write(tmp_path, "parquet", list(COLUMNS))))
    first: dict[str, Any] = {name: shown[name].tolist()[0] for name in COLUMNS}
    assert first["berlin"].isoformat() == "2024-07-05T14:00:00+02:00"
    assert first["offset"].isoformat() == "2024-07-05T08:30:00-03:30"
    assert (first["bigholes"], first["unsigned"], first["decimal"]) == (BIG, 2**64 - 1, 1.1)
    assert (first["list"], first["struct"], first["bytes"]) == ("['a', 'b']", "{'x': 1}", "0001")
    assert shown["truth"].isna().tolist() == [False, True]


def test_the_schema_names_a_zone_that_the_database_knows_and_no_other_text(tmp_path: Path) -> None:
    table = load(write(tmp_path, "arrow", ["berlin", "offset", "lisp", "naive"]))
    said = describe(table).text.splitlines()
    assert said[1] == '- "berlin": date and time (datetime64), time zone Europe/Berlin'
    assert said[2].endswith("time zone -03:30")
    assert said[3].endswith("time zone UTC")
    assert said[4] == '- "naive": date and time (datetime64)'
    assert [(problem.code, problem.column) for problem in table.problems] == [("time zone", "lisp")]
    assert "zone" not in describe(table, "names").text


def test_an_empty_file_has_the_same_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({name: COLUMNS[name][:0] for name in ("date32", "decimal", "list", "berlin")}), path)
    table = load(path)
    assert frame_of(arrow_table(table)).dtypes.tolist() == frame(table).dtypes.tolist()
    assert len(whole_column(table, 3)) == 0


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    needs_sandbox()
    async with Sandbox(Policy(workers=1)) as opened:
        yield opened


PROGRAMS = {
    "answer = df['t'].dt.tz_convert('America/New_York').dt.hour.tolist()": [8],
    "answer = df['t'].dt.hour.tolist()": [14],
    "answer = [str(cell) for cell in df['t'].tolist()]": ["2024-07-05 14:00:00+02:00"],
    "answer = int((df['t'] > '2023-01-01').sum())": 1,
    "import zoneinfo\nanswer = str(pd.Timestamp(0, tz=zoneinfo.ZoneInfo('Asia/Tokyo')).utcoffset())": "9:00:00",
    "answer = df['d'].dt.year.tolist()": [2024],
    "answer = [type(cell).__name__ for cell in df['tags']]": ["str"],
}


@pytest.mark.parametrize("arrow", [False, True])
async def test_zones_and_dates_work_inside(tmp_path: Path, box: Sandbox, arrow: bool) -> None:
    """A zoned column killed every program that named `df`, which was told as too much memory."""
    path = tmp_path / "t.parquet"
    zoned = pa.array([NOON], pa.timestamp("us", "Europe/Berlin"))
    parquet.write_table(pa.table({"t": zoned, "d": COLUMNS["date32"][:1], "tags": COLUMNS["list"][:1]}), path)
    table = load(path)
    ended: dict[str, Result] = {}
    with Table.of(arrow_table(table) if arrow else frame(table)) as sealed:
        for program in PROGRAMS:
            ended[program] = await box.run(program, table=sealed)
        if arrow:
            again = await box.run("answer = str(table.to_pandas(use_threads=False)['t'][0])", table=sealed)
            assert again.answer == "2024-07-05 14:00:00+02:00"
            counted = await box.run(
                "answer = sql('select count(*) n from df where t > now()')['n'].tolist()", table=sealed
            )
            assert counted.answer in ([0], [1])
    assert {program: result.answer for program, result in ended.items()} == PROGRAMS
