"""`dikast rlgf run` and its exports, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = r"""
from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelUnavailable
from dikast.graphs.rewards import rewarding


def letters(request, own):
    if request.completion is not None:
        ids = request.completion if isinstance(request.completion, tuple) else tuple(map(ord, request.completion))
        logprobs = tuple(TokenLogprob(chr(id_), -1.0) for id_ in ids)
        return Reply("".join(map(chr, ids)), "scored", 1, 0, logprobs=logprobs, tokens=ids)
    ids = (ord(own),) * request.sampling.max_tokens
    return Reply("".join(map(chr, ids)), "length", 1, len(ids), tokens=ids)


@scripted
def policy(request):
    return letters(request, "p")


@scripted
def guide(request):
    return letters(request, "g")


@scripted
def away(request):
    raise ModelUnavailable("nobody listens")


@rewarding
def letters_of_guide(prompt, text, reference):
    return text.count("g") / 8
"""
RUN = (
    *("rlgf", "run", "--prompts", "p.csv", "--columns", "prompt=concepts,reference=target", "-o", "run"),
    *("--horizon", "8", "--texts", "4"),
)
MODEL = ("--solver", "scripted:rlgf_models:policy", "--guide", "scripted:rlgf_models:guide")
REWARD = ("--reward", "function:rlgf_models:letters_of_guide")


def told(text: str) -> Any:
    return json.loads(text)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rlgf_models.py").write_text(MODELS)
    Path("p.csv").write_text('concepts,target\n"dog, run",The dog runs.\n"salt, sea",The sea is salty.\n')
    return tmp_path


@pytest.mark.usefixtures("files")
def test_texts_of_two_writers_reported_and_exported(cli: Cli) -> None:
    done = cli(*RUN, *MODEL, *REWARD, "--reference", "scripted:rlgf_models:policy", "--json")
    assert done.code == 0, done.err
    found = told(done.out)
    assert (found["rows"], found["failed"], found["masked_share"], found["kl"]) == (8, 0, 1.0, 0.0)
    assert found["tokens"]["policy"] + found["tokens"]["guide"] == 64
    assert found["reward"] * 8 * 8 == pytest.approx(found["tokens"]["guide"])
    shown = cli("runs", "show", "run", "1")
    assert "log-probability" in shown.out
    exported = cli("runs", "export", "run", "--as", "rollouts", "--json")
    assert exported.code == 0, exported.err
    rows = [told(line) for file in Path("run/export").rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert len(rows) == 8
    for row in rows:
        assert row["env_mask"] == [int(owner == "policy") for owner in row["owners"]]
        assert [chr(id_) for id_ in row["completion_ids"]] == [owner[0] for owner in row["owners"]]
        assert row["reward"] == row["owners"].count("guide") / 8
    for kind in ("value", "sft"):
        assert cli("runs", "export", "run", "--as", kind).code == 0
    assert "mean reward" in cli(*RUN, *MODEL, *REWARD, "--reference", "scripted:rlgf_models:policy").out


@pytest.mark.usefixtures("files")
def test_other_knobs_are_another_run(cli: Cli) -> None:
    assert cli(*RUN, *MODEL, *REWARD, "--beta", "1").code == 0
    other = cli(*RUN, *MODEL, *REWARD, "--beta", "0.5")
    assert (other.code, "beta" in other.err) == (2, True)


@pytest.mark.usefixtures("files")
def test_a_dry_run_counts_calls(cli: Cli) -> None:
    done = cli(*RUN, *MODEL, *REWARD, "--dry-run", "--json")
    assert done.code == 0, done.err
    assert told(done.out)["calls at most"] == 8 * 5
    assert not Path("run").exists()


@pytest.mark.usefixtures("files")
def test_what_is_wrong_is_one_line(cli: Cli) -> None:
    Path("p.csv").write_text("concepts,target\nsalt,\n")
    lacking = cli(*RUN, *MODEL, "--reward", "metric:rougeL")
    assert (lacking.code, "p.csv:2" in lacking.err, "target" in lacking.err) == (1, True, True)
    Path("p.csv").write_text("concepts,target\n ,\n")
    empty = cli(*RUN, *MODEL, *REWARD)
    assert (empty.code, "p.csv:2" in empty.err) == (1, True)
    Path("p.csv").write_text("concepts,target\nsalt,\n")
    away = cli(*RUN, "--solver", "scripted:rlgf_models:away", *MODEL[2:], *REWARD)
    assert (away.code, "nobody listens" in away.err, "Traceback" in away.err) == (4, True, False)
    assert cli("rlgf", "run", *MODEL, *REWARD).code == 2
    assert cli(*RUN, *MODEL, "--reward", "nice").code == 2
    assert cli(*RUN, *MODEL, *REWARD, "--beta", "2").code == 2
    assert cli(*RUN, *MODEL, *REWARD, "--solver-max-tokens", "9").code == 2


@pytest.mark.usefixtures("files")
def test_a_guide_by_text_is_told_of(cli: Cli) -> None:
    by_text = (*MODEL[:2], "--guide", "text+scripted:rlgf_models:guide")
    done = cli(*RUN, *by_text, *REWARD)
    assert (done.code, "two more calls" in done.err) == (0, True)
