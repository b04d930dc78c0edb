from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dikast.cli.doctor import _java
from dikast.errors import SandboxError
from dikast.retrieval import lucene_java
from dikast.sandbox import Sandbox
from tests.cli.conftest import Cli
from tests.cli.tree import every_command


@pytest.mark.parametrize("command", [pytest.param(command, id=path) for path, command in every_command()])
def test_every_command_can_answer_in_json_and_says_what_it_does(command: Any) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options
    assert command.help
    for parameter in command.params:
        assert parameter.help, parameter.name


def test_unknown_commands_and_flags_are_usage_errors(cli: Cli) -> None:
    assert cli("genrq").code == 2
    assert cli("genqr", "run", "--moed", "fusion").code == 2
    assert cli("runs", "show").code == 2


def test_the_version(cli: Cli) -> None:
    assert cli("--version").out.startswith("dikast 0.")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("dikast ge", ["genqr"]), ("dikast runs l", ["list"]), ("dikast genqr run --mode f", ["fusion"])],
)
def test_the_shell_completes_commands_options_and_values(typed: str, offered: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_DIKAST_COMPLETE": "complete_bash"}
    command = [sys.executable, "-c", "from dikast.cli import main; main()"]
    done = subprocess.run(command, env={**os.environ, **words}, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (offered, "")


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
    assert "did you mean 'openvino:mine.gguf'?" in cli("models", "check", "mine.gguf").out


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
    assert findings["sandbox for programs that models write"]["ok"]
    assert "Python" in cli("doctor").out
    assert findings["FAISS (faiss: retriever)"]["found"].startswith("faiss-")


def test_doctor_says_which_java_would_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "anserini-1-fatjar.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(lucene_java.PROBE, b"\xca\xfe\xba\xbe\x00\x00" + (44 + 21).to_bytes(2, "big"))
    for version in (17, 25):
        (tmp_path / str(version) / "lib" / "server").mkdir(parents=True)
        (tmp_path / str(version) / "lib" / "server" / "libjvm.so").touch()
        (tmp_path / str(version) / "release").write_text(f'JAVA_VERSION="{version}.0.1"')
    monkeypatch.setattr(lucene_java, "jar", lambda: jar)
    packages: dict[str, object] = {}
    monkeypatch.setattr(lucene_java, "find_spec", packages.get)
    monkeypatch.setenv("PATH", "/nowhere")
    told: list[tuple[bool | None, str]] = []
    for version in (17, 25):
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / str(version)))
        [finding] = _java()
        told.append((finding.ok, finding.found))
    assert told[0] == (None, "Java 17 (JAVA_HOME); only the lucene: retriever needs it")
    assert told[1] == (True, f"Java 25 at {tmp_path / '25'}; 21 is needed")


def test_doctor_says_what_a_sandbox_lacks(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(self: Sandbox) -> Sandbox:
        raise SandboxError("no sandbox", hint="apt install bubblewrap")

    monkeypatch.setattr(Sandbox, "__aenter__", refused)
    findings = {finding["what"]: finding for finding in json.loads(cli("doctor", "--json").out)}
    found = findings["sandbox for programs that models write"]
    assert (found["ok"], found["found"], found["remedy"]) == (False, "no sandbox", "apt install bubblewrap")


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
    exported = json.loads(cli("runs", "export", "a", "--as", "datasets", "--license", "cc0-1.0", "--json").out)
    assert exported == {"wrote": "a/export/dataset", "form": "datasets"}
    different = json.loads(cli("runs", "diff", "a", "b", "--json").out)
    assert [one["row"] for one in different] == [1, 2, 3]
    assert "output.hits" in different[0]["fields"]
    assert json.loads(cli("runs", "diff", "a", "a", "--json").out) == []


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


def test_a_command_that_is_mistyped_is_told_its_neighbours(cli: Cli) -> None:
    assert "Did you mean 'tables'" in cli("table", "play").err
    assert "Did you mean" not in cli("xyzzy").err


@pytest.mark.parametrize("command", [["graphs", "list"], ["graphs", "show", "genqr", "--json"], ["models", "list"]])
def test_a_reader_that_goes_away_is_no_failure(command: list[str]) -> None:
    """As in `dikast ... | head`: the pipe's other end is closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run([sys.executable, "-m", "dikast.cli", *command], stdout=pipe, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert b"BrokenPipe" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_help_says_what_exit_codes_mean(cli: Cli) -> None:
    assert "130 interrupted" in " ".join(cli("--help").out.split())
