"""SQL as the Solver's language: what it is told, what its queries may and may not do, and that no cell comes back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest
import pytest_asyncio

from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.prompt import load_prompt
from dikast.errors import UsageError
from dikast.graphs import hidden_tables
from dikast.graphs.hidden_tables.code import Problem, extract_code
from dikast.graphs.hidden_tables.code_critic import load_code_critic
from dikast.graphs.hidden_tables.language import LANGUAGES, SQL
from dikast.graphs.hidden_tables.options import games_of
from dikast.graphs.hidden_tables.rounds import MESSAGES, message
from dikast.sandbox.inside import arrow, query
from dikast.tables.library import Library
from dikast.tables.oracle import TableOracle, policy_of
from tests.games import Heard, items_of, needs_sandbox
from tests.tables.databases import released

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY = "canary4711"
CELLS = f"person,amount,day,note\n10,5.5,2004-03-12,{CANARY}\n11,7,2004-03-13,x\n10,2,2004-03-14,\n"


def sql(text: str) -> str:
    return f"```sql\n{text}\n```"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def oracle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TableOracle]:
    """An oracle over a folder with two tables, its box open."""
    needs_sandbox()
    folder = tmp_path_factory.mktemp("sql")
    (folder / "shop").mkdir()
    (folder / "shop" / "orders.csv").write_text(CELLS, encoding="utf-8")
    (folder / "shop" / "people.json").write_text(
        '[{"person": 10, "name": "ann"}, {"person": 11, "name": "bob"}]', "utf-8"
    )
    async with TableOracle(folder, policy=policy_of(5_000, wall_s=20.0, cpu_s=20, workers=1)) as opened:
        yield opened


async def ask(oracle: TableOracle, *replies: str, table: str = "shop", **knobs: Any) -> tuple[Any, Heard, list[Any]]:
    """One game: its output, what the Solver heard, and the answers."""
    answers: list[Any] = []

    def deliver(_: str, answer: Any) -> None:
        answers.append(answer)

    oracle.deliver = deliver
    heard = Heard(*replies)
    follow_ups = knobs.pop("follow_ups", [])
    context = hidden_tables.Context(solver=heard.solver, oracle=oracle, language="sql", **knobs)
    game = hidden_tables.Input(table=table, question="How much did ann spend?", follow_ups=follow_ups)
    output = await hidden_tables.graph.ainvoke(game, context=context)
    return output, heard, answers


async def test_a_query_joins_the_tables_that_it_was_told(oracle: TableOracle) -> None:
    text = 'select "name", sum("amount") as total from "orders" join "people" using ("person") group by 1 order by 2'
    output, heard, answers = await ask(oracle, sql(text))
    assert output["outcome"] == "ok", output
    assert items_of(answers[0]) == ["bob", "7", "ann", "7.5"]
    assert answers[0].reveal().table == {"columns": ["name", "total"], "rows": [["bob", "7"], ["ann", "7.5"]]}
    told = heard.told(0)
    assert "by writing SQL" in told
    assert 'The table "orders" has these columns:\n- "person": integer\n- "amount": decimal number' in told
    assert '- "day": timestamp, at midnight' in told
    assert "df" not in told.split("Schema:")[1]
    assert "Python" not in told


async def test_one_table_has_its_own_name_and_secret_ones_an_alias(oracle: TableOracle) -> None:
    output, heard, answers = await ask(oracle, sql('select max("c2") from "table_1"'), table="shop/orders", secret=None)
    assert (output["outcome"], items_of(answers[0])) == ("ok", ["7"])
    assert 'The table "table_1" has these columns:\n- "c1": integer' in heard.told(0)
    assert not [name for name in ("orders", "person", "amount") if name in heard.told(0).split("Schema:")[1]]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("select count(*) from orders", ["3"]),
        ("select sum(person) from orders", ["31"]),
        ("select 9007199254740993::hugeint", ["9007199254740993"]),
        ("select 1.50::decimal(9, 2), null, true, 'a'", ["1.5", "yes", "a"]),
        ("select min(day), date '2001-05-05' from orders", ["2004-03-12", "2001-05-05"]),
        ("select timestamptz '2004-03-12 10:00:00+00'", ["2004-03-12T10:00:00+00:00"]),
        ("select interval 1 day, time '10:30', [1, 2], {'a': 1}", ["1 day, 0:00:00", "10:30:00", "1", "2", "1"]),
        ("select 'x'::blob, 'c8f4e7a2-0000-4000-8000-000000000000'::uuid",
         ["78", "c8f4e7a2-0000-4000-8000-000000000000"]),
        ("with a as (select 1 as n) select n from a;", ["1"]),
        ("from range(2000)", [str(n) for n in range(2000)]),
    ],
)  # fmt: skip
async def test_what_a_query_may_return(oracle: TableOracle, text: str, items: Sequence[str]) -> None:
    output, _, answers = await ask(oracle, sql(text), rounds=1)
    assert (output["outcome"], items_of(answers[0])) == ("ok", items)


ENDS = [
    ("selec 1", "error:SyntaxError"),
    ("select 1; select 2", "error:SyntaxError"),
    ("create table t (a integer)", "error:SyntaxError"),
    ("insert into orders select * from orders", "error:SyntaxError"),
    ("set enable_external_access = true", "error:SyntaxError"),
    ("pragma database_list", "error:SyntaxError"),
    ("install httpfs", "error:SyntaxError"),
    ("select nope from orders", "error:NameError"),
    ("select * from nope", "error:NameError"),
    ("select note::integer from orders", "error:ValueError"),
    ("select error(note) from orders", "error:ValueError"),
    ("select 9223372036854775807 + 1", "error:OverflowError"),
    ("select * from read_csv('/etc/passwd')", "error:OSError"),
    ("select 1 where false", "empty"),
    ("from range(6000)", "bad_answer"),
    ("select 1e308 * 10", "bad_answer"),
    ("select '\"\"\"); import os; answer = os.listdir(chr(47)) #' || '\\'", "ok"),
]


@pytest.mark.parametrize(("text", "status"), ENDS)
async def test_how_queries_end_and_that_no_cell_is_told(oracle: TableOracle, text: str, status: str) -> None:
    output, heard, _ = await ask(oracle, sql(text), rounds=2, retry_empty=False)
    assert output["turns"][0]["status"] == status
    said = "\n".join(heard.told(number) for number in range(len(heard.requests)))
    assert CANARY not in said + json.dumps(output)
    if status.startswith("error:"):
        kind = {"OSError": "other", "OverflowError": "ArithmeticError"}.get(status[6:], status[6:])
        asked_again = "Reply with one SQL code block that answers the question."
        assert heard.told(1).rstrip().endswith(f"{SQL.messages[kind]}\n{asked_again}")
        assert f"```sql\n{text}\n```" in heard.told(1)


async def test_follow_ups_find_the_answer_before_them(oracle: TableOracle) -> None:
    first, second = sql("select name from people order by 1"), sql("select max(value) from prev")
    output, heard, answers = await ask(oracle, first, second, follow_ups=[{"question": "Who is last?", "id": "1"}])
    assert [items_of(answer) for answer in answers] == [["ann", "bob"], ["bob"]]
    assert "The table prev holds the values" in heard.told(1)
    assert first in heard.told(1)
    assert output["outcome"] == "ok"


async def test_a_critic_reads_queries(oracle: TableOracle) -> None:
    said: list[str] = []

    def critic(request: Any) -> str:
        said.append("\n".join(message["content"] for message in request.messages))
        return '{"approved": false, "remark": "no"}'

    output, heard, _ = await ask(oracle, sql("select 1"), critic=load_code_critic(ScriptedModel(critic)), rounds=2)
    assert "You review SQL queries" in said[0]
    assert "select 1" in said[0]
    assert "The query was not run. A reviewer, who sees no data either, says: no" in heard.told(1)
    assert output["outcome"] == "ok"


def plain() -> Any:
    """DuckDB as it comes."""
    return duckdb.connect()


def closed() -> Any:
    """DuckDB as it is in the box, outside of it, so that nothing but its settings stands in the way."""
    return duckdb.connect(config=arrow._SETTINGS)


def attacks(folder: Path) -> dict[str, tuple[str, str]]:
    """Name -> an attack, and a query that shows whether it worked."""
    secret, made = folder / "secret.csv", folder / "made.csv"
    secret.write_text(f"a\n{CANARY}\n", encoding="utf-8")
    connection = duckdb.connect(str(folder / "other.duckdb"))
    connection.execute(f"create or replace table t as select '{CANARY}' as a")
    connection.close()
    return {
        "read_csv": (f"select * from read_csv('{secret}')", ""),
        "read_text": (f"select content from read_text('{secret}')", ""),
        "read_blob": (f"select content::varchar from read_blob('{secret}')", ""),
        "by name": (f"select * from '{secret}'", ""),
        "glob": (f"select '{CANARY}' || file from glob('{folder}/*.csv')", ""),
        "sniff_csv": (f"select prompt || '{CANARY}' from sniff_csv('{secret}')", ""),
        "copy to": (f"copy (select '{CANARY}') to '{made}'", f"select * from read_csv('{made}')"),
        "attach": (f"attach '{folder / 'other.duckdb'}' as other (read_only)", "select a from other.t"),
        "export": (f"export database '{folder}/out'", f"select '{CANARY}' from read_text('{folder}/out/schema.sql')"),
        "settings": ("set threads = 3", f"select '{CANARY}' where current_setting('threads')::varchar = '3'"),
        "pragma": ("pragma threads = 3", f"select '{CANARY}' where current_setting('threads')::varchar = '3'"),
        "two statements": (f"select 1; create table s as select '{CANARY}' as a", "select a from s"),
        "variable": (f"set variable v = '{CANARY}'", "select getvariable('v')"),
        "call": ("call enable_profiling()", f"select '{CANARY}'"),
        "prepare": (f"prepare p as select '{CANARY}'", "execute p"),
    }  # fmt: skip


def fetched(connection: Any, text: str) -> object:
    return connection.execute(text).fetchall()


def as_in_the_box(connection: Any, text: str) -> object:
    return query.run(connection, text, None).to_string()


def worked(run: Any, attack: str, shows: str) -> bool:
    """Whether an attack shows the canary."""
    try:
        first = run(attack)
        return CANARY in repr(run(shows) if shows else first)
    except (duckdb.Error, SyntaxError, NameError, ValueError, OSError, RuntimeError):
        return False


NAMES = (  # of all `attacks`; the lane of attacks tries them in the box
    "read_csv", "read_text", "read_blob", "by name", "glob", "sniff_csv", "copy to", "attach", "export", "settings",
    "pragma", "two statements", "variable", "call", "prepare",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_an_attack_works_on_duckdb_as_it_comes_and_on_ours_not(name: str, tmp_path: Path) -> None:
    attack, shows = attacks(tmp_path)[name]
    with plain() as connection:
        assert worked(partial(fetched, connection), attack, shows), "it is no attack"
    for left in (tmp_path / "made.csv", tmp_path / "out" / "schema.sql"):
        left.unlink(missing_ok=True)
    with closed() as connection:
        assert not worked(partial(as_in_the_box, connection), attack, shows)
    assert not (tmp_path / "made.csv").exists()


async def test_the_words_of_an_error_quote_a_cell_and_do_not_leave_the_query() -> None:
    with plain() as connection, pytest.raises(duckdb.Error, match=CANARY):
        connection.execute(f"select '{CANARY}'::integer").fetchall()
    with closed() as connection, pytest.raises(ValueError, match=r"^$") as caught:
        query.run(connection, f"select '{CANARY}'::integer", None)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("```sql\nselect 1\n```", "select 1\n"),
        ("Here:\n```duckdb\nselect 1\n```\nand\n```python\nx = 1\n```", "select 1\n"),
        ("```\nselect 1\n```", "select 1\n"),
        ("SELECT count(*) FROM t", "SELECT count(*) FROM t\n"),
        ("with a as (select 1)\nselect * from a", "with a as (select 1)\nselect * from a\n"),
        ("With the table at hand I would", Problem.NO_CODE),
        ("```sql\nselect 1\n```\n```sql\nselect 2\n```", Problem.MANY_BLOCKS),
        ("```sql\nselect 1", Problem.CUT),
    ],
)
async def test_the_query_in_a_reply(reply: str, found: str | Problem) -> None:
    extracted = extract_code(reply, SQL)
    assert (extracted.problem or extracted.program) == found


async def test_every_code_has_a_sentence_in_each_language() -> None:
    for language in LANGUAGES.values():
        assert all(message(code, language) for code in MESSAGES)
    assert set(SQL.messages) <= set(MESSAGES)
    assert message("KeyError", SQL) == MESSAGES["KeyError"]


async def test_the_prompts_follow_the_language_unless_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    given: dict[str, Any] = {"solver": Heard("x").solver, "oracle": TableOracle(tmp_path)}
    named = {language: hidden_tables.Context(**given, language=language).prompt.name for language in ("python", "sql")}
    assert named == {"python": "hidden_tables/solve", "sql": "hidden_tables/solve_sql"}
    own = hidden_tables.Context(**given, language="sql", prompt=load_prompt("hidden_tables/solve"))
    assert (own.prompt.name, own.retry_prompt.name) == ("hidden_tables/solve", "hidden_tables/retry_sql")


async def test_a_box_without_duckdb_runs_no_sql(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="the box of pandas alone runs no SQL"):
        await Library(tmp_path, box="frame").open("t", (), "sql")
    held = await Library(tmp_path).open("t", (), "sql")
    assert held.sealed.arrow
    assert not held.offered


async def test_an_odd_name_is_told_as_sql_writes_it(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "t.sqlite")
    connection.execute('create table "a""b" ("c""d" integer, "e\\f" text)')
    connection.close()
    told = await TableOracle(tmp_path).describe("t", "?", level="types", secret=(), columns=None, language="sql")
    assert told == 'The table "a""b" has these columns:\n- "c""d": text\n- "e\\f": text'


async def test_files_as_spider_and_bird_release_them_are_played_and_judged(oracle: TableOracle, tmp_path: Path) -> None:
    folder = released(tmp_path)
    by_name = (
        'select sum("amount"), "name" from people join orders on people.id = orders.person group by 2 order by 1, 2'
    )
    merged = "t = tables['people'].merge(tables['orders'], left_on='id', right_on='person').groupby('name')['amount']\n"
    frame = "answer = t.sum().reset_index().sort_values(['amount', 'name'])"
    series = "answer = t.sum().sort_values(kind='stable')"
    asked: list[tuple[str, str, str, list[tuple[str, bool | None]]]] = [
        ("spider", "1", "sql", [("select count(*) from people", True), ("select count(*) from orders", False)]),
        ("spider", "2", "sql", [(by_name, True), (by_name.replace("order by 1", "order by 1 desc"), False)]),
        ("spider", "2", "python", [(merged + frame, True), (merged + series, True)]),
        ("spider", "3", "sql", [("select city from people", True), ("select distinct city from people", False)]),
        ("bird", "8", "sql", [("select distinct city from people", True), ("select name from people", False)]),
        ("bird", "9", "sql", [("select 1", None), ("selec", False)]),
    ]
    for shape, id_, language, programs in asked:
        questions = folder / {"spider": "dev.json", "bird": "bird.json"}[shape]
        owner = TableOracle(folder / "database", questions=questions, shape=cast(Any, shape), policy=oracle.policy)
        owner._boxes = oracle._boxes  # the same box
        texts = [program for program, _ in programs]
        given: dict[str, Any] = {"question_id": id_, "earlier": [], "secret": (), "detail": "errors"}
        ran = await owner.run("shop/shop.sqlite", texts, **given, language=cast(Any, language))
        assert [one.correct for one in ran] == [right for _, right in programs], (shape, id_, language)


async def test_of_a_gold_query_nothing_is_told(oracle: TableOracle, tmp_path: Path) -> None:
    folder = released(tmp_path)
    owner = TableOracle(folder / "database", questions=folder / "dev.json", shape="spider", policy=oracle.policy)
    owner._boxes = oracle._boxes
    heard = Heard(sql("selec"), sql("select 1"))
    [row, *_] = games_of(owner)
    context = hidden_tables.Context(solver=heard.solver, oracle=owner, language="sql")
    output = await hidden_tables.graph.ainvoke(cast(Any, row), context=context)
    assert output["correct"] is False
    said = "\n".join(heard.told(number) for number in range(len(heard.requests))) + json.dumps(output)
    assert "count(*)" not in said.lower()
    assert not [cell for cell in ("cyd", "Oslo", "2004-03-12") if cell in said]
    assert '"person" refers to "id" of "people"' in said.replace('\\"', '"')
