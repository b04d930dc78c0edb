"""What every run command does, tried on 'genqr run': files in, settings, resuming, previews."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.solver import load_solver
from dikast.graphs import genqr
from dikast.retrieval.load import load_retriever
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures


@pytest.mark.parametrize("mode", ["ensemble", "fusion"])
def test_a_users_own_files(cli: Cli, files: dict[str, Path], tmp_path: Path, mode: str) -> None:
    ran = cli(*arguments(files, "--mode", mode, "-o", "out"))
    assert ran.code == 0, ran.err
    assert "nDCG@10\t2\t" in ran.out
    before = (tmp_path / "out/export/before.run").read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "out/export/after.run").read_text(encoding="utf-8").splitlines()
    assert before[0].split()[:4] == ["q1", "Q0", "d1", "1"]
    assert len(after) > len(before)


def test_the_same_command_again_asks_nobody(cli: Cli, files: dict[str, Path]) -> None:
    assert "20 calls" in cli(*arguments(files, "--cache", "off")).err
    again = cli(*arguments(files, "--cache", "off"))
    assert again.code == 0
    assert "20 calls" in again.err


def test_another_weighting_asks_nobody(cli: Cli, files: dict[str, Path]) -> None:
    cli(*arguments(files, "-o", "one"))
    other = cli(*arguments(files, "-o", "two", "--combination", "mix", "--mixing", "0.2", "--json"))
    usage = json.loads(other.out)["summary"]["usage"]["solver"]
    # Two queries of ten instructions: the replies are all in the cache.
    assert usage.get("calls", 0) == 0
    assert usage["cached_calls"] == 20


def test_other_settings_in_the_same_folder_are_refused(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    cli(*arguments(files, "-o", "x"))
    refused = cli(*arguments(files, "-o", "x", "--max-terms", "5"))
    assert refused.code == 2
    assert "max_terms was 1024, is now 5" in refused.err
    assert cli(*arguments(files, "-o", "x", "--max-terms", "5", "--force-new")).code == 0
    assert (tmp_path / "x.old-1").is_dir()


def test_failed_rows_make_exit_code_3_and_can_be_retried(cli: Cli, files: dict[str, Path]) -> None:
    failed = cli(*arguments(files, "-o", "x", "--model", "scripted:script:slow"))
    assert failed.code == 3
    assert "2 timeout" in failed.err
    assert "dikast runs retry x" in failed.err
    retried = cli("runs", "retry", "x")
    assert retried.code == 3
    listed = json.loads(cli("runs", "list", ".", "--json").out)
    assert [(run["asked"], run["outcomes"]) for run in listed] == [(2, {"timeout": 2})]


def test_preview_and_dry_run_leave_nothing_behind(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    as_json = json.loads(cli(*arguments(files, "--preview", "2", "-o", "x", "--json")).out)
    assert [row["input"]["qid"] for row in as_json] == ["q1", "q2"]
    shown = cli(*arguments(files, "--preview", "1", "-o", "x"))
    assert "keywords by instruction" in shown.out
    owed = json.loads(cli(*arguments(files, "--dry-run", "--json", "--price", "1,2", "-o", "x")).out)
    assert (owed["rows owed"], owed["calls at most"], owed["output tokens at most"]) == (2, 20, 800)
    assert owed["cost at most, about"] == pytest.approx((owed["input tokens, about"] + 1600) / 1e6)
    assert not (tmp_path / "x").exists()


def test_settings_flag_over_environment_over_config_over_project_file(
    cli: Cli, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_model = arguments(files)[:-2]

    def solver_of(*more: str) -> str:
        cli(*without_model, "--force-new", "-o", "x", *more)
        manifest = json.loads((tmp_path / "x/manifest.json").read_text(encoding="utf-8"))
        return f"{manifest['context']['solver']} {manifest['context']['mode']}"

    (tmp_path / "dikast.toml").write_text('[genqr.run]\nmode = "fusion"\nsolver = "scripted:script:noise"\n')
    assert solver_of() == "scripted:script:noise fusion"
    (tmp_path / "run.toml").write_text('mode = "ensemble"\nsolver = "scripted:script:slow"\n')
    assert solver_of("--config", "run.toml") == "scripted:script:slow ensemble"
    monkeypatch.setenv("DIKAST_SOLVER", "scripted:script:driver")
    assert solver_of("--config", "run.toml") == "scripted:script:driver ensemble"
    assert solver_of("--config", "run.toml", "--solver", "scripted:script:shout") == "scripted:script:shout ensemble"


def test_a_config_with_a_typo_is_told(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('mdoe = "fusion"\n', encoding="utf-8")
    ran = cli(*arguments(files, "--config", "run.toml"))
    assert (ran.code, "run.toml: field 'mdoe'" in ran.err, "'mode'" in ran.err) == (1, True, True)
    (tmp_path / "run.toml").write_text("mode = \n", encoding="utf-8")
    assert "not TOML" in cli(*arguments(files, "--config", "run.toml")).err


def test_a_method_is_settings_that_flags_override(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    def made(*more: str) -> dict[str, Any]:
        ran = cli(*arguments(files, "--force-new", "-o", "x", *more))
        assert ran.code == 0, ran.err
        manifest = json.loads((tmp_path / "x/manifest.json").read_text(encoding="utf-8"))
        return manifest["context"]

    mugi = made("--method", "mugi")
    assert (mugi["samples"], mugi["combination"], mugi["reply"]) == (5, "mugi", "passage")
    assert mugi["sampling"]["max_tokens"] == 1024
    fewer = made("--method", "mugi", "--samples", "2", "--solver-temperature", "0")
    assert (fewer["samples"], fewer["combination"]) == (2, "mugi")
    assert (fewer["sampling"]["max_tokens"], fewer["sampling"]["temperature"]) == (1024, 0)
    (tmp_path / "dikast.toml").write_text('[genqr.run]\nsamples = 3\nmethod = "mugi"\n', encoding="utf-8")
    assert made()["samples"] == 3
    (tmp_path / "own.txt").write_text("# mine\nWrite an abstract\n", encoding="utf-8")
    assert made("--instructions", "own.txt")["instructions"] == ["Write an abstract"]


def test_the_commands_defaults_are_the_graphs(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    assert cli(*arguments(files, "-o", "x")).code == 0
    manifest = json.loads((tmp_path / "x/manifest.json").read_text(encoding="utf-8"))
    plain = genqr.Context(solver=load_solver("scripted:script:shout"), retriever=load_retriever("bm25:x"))
    told = json.loads(plain.model_dump_json())
    assert {**manifest["context"], "retriever": told["retriever"]} == told


def test_a_run_over_a_batch_service_goes_out_comes_back_and_ends(cli: Cli, tmp_path: Path) -> None:
    """What `vllm run-batch` would do in between is a real one's work in the engine lane."""
    model = "batch:owed?model=server:http://127.0.0.1:1/v1#m"
    run = ["genqr", "run", "--collection", "sample", "--model", model, "--limit", "2", "-n", "3", "--out", "run"]
    assert cli(*run).code == 3
    asked = [json.loads(line) for line in (tmp_path / "owed" / "owed.jsonl").read_text().splitlines()]
    assert len(asked) == 6
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "battery, engine"}}
    body = {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}
    lines = [{"custom_id": one["custom_id"], "response": {"status_code": 200, "body": body}} for one in asked]
    results = tmp_path / "results.jsonl"
    results.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert json.loads(cli("models", "import", "owed", "results.jsonl", "--json").out) == {
        "replies": 6,
        "refused": 0,
        "owed": 0,
    }
    assert cli("runs", "retry", "run").code == 0
    assert json.loads(cli("runs", "show", "run", "--json").out)["outcomes"] == {"ok": 2}
    results.write_text('{"custom_id": "somebody-elses"}\n')
    foreign = cli("models", "import", "owed", "results.jsonl")
    assert (foreign.code, "has not asked" in foreign.err) == (1, True)
