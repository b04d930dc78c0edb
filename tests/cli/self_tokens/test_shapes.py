"""Users' files of the three shapes: documents with summaries, questions with answers, word problems with solutions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = """
from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted


def said(request):
    # What a small model says: a document's first sentence, a wrong result, and the right one when it is asked again.
    asked, again = request.messages[0]["content"], len(request.messages) > 1
    if "Summarise" in asked:
        document = asked.partition("\\n\\n")[2]
        return "The mayor has opened a library." if again else document.split(".")[0] + "."
    if "apples" in asked:
        return "3 + 4 = 7 apples, of 9" if not again else "It has 7 left."
    return "A spider has eight legs." if again else "Six."


@scripted
def small(request):
    with open("asked.txt", "a") as file:
        file.write(request.messages[-1]["content"] + "\\n")
    if request.completion is not None:
        given = request.completion
        ids = tuple(range(1, 1 + len(given.split()))) if isinstance(given, str) else given
        logprobs = tuple(TokenLogprob(str(one), -1.0) for one in ids)
        return Reply("x", "scored", 1, 0, logprobs=logprobs, tokens=ids)
    text = said(request)
    ids = tuple(range(101, 101 + min(request.sampling.max_tokens, len(text.split()))))
    ended = len(text.split()) < request.sampling.max_tokens
    told = (*ids, 0) if ended else ids
    return Reply(text, "stop" if ended else "length", 1, len(told), tokens=told)
"""
SUMMARIES = """document,summary
"The mayor came at noon. She opened the new library, and spoke of its cost.",The mayor opened a library.
"Two boats met in the fog. Nobody was hurt, though one of them sank.",A boat sank in the fog.
"""
QUESTIONS = [{"question": "How many legs has a spider?", "answer": "A spider has eight legs."}]
MATHS = [
    {
        "question": "A box has 3 apples, and 4 apples are put in. How many apples are there of 9 wanted?",
        "solution": "There are 3 + 4 = 7 apples of the 9.",
        "answer": 7,
    }
]
SECRET = "of the 9."
"""In a reference alone."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("shapes.py").write_text(MODELS)
    Path("summaries.csv").write_text(SUMMARIES)
    for name, rows in (("questions", QUESTIONS), ("maths", MATHS)):
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def lines(pattern: str) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(Path().glob(pattern)) for line in file.read_text().splitlines()]


SHAPES: dict[str, tuple[str, ...]] = {
    "summaries": (
        *("--questions", "summaries.csv", "--columns", "prompt=document,reference=summary"),
        *("--instruction", "Summarise this in a sentence."),
    ),
    "questions": ("--questions", "questions.jsonl", "--columns", "prompt=question,reference=answer"),
    "maths": (
        *("--questions", "maths.jsonl", "--columns", "prompt=question,reference=solution"),
        *("--match", "number"),
    ),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("shape", "rows"), [("summaries", 2), ("questions", 1), ("maths", 1)])
def test_a_file_of_each_shape_becomes_rows_of_both_methods(cli: Cli, shape: str, rows: int) -> None:
    done = cli(
        "self-tokens", "run", *SHAPES[shape], "--solver", "scripted:shapes:small", "--p", "1", "-o", "x", "--json"
    )
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["rows"], told["failed"], told["answers"]["asked"], told["answers"]["right"]) == (rows, 0, rows, 0)
    assert 0 <= told["answers"]["nearness"] < 1
    for made in ("bash", "rac"):
        exported = cli("runs", "export", "x", "--as", made)
        assert exported.code == 0, exported.err
    bash, rac = lines("x/export/bash/*.jsonl"), lines("x/export/rac/*.jsonl")
    assert len(bash) == rows
    for row in bash:
        assert row["labels"] == list(range(1, 1 + len(row["labels"])))  # the reference's words
        assert len(row["input_ids"]) == len(row["own"]) == len(row["labels"])
        assert any(row["own"])
    assert {row["right"] for row in rac if row["correction"]} == {False}
    asked = Path("asked.txt").read_text()
    if shape == "summaries":
        assert asked.count("Summarise this in a sentence.\n\nThe mayor came") > 1
        assert "Summarise" in bash[0]["prompt"][0]["content"]  # a row is trained on as it was asked
        assert {row["completion"][0]["content"] for row in rac} == {
            "The mayor opened a library.",
            "A boat sank in the fog.",
        }
    assert SECRET not in asked


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("shape", "fixed", "nearer"), [("summaries", 0, True), ("questions", 1, True), ("maths", 1, False)]
)
def test_a_second_pass_over_a_file_of_each_shape(cli: Cli, shape: str, fixed: int, nearer: bool) -> None:
    done = cli("self-tokens", "correct", *SHAPES[shape], "--solver", "scripted:shapes:small", "-o", "y", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["answers"]["fixed"]["count"] == fixed
    assert (told["nearness"]["correction"] > told["nearness"]["draft"]) == nearer
    assert SECRET not in Path("asked.txt").read_text()


@pytest.mark.usefixtures("folder")
def test_a_result_that_stands_apart_is_what_counts(cli: Cli) -> None:
    """The solution ends with another number than its result: by the reference alone the wrong answer would be right."""
    command = ("self-tokens", "correct", *SHAPES["maths"], "--solver", "scripted:shapes:small", "--json")
    told = json.loads(cli(*command, "-o", "with").out)["answers"]
    assert (told["right before"]["count"], told["right after"]["count"]) == (0, 1)
    bare = [{name: value for name, value in row.items() if name != "answer"} for row in MATHS]
    Path("maths.jsonl").write_text("".join(json.dumps(row) + "\n" for row in bare))
    told = json.loads(cli(*command, "-o", "without").out)["answers"]
    assert (told["right before"]["count"], told["right after"]["count"]) == (1, 0)
