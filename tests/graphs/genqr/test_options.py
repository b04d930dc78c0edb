"""The files and flags of 'dikast genqr run': what is read, what is refused, and how."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli, cli

__all__ = ["cli", "files"]  # the fixtures


def test_columns_of_a_users_csv(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    files["topics.tsv"] = tmp_path / "topics.csv"
    files["topics.tsv"].write_text('number,question\nq1,"dead car, in winter"\n', encoding="utf-8")
    ran = cli(*arguments(files, "--columns", "query=question,qid=number"))
    assert ran.code == 0, ran.err
    wrong = cli(*arguments(files, "--columns", "query=frage", "-o", "y"))
    assert "field 'frage'" in wrong.err
    assert "question" in wrong.err


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("corpus.jsonl", b"", ["corpus.jsonl"]),
        ("corpus.jsonl", b'{"id": "a", "contents": "x"}\n{"id": "a", "contents": "y"}\n', ["corpus.jsonl:2", "'a'"]),
        ("corpus.jsonl", b'{"id": "a", "contents": "\xff\xfe"}\n', ["corpus.jsonl:1", "UTF-8"]),
        ("corpus.jsonl", b'{"id": "a"}\n', ["corpus.jsonl:1", "contents"]),
        ("corpus.jsonl", b'{"id": "a", "contents": "x"}\n{"id": "b", "cont', ["corpus.jsonl:2"]),
        ("corpus.jsonl", gzip.compress(b'{"id": "a"}', mtime=0)[:-4], ["corpus.jsonl"]),
        ("topics.tsv", b"", ["topics.tsv"]),
        ("topics.tsv", b"q1 no tab here\n", ["topics.tsv:1"]),
        ("topics.tsv", b"q1\ta\nq1\tb\n", ["topics.tsv:2", "q1"]),
        ("topics.tsv", b"\xff\xfe\n", ["topics.tsv:1", "UTF-8"]),
        ("qrels.txt", b"q1 0 d1 2 surplus\n", ["qrels.txt:1"]),
        ("qrels.txt", b"q1 0 d1 high\n", ["qrels.txt:1"]),
        ("qrels.txt", b"other 0 d1 1\n", ["qrels.txt", "query ids"]),
    ],
)
def test_broken_files_are_told_in_one_line(
    cli: Cli, files: dict[str, Path], name: str, content: bytes, told: list[str]
) -> None:
    files[name].write_bytes(content)
    ran = cli(*arguments(files))
    assert ran.code in (1, 2), ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    lines = [line for line in ran.err.splitlines() if not line.startswith("note:")]
    assert len(lines) <= 2, lines
    for word in told:
        assert word in ran.err


@pytest.mark.parametrize("missing", ["corpus.jsonl", "topics.tsv", "qrels.txt"])
def test_a_file_that_is_not_there(cli: Cli, files: dict[str, Path], missing: str) -> None:
    files[missing].unlink()
    ran = cli(*arguments(files))
    assert ran.code in (1, 2)
    assert missing in ran.err


def test_a_document_of_10_megabytes(cli: Cli, files: dict[str, Path]) -> None:
    big = {"id": "big", "contents": "winter amperage " * 650_000}
    with files["corpus.jsonl"].open("a", encoding="utf-8") as file:
        file.write(json.dumps(big) + "\n")
    assert cli(*arguments(files)).code == 0


@pytest.mark.parametrize("text", ["the of and", 'title:"car" AND (x^2 OR y~) [a TO b] {"', "?", "x" * 10_000])
def test_queries_that_break_other_tools(cli: Cli, files: dict[str, Path], text: str) -> None:
    files["topics.tsv"].write_text(f"q1\t{text}\n", encoding="utf-8")
    ran = cli(*arguments(files))
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--model", "opnvino:x"], 2, "did you mean 'openvino:'"),
        (["--model", "openvino:smollm"], 2, "smollm2-135m"),
        (["--model", "server:http://127.0.0.1:9/v1#m?retries=0"], 4, "127.0.0.1:9"),
        (["--model", "server:nonsense"], 2, "http://host:8000/v1"),
        (["--model", "scripted:script:nobody"], 2, "nobody"),
        (["--mode", "magic"], 2, "magic"),
        (["--mixing", "2"], 2, "mixing"),
        (["--measures", "nDGC@10"], 2, "nDGC@10"),
        (["--price", "free"], 2, "IN,OUT"),
        (["--instructions", "absent.txt"], 1, "absent.txt"),
        (["--instructions", "corpus.jsonl"], 1, "ending in .txt"),
        (["--instructions", "empty.txt"], 1, "empty.txt: no instruction"),
        (["--instructions", "latin.txt"], 1, "latin.txt: not UTF-8 at byte 4"),
        (["-n", "11"], 2, "there are 10 instructions"),
        (["--method", "magic"], 2, "magic"),
        (["--method", "qa_expand", "--instructions", "own.txt"], 2, "makes its own questions"),
        (["--weights", "1,2", "--mode", "fusion"], 2, "2 weights for 10 rankings"),
        (["--weights", "a"], 2, "write numbers"),
        (["--samples", "7"], 2, "70 reformulations of a query: 64 at most"),
    ],
)
def test_wrong_options_are_told(
    cli: Cli, files: dict[str, Path], tmp_path: Path, more: list[str], code: int, told: str
) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes(b"R\xc3\xa9v\xe9")
    ran = cli(*arguments(files, *more))
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


@pytest.mark.parametrize("kind", ["pseudo", "oracle", "critic"])
def test_feedback(cli: Cli, files: dict[str, Path], kind: str) -> None:
    ran = cli(*arguments(files, "--feedback", kind, "--critic", "scripted:script:grader", "-o", "x"))
    assert ran.code == 0, ran.err
    row = json.loads(cli("runs", "show", "x", "q1", "--json").out)
    used = [one["docid"] for one in row["output"]["feedback"] if one["used"]]
    assert used[0] == "d1"
    assert ("critic" in row["usage"]) == (kind == "critic")
    assert "given context" in cli("runs", "show", "x", "q1").out


def test_combinations_weights_and_choice_from_the_command_line(cli: Cli, files: dict[str, Path]) -> None:
    fused = ["--mode", "fusion", "-n", "2", "--with-original", "--weights", "1,0,2", "-o", "f"]
    assert cli(*arguments(files, *fused)).code == 0
    output = json.loads(cli("runs", "show", "f", "q1", "--json").out)["output"]
    assert len(output["queries"]) == 3
    chosen = ["--select", "judge", "--judge", "scripted:script:lenient", "--distinct", "1", "-o", "c"]
    assert cli(*arguments(files, *chosen)).code == 0
    story = cli("runs", "show", "c", "q1").out
    assert "chosen by judge" in story
    assert "near-duplicate of reformulation 1" in story
    assert cli(*arguments(files, "--fluent", "--combination", "lamer", "-o", "l")).code == 0
    assert "fluent query for people" in cli("runs", "show", "l", "q1").out


def test_an_oracle_needs_judgments(cli: Cli, files: dict[str, Path]) -> None:
    given = arguments({name: path for name, path in files.items() if name != "qrels.txt"}, "--feedback", "oracle")
    ran = cli(*given)
    assert (ran.code, "--qrels" in ran.err) == (2, True)


def test_a_retriever_of_ones_own_takes_the_corpus_place(cli: Cli, files: dict[str, Path]) -> None:
    both = cli(*arguments(files, "--retriever", "bm25:corpus.jsonl"))
    assert (both.code, "--corpus says nothing beside --retriever" in both.err) == (2, True)
    without = {name: path for name, path in files.items() if name != "corpus.jsonl"}
    wrong = cli(*arguments(without, "--retriever", "bm52:corpus.jsonl"))
    assert (wrong.code, "bm25" in wrong.err) == (2, True), wrong.err
    assert cli(*arguments(without, "--retriever", "bm25:corpus.jsonl")).code == 0
