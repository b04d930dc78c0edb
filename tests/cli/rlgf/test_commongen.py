"""A file like CommonGen's, concepts and sentences: what was optimised, and measures that were not beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = r"""
from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted

WORDS = ["<end>", "the", "dog", "runs", "a", "frisbee", "boat", "sails", "sea", "on"]


def said(request, words):
    # Token ids are places in the list of words; a sentence of ours, from where the prefix ends.
    if request.completion is not None:
        ids = request.completion
        logprobs = tuple(TokenLogprob(WORDS[id_], -1.0) for id_ in ids)
        return Reply(" ".join(WORDS[id_] for id_ in ids if id_), "scored", 1, 0, logprobs=logprobs, tokens=ids)
    with open("asked.txt", "a") as file:
        file.write(request.messages[-1]["content"] + chr(10))
    done, count = len(request.prefix), request.sampling.max_tokens
    ids = tuple(([WORDS.index(word) for word in words] + [0])[done:][:count]) or (0,)
    text = " ".join(WORDS[id_] for id_ in ids if id_)
    return Reply(text, "stop" if ids[-1] == 0 else "length", 1, len(ids), tokens=ids)


@scripted
def policy(request):
    return said(request, "dog frisbee boat sea dog frisbee".split())        # a list of words: covered, and no sentence


@scripted
def guide(request):
    dog = "frisbee" in request.messages[-1]["content"]
    return said(request, ("the dog runs on a frisbee" if dog else "a boat sails on the sea").split())
"""
RUN = (
    *("rlgf", "run", "--horizon", "7", "--reward", "metric:coverage", "-o", "run", "--json"),
    *("--solver", "scripted:commongen_models:policy", "--guide", "scripted:commongen_models:guide"),
    *("--measures", "coverage,rougeL,bleu,meteor-exact-stem,length"),
)
NAMED = ("--columns", "concepts=words,reference=target")
CSV = """words,target
"dog, frisbee",A dog runs after a frisbee.
"dog, frisbee",The dog catches the frisbee.
"boat, sail, sea",A boat sails on the sea.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("commongen_models.py").write_text(MODELS)
    Path("c.csv").write_text(CSV)
    return tmp_path


def inputs() -> list[dict[str, Any]]:
    return [json.loads(line)["input"] for line in Path("run/rows.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("folder")
def test_what_is_optimised_and_what_is_not(cli: Cli) -> None:
    done = cli(*RUN, "--prompts", "c.csv", *NAMED, "--collector", "ppo")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    # The policy lists words: nearly all is covered, and little of it is what the references say.
    assert told["rows"] == 2
    assert told["optimised"] == "metric:coverage"
    assert told["reward"] == told["measures"]["coverage"]["mean"] == pytest.approx((1 + 2 / 3) / 2)
    assert told["measures"]["length"] == {"mean": 6.0, "n": 2}
    assert 0 < told["measures"]["rougeL"]["mean"] < 0.5
    assert told["own_measures"] == told["measures"]
    assert told["policy_share"] == 1.0
    guided = json.loads(cli(*RUN, "--prompts", "c.csv", *NAMED, "--beta", "1", "-o", "other").out)
    assert guided["policy_share"] < 1
    assert guided["measures"]["rougeL"]["mean"] > told["measures"]["rougeL"]["mean"]
    page = cli(*(one for one in RUN if one != "--json"), "--prompts", "c.csv", *NAMED, "--collector", "ppo").out
    [covered] = [line for line in page.splitlines() if line.startswith("coverage")]
    [rouge] = [line for line in page.splitlines() if line.startswith("rougeL")]
    assert ("yes" in covered, "yes" in rouge) == (True, False)
    assert "policy's share of the tokens" in page


@pytest.mark.usefixtures("folder")
def test_rows_with_the_same_concepts_are_one_prompt_with_all_references(cli: Cli) -> None:
    assert cli(*RUN, "--prompts", "c.csv", *NAMED, "--instruction", "Say it with:").code == 0
    first, second = sorted(inputs(), key=lambda row: row["id"])
    assert first == {
        "id": "1",
        "prompt": "Say it with: dog, frisbee",
        "reference": "A dog runs after a frisbee.",
        "others": ["The dog catches the frisbee."],
        "concepts": ["dog", "frisbee"],
    }
    assert second["concepts"] == ["boat", "sail", "sea"]
    assert "others" not in second
    asked = Path("asked.txt").read_text()
    assert "Say it with: dog, frisbee\n" in asked
    assert "catches" not in asked  # references reach nobody who writes


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "written",
    [
        {"words": ["dog", "frisbee"], "target": ["A dog.", "Frisbees."]},
        {"words": "dog#frisbee", "target": ["A dog.", "Frisbees."]},
        {"words": "dog frisbee", "target": ["A dog.", " ", "Frisbees."]},
        {"words": "['dog', 'frisbee']", "target": ["A dog.", "Frisbees."]},
    ],
)
def test_the_ways_in_which_such_files_write_concepts(cli: Cli, written: dict[str, Any]) -> None:
    Path("c.jsonl").write_text(json.dumps(written))
    assert cli(*RUN, "--prompts", "c.jsonl", *NAMED).code == 0
    [row] = inputs()
    assert (row["concepts"], row["reference"], row["others"]) == (["dog", "frisbee"], "A dog.", ["Frisbees."])
    assert row["prompt"] == "Write one sentence that uses all of these words: dog, frisbee"


@pytest.mark.usefixtures("folder")
def test_what_is_wrong_is_one_line(cli: Cli) -> None:
    def told(*rows: dict[str, Any], flags: tuple[str, ...] = ()) -> tuple[int, str]:
        Path("c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        done = cli(*RUN, "--prompts", "c.jsonl", *flags)
        assert "Traceback" not in done.err
        return done.code, done.err

    code, err = told({"prompt": "Write.", "reference": "x"})
    assert (code, "c.jsonl:1" in err, "concepts" in err) == (1, True, True)
    code, err = told({"concepts": {"dog": 1}, "reference": "x"})
    assert (code, "not a list of texts" in err) == (1, True)
    code, err = told({"concepts": "[dog, frisbee", "reference": "x"})
    assert (code, "not a list" in err) == (1, True)
    code, err = told({"concepts": ["dog"]}, flags=("--reward", "metric:rougeL"))
    assert (code, "reference" in err) == (1, True)
    code, err = told({"concepts": [" "], "reference": "x"})
    assert (code, "missing" in err) == (1, True)
    code, err = told({"concepts": ["dog"]}, flags=("--measures", "beauty"))
    assert (code, "beauty" in err) == (2, True)
