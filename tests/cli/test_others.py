from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_unknown_commands_and_flags_are_usage_errors(cli: Cli) -> None:
    assert cli("genrq").code == 2
    assert cli("genqr", "run", "--moed", "fusion").code == 2
    assert cli("runs", "show").code == 2


def test_the_version(cli: Cli) -> None:
    assert cli("--version").out.startswith("dikast 0.")


def test_graphs(cli: Cli) -> None:
    assert "genqr\tdikast.graphs.genqr:graph" in cli("graphs", "list").out
    told = json.loads(cli("graphs", "show", "genqr", "--json").out)
    assert "reformulate --> sift" in told["mermaid"]
    assert told["input"]["required"] == ["query"]
    assert "solver" in told["context"]["properties"]
    assert "genqr" in cli("graphs", "show", "geqnr").err


def test_models_list_and_check(cli: Cli) -> None:
    told = json.loads(cli("models", "list", "--json").out)
    assert told["embedded"][0]["spec"] == "openvino:smollm2-135m"
    good = cli("models", "check", "scripted:script:shout", "--json")
    assert (good.code, json.loads(good.out)[0]["ok"]) == (0, True)
    bad = cli("models", "check", "scripted:script:shout", "server:http://127.0.0.1:9/v1#m?retries=0", "nope:x")
    assert bad.code == 4
    assert "127.0.0.1:9" in bad.out
    assert "nope" in bad.out


def test_a_model_that_has_not_been_pulled_is_told(cli: Cli) -> None:
    ran = cli("genqr", "run", "--collection", "sample", "--model", "openvino:smollm2-135m")
    assert ran.code == 4
    assert "dikast models pull smollm2-135m" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("size", [3, 1000, 5_000_000])
def test_a_broken_gguf_is_told(cli: Cli, tmp_path: Path, size: int) -> None:
    (tmp_path / "half.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\x00" * size)
    ran = cli("genqr", "run", "--collection", "sample", "--model", "openvino:half.gguf", "--limit", "1")
    assert ran.code in (1, 4)
    assert "half.gguf" in ran.err
    assert "Traceback" not in ran.err


def test_doctor(cli: Cli) -> None:
    findings = {finding["what"]: finding for finding in json.loads(cli("doctor", "--json").out)}
    assert findings["model smollm2-135m"]["remedy"] == "dikast models pull smollm2-135m"
    assert "Python" in cli("doctor").out


def test_runs_of_no_folder(cli: Cli, tmp_path: Path) -> None:
    assert "absent" in cli("runs", "list", "absent").err
    assert cli("runs", "show", "absent").code == 1
    (tmp_path / "notes").mkdir()
    assert cli("runs", "show", "notes").code == 1


def test_export_and_diff(cli: Cli, tmp_path: Path) -> None:
    common = ["genqr", "run", "--collection", "sample", "--limit", "3", "--depth", "20"]
    cli(*common, "--model", "scripted:script:shout", "-o", "a")
    cli(*common, "--model", "scripted:script:synonyms", "-o", "b")
    assert cli("runs", "export", "a", "--as", "jsonl").code == 0
    lines = (tmp_path / "a/export/rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["input"]["qid"] for line in lines] == ["q01", "q02", "q03"]
    assert cli("runs", "export", "a", "--as", "datasets", "--license", "cc0-1.0").code == 0
    different = json.loads(cli("runs", "diff", "a", "b", "--json").out)
    assert [one["row"] for one in different] == [1, 2, 3]
    assert "output.hits" in different[0]["fields"]
    assert json.loads(cli("runs", "diff", "a", "a", "--json").out) == []
