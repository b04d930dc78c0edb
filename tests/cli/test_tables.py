from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import MissingExtraError
from dikast.sandbox import launch
from tests.cli.conftest import Cli
from tests.games import needs_sandbox

ROWS, KILLS = 40, 2
PAUSE = 0.02
"""Seconds between two looks at a journal."""
ROOT = Path(__file__).resolve().parents[2]
MODULE = """
import json, time
from dikast.agents.models.scripted import scripted

def said(request):
    return request.messages[1]["content"].rpartition("Question: ")[2]

@scripted
def counter(request):
    question = said(request)
    if "prose" in question:
        return "I cannot tell."
    if "escape" in question:
        return "```python\\nanswer = '\\x1b[31m' # \\x1b[2J\\n```"
    if "joined" in question:
        return "```python\\nanswer = tables['a'].merge(tables['b'], on='id')['id'].tolist()\\n```"
    if "grouped" in question:
        return "```python\\nanswer = df.groupby('name')['points'].sum()\\n```"
    if "object" in question:
        return "```python\\nanswer = {name: [points] for name, points in zip(df['name'], df['points'])}\\n```"
    if "which" in question:
        return "```python\\nanswer = df['name'].tolist()\\n```"
    return "```python\\nanswer = len(df)\\n```"

@scripted
def slow(request):
    time.sleep(0.02)
    return counter(request)

@scripted
def broken(request):
    return "```python\\nanswer = df['nope']\\n```"

@scripted
def torn(request):
    return (counter if request.sampling.seed % 2 else broken).function(request)

@scripted
def judge(request):
    return json.dumps({"approved": True, "remark": ""})
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table, questions under the user's own names, and a scripted model."""
    needs_sandbox()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "t.csv").write_text("name,points\nsecretann,3\nsecretbob,7\n", encoding="utf-8")
    rows = ["q,t,a", "how many rows?,t,2", "which names?,t,secretann", "how many prose?,t,2", "open?,t,2"]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "gamer").mkdir()
    (tmp_path / "gamer" / "gamer.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "gamer")
    return tmp_path


MINE = ["--questions", "mine.csv", "--columns", "question=q,table=t,answer=a", "--cache", "off"]
RUN = ["tables", "run", *MINE, "--model", "scripted:gamer:counter"]


def test_one_game_in_a_terminal(cli: Cli, files: Path) -> None:
    ran = cli("tables", "play", "--table", "tables/t.csv", "--question", "which names?", "--model",
              "scripted:gamer:counter", "--cache", "off")  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out == "secretann\nsecretbob\n"
    assert "answer = df['name'].tolist()" in ran.err
    assert "at most 4 bits" in ran.err
    assert not (files / "runs").exists()


def test_all_tables_of_a_database_are_joined(cli: Cli, files: Path) -> None:
    """In a terminal and in a run; its report and its export have no labels of one table."""
    with contextlib.closing(sqlite3.connect(files / "tables" / "two.sqlite")) as made, made:
        made.executescript("create table a (id); create table b (id); insert into a values ('secret1'), ('secret2');")
        made.execute("insert into b values ('secret2')")
    play = ["tables", "play", "--table", "tables/two.sqlite", "--model", "scripted:gamer:counter", "--cache", "off"]
    both, one = cli(*play, "--question", "joined?"), cli(*play, "--question", "how many?", "--sheet", "b")
    assert (both.code, both.out) == (0, "secret2\n"), both.err
    assert (one.code, one.out) == (0, "1\n"), one.err
    row = {"id": "1", "question": "joined?", "table": "two", "answer": "secret2"}
    (files / "own.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    ran = cli("tables", "run", "--questions", "own.jsonl", *RUN[-2:], "--cache", "off", "-o", "x", "--json", "--pasted")
    told = json.loads(ran.out)
    assert (ran.code, told["categories"][0]["correct"]) == (0, 1), ran.err
    assert (told["pasted"]["counted"], told["pasted"]["by_rows"][0]["rows"]) == (1, "1 to 10")
    assert cli("runs", "export", "x", "--as", "pyqtax").code == 0
    held = [path.read_bytes() for path in (files / "x").rglob("*") if path.is_file()]
    assert held
    assert all(b"secret2" not in data for data in held)


def test_a_grouped_answer_keeps_its_labels_in_terminal_json_and_rows(cli: Cli, files: Path) -> None:
    play = ["tables", "play", "--table", "tables/t.csv", "--model", "scripted:gamer:counter", "--cache", "off"]
    assert cli(*play, "--question", "grouped?").out == "name\tpoints\nsecretann\t3\nsecretbob\t7\n"
    assert cli(*play, "--question", "an object?").out == "secretann\t3\nsecretbob\t7\n"
    told = json.loads(cli(*play, "--question", "grouped?", "--json").out)
    rows = [["secretann", "3"], ["secretbob", "7"]]
    assert (told["answers"], told["tables"]) == ([["3", "7"]], [{"columns": ["name", "points"], "rows": rows}])
    row = {"id": "1", "question": "grouped?", "table": "t", "answer": {"secretbob": 7, "secretann": 3}}
    (files / "own.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    cli("tables", "run", "--questions", "own.jsonl", "--model", "scripted:gamer:counter", "--cache", "off", "-o", "x",
        "--keep-answers")  # fmt: skip
    turn = json.loads((files / "x" / "rows.jsonl").read_text(encoding="utf-8").splitlines()[-1])["output"]["turns"][0]
    assert (turn["correct"], turn["answer"], turn["table"]["rows"]) == (True, ["3", "7"], rows)
    assert "secretbob | 7" in cli("runs", "show", "x", "1").out


def test_how_a_file_is_written_may_be_told(cli: Cli, files: Path) -> None:
    (files / "e.csv").write_text("Preise\nname;points;since\nann;1.250;03/04/2005\nbob;0,5;x\n", encoding="utf-8")
    (files / "gamer" / "euro.py").write_text(
        "from dikast.agents.models.scripted import scripted\n@scripted\ndef solve(request):\n"
        '    return \'```python\\nanswer = [df["points"].sum(), str(df["since"][0].date())]\\n```\'\n',
        encoding="utf-8",
    )
    play = ["tables", "play", "--table", "e.csv", "--model", "scripted:euro:solve", "--cache", "off", "--question", "?"]
    asked = ["--delimiter", ";", "--skip-rows", "1", "--decimal", ",", "--dayfirst", "--types", "since=date"]
    told = cli(*play, *asked)
    assert (told.code, told.out) == (0, "1250.5\n2005-04-03\n"), told.err
    assert "column 'since': 1 cells are not to be read as date and are missing" in told.err
    assert "decimal and thousands are both" in cli(*play, "--decimal", ",", "--thousands", ",").err


def test_a_game_with_a_follow_up_and_without_an_answer(cli: Cli) -> None:
    asked = ["--question", "how many?", "--question", "prose", "--json"]
    ran = cli("tables", "play", "--table", "tables/t.csv", *asked, "--model", "scripted:gamer:counter",
              "--critic", "scripted:gamer:judge", "--cache", "off")  # fmt: skip
    assert ran.code == 1
    told = json.loads(ran.out)
    assert told["answers"] == [["2"], None]
    assert [turn["status"] for turn in told["turns"]] == ["ok", "no_code"]


def test_neither_a_program_nor_its_answer_nor_an_error_drives_the_terminal(cli: Cli) -> None:
    played = cli(
        "tables", "play", "--table", "tables/t.csv", "--question", "escape?", "--model", "scripted:gamer:counter"
    )
    assert (played.code, "answer = " in played.err, "[31m" in played.out) == (0, True, True)
    wrong = cli("tables", "play", "--table", "tables/\x1b[31m.csv", "--question", "?")
    assert "no such file" in wrong.err
    assert "\x1b" not in played.out + played.err + wrong.err


def test_a_users_own_questions(cli: Cli, files: Path) -> None:
    ran = cli(*RUN, "-o", "x", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    whole = told["categories"][0]
    assert (whole["asked"], whole["judged"], whole["correct"], whole["accuracy"]) == (4, 4, 2, 0.5)
    assert whole["statuses"] == {"ok": 3, "no_code": 1}
    assert told["summary"]["outcomes"] == {"ok": 3, "unparsed": 1}
    manifest = json.loads((files / "x" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["sandbox"]["tier"] in ("bwrap+landlock+seccomp", "landlock+seccomp")
    # Neither cells nor answers are in the run folder, but where they are asked for.
    assert all("secretann" not in path.read_text("utf-8") for path in (files / "x").rglob("*") if path.is_file())
    cli(*RUN, "-o", "y", "--keep-answers")
    assert "secretann" in (files / "y" / "rows.jsonl").read_text(encoding="utf-8")


def test_a_table_by_category(cli: Cli) -> None:
    lines = cli(*RUN, "-o", "x").out.splitlines()
    assert lines[0].split("\t") == ["label", "value", "asked", "judged", "right", "accuracy", "ok", "no_code"]
    assert "lead\thow many\t2\t2\t1\t0.500\t1\t1" in lines


def test_a_games_story(cli: Cli) -> None:
    cli(*RUN, "-o", "x", "--critic", "scripted:gamer:judge")
    story = cli("runs", "show", "x", "1").out  # by id: a row without one is called after its place
    for told in ("how many rows?", "answer = len(df)", "sandbox:", "ran: ok", "critic approves", "answer right"):
        assert told in story, told
    assert "told: no_code, 0 bits" in cli("runs", "show", "x", "3").out


def test_the_same_command_again_asks_nobody_and_others_are_refused(cli: Cli, files: Path) -> None:
    cli(*RUN, "-o", "x")
    before = (files / "x" / "rows.jsonl").read_bytes()
    again = cli(*RUN, "-o", "x")
    assert again.code == 0
    assert (files / "x" / "rows.jsonl").read_bytes() == before
    other = cli(*RUN, "-o", "x", "--feedback", "outcome")
    assert other.code == 2
    assert "feedback was" in other.err
    (files / "tables" / "t.csv").write_text("name,points\nx,1\n", encoding="utf-8")
    assert "oracle.tables" in cli(*RUN, "-o", "x").err


def test_a_program_that_raises_is_a_failed_row_that_can_be_done_again(cli: Cli) -> None:
    broken = ["tables", "run", *MINE, "--limit", "1", "--model", "scripted:gamer:broken", "-o", "x"]
    assert cli(*broken).code == 3
    retried = cli("runs", "retry", "x", "--cache", "off")
    assert retried.code == 3
    assert "1 error" in retried.err


def test_preview_and_dry_run_leave_nothing_behind(cli: Cli, files: Path) -> None:
    owed = json.loads(cli(*RUN, "--dry-run", "--json", "-o", "x").out)
    assert (owed["rows owed"], owed["solver calls at most"]) == (4, 12)
    assert "question 1: how many rows?" in cli(*RUN, "--preview", "1", "-o", "x").out
    assert not (files / "x").exists()


def test_settings_from_a_file(cli: Cli, files: Path) -> None:
    (files / "run.toml").write_text('rounds = 1\nfeedback = "status"\nlimit = 1\n', encoding="utf-8")
    told = json.loads(cli(*RUN, "--config", "run.toml", "-o", "x", "--json").out)
    assert told["categories"][0]["asked"] == 1
    context = json.loads((files / "x" / "manifest.json").read_text(encoding="utf-8"))["context"]
    assert (context["rounds"], context["feedback"]) == (1, "status")


def test_what_is_wrong_is_told_before_anything_runs(cli: Cli, files: Path) -> None:
    assert "no questions" in cli("tables", "run").err
    (files / "bad.csv").write_text("question,table\nhow many?,nope\n", encoding="utf-8")
    bad = cli("tables", "run", "--questions", "bad.csv", "--model", "scripted:gamer:counter")
    assert bad.code == 1
    assert "no table is called 'nope'" in bad.err
    assert "temperature" in cli(*RUN, "--samples", "3").err
    assert cli("tables", "play", "--table", "gone.csv", "--question", "?").code == 1
    assert "an empty question" in cli("tables", "play", "--table", "tables/t.csv", "--question", " ").err
    (files / "none.csv").write_text("question,table\n", encoding="utf-8")
    assert "none.csv: no question" in cli("tables", "run", "--questions", "none.csv").err
    typo = cli("tables", "run", "--questions", "mine.csv", "--columns", "question=q,table=t,answer=gold")
    assert (typo.code, "field 'gold': no such column, wanted as 'answer'" in typo.err) == (1, True)


def test_no_sandbox_is_one_line(cli: Cli, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: object, **named: object) -> object:
        raise MissingExtraError("bubblewrap 0.8 or newer", hint="apt install bubblewrap")

    monkeypatch.setattr(launch, "start", none)
    for command in (RUN, ["tables", "play", "--table", "tables/t.csv", "--question", "?", *RUN[-2:], "--cache", "off"]):
        ran = cli(*command)
        assert ran.code == 4
        assert ran.err.count("no program is run") == 1
        assert "apt install bubblewrap" in ran.err
        assert "Traceback" not in ran.err
    assert not (files / "runs").exists()


def test_pyqtax(cli: Cli, files: Path) -> None:
    cli(*RUN, "-o", "x", "--keep-answers")
    ran = cli("runs", "export", "x", "--as", "pyqtax", "--license", "cc-by-sa-4.0")
    assert ran.code == 0, ran.err
    folder = files / "x" / "export" / "pyqtax"
    [lines] = folder.glob("*.jsonl")
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert [row["answer"] for row in rows] == [["2"], ["secretann", "secretbob"], None, ["2"]]
    assert [row["correct"] for row in rows] == [True, False, False, True]
    pyarrow: Any = pytest.importorskip("pyarrow.parquet")
    assert pyarrow.read_table(folder / "data" / f"{lines.stem}-00000-of-00001.parquet").to_pylist() == rows
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert 'license: "cc-by-sa-4.0"' in card
    assert f"  - split: {lines.stem}\n    path: data/{lines.stem}-*.parquet" in card
    assert "| `correct` | boolean | whether it is the gold answer" in card


@pytest.mark.parametrize("kind", ["sft", "preference", "unpaired", "value", "rac"])
def test_games_become_training_rows_without_an_answer(cli: Cli, files: Path, kind: str) -> None:
    """Of two samples one is right; the run kept the answers, and none of them is in a row."""
    given = ["--seed", "1", "--solver-temperature", "1", "--samples", "2", "--keep-answers", "-o", "x"]
    ran = cli("tables", "run", *MINE, "--model", "scripted:gamer:torn", *given)
    assert ran.code in (0, 3), ran.err
    exported = cli("runs", "export", "x", "--as", kind, "--json")
    assert exported.code == 0, exported.err
    told = json.loads(exported.out)
    folder = files / "x" / "export" / kind
    [split] = told["rows"]
    rows = [json.loads(line) for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == told["rows"][split] > 0
    assert all(b"secretann" not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    right, wrong = ("```python\nanswer = len(df)\n```", "```python\nanswer = df['nope']\n```")
    assert rows[0]["prompt"][1]["content"].endswith("Question: how many rows?")
    if kind == "preference":
        assert (rows[0]["chosen"][0]["content"], rows[0]["rejected"][0]["content"]) == (right, wrong)
    elif kind == "rac":
        assert (rows[0]["completion"][0]["content"], rows[0]["prompt"][2]["content"]) == (right, wrong)
    else:
        assert right in [row["completion"][0]["content"] for row in rows]
    pyarrow: Any = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.read_table(folder / "data" / f"{split}-00000-of-00001.parquet")
    assert table.to_pylist() == rows
    assert str(table.schema.field("prompt").type).startswith("list<")


def test_answers_are_judged_under_their_own_name_and_their_lack_is_told(cli: Cli, files: Path) -> None:
    row = {"question": "how many?", "table": "t"}
    given = ["--questions", "own.jsonl", "--model", "scripted:gamer:counter", "--cache", "off", "--dry-run"]
    (files / "own.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert "no question has an answer to judge by" in cli("tables", "run", *given).err
    (files / "own.jsonl").write_text(json.dumps({**row, "answer": "2"}) + "\n", encoding="utf-8")
    assert "no question has an answer" not in cli("tables", "run", *given).err


def test_pyqtax_is_made_of_games_only(cli: Cli) -> None:
    cli("genqr", "run", "--collection", "sample", "--limit", "1", "--model", "scripted:script:shout", "-o", "g")
    assert "a run of genqr" in cli("runs", "export", "g", "--as", "pyqtax").err


def job(files: Path, *more: str) -> list[str]:
    (files / "many.jsonl").write_text(
        "".join(
            json.dumps({"id": str(n), "question": f"how many {n}?", "table": "t", "target": ["2"]}) + "\n"
            for n in range(ROWS)
        ),
        encoding="utf-8",
    )
    fixed = ["--questions", "many.jsonl", "--model", "scripted:gamer:slow", "--cache", "off", "-o", "x"]
    return [sys.executable, "-m", "dikast.cli", "tables", "run", *fixed, *more]


def lines(files: Path) -> int:
    path = files / "x" / "rows.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def sandboxed(parent: int) -> dict[str, int]:
    """A bubblewrap and a zygote below a process, by their kind; the zygote alone where there is no bubblewrap."""
    children: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        children.setdefault(int(rest.split()[1]), []).append((int(path.parent.name), name))
    found: dict[str, int] = {}
    ahead = [parent]
    while ahead:
        below = [child for one in ahead for child in children.get(one, [])]
        for process, name in below:
            found.setdefault("bwrap" if name == "bwrap" else "zygote", process)
        ahead = [process for process, _ in below]
    return found


@pytest.mark.parametrize("victim", ["zygote", "bwrap", "oracle"])
def test_kill_9_in_the_middle_of_games(files: Path, victim: str) -> None:
    """The job goes on (after the oracle's end: by the same command again), nothing is lost or counted twice."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{files / 'gamer'}", "DIKAST_CACHE": str(files / "cache")}
    process = subprocess.Popen(job(files), cwd=files, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    kills, wanted = 0, 1 if victim == "oracle" else KILLS
    while process.poll() is None and kills < wanted:
        if lines(files) >= 10 * (kills + 1):
            below = sandboxed(process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid if victim == "oracle" else below.get(victim, below["zygote"]), signal.SIGKILL)
                kills += 1
        time.sleep(PAUSE)
    _, errors = process.communicate(timeout=120)
    assert kills == wanted, errors
    if victim == "oracle":
        assert process.returncode == -signal.SIGKILL
        assert lines(files) < ROWS
        again = subprocess.run(job(files), cwd=files, env=environment, capture_output=True, check=False)
        assert again.returncode == 0, again.stderr
    else:
        assert process.returncode == 0, errors
    journal = (files / "x" / "rows.jsonl").read_bytes().split(b"\n")[:-1]
    records = [json.loads(line) for line in journal]
    assert Counter(Counter(record["key"] for record in records).values()) == {1: ROWS}
    assert all(record["output"]["correct"] is True for record in records)
