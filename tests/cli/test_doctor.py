"""'dikast doctor'."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path

import pytest

from dikast.cli.doctor import PACKAGES, _java, _keys
from dikast.errors import SandboxError
from dikast.retrieval import lucene_java
from dikast.sandbox import Sandbox
from tests.cli.conftest import Cli

ROOT = Path(__file__).resolve().parents[2]


def test_doctor(cli: Cli) -> None:
    findings = {finding["what"]: finding for finding in json.loads(cli("doctor", "--json").out)}
    assert findings["model smollm2-135m"]["remedy"] == "dikast models pull smollm2-135m"
    assert findings["sandbox for programs that models write"]["ok"]
    assert "Python" in cli("doctor").out
    assert findings["FAISS (faiss: retriever)"]["found"].startswith("faiss-")


def test_doctor_says_which_keys_are_set_and_nothing_of_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    [lacking] = [one for one in _keys() if one.what == "key of openai: models"]
    assert (lacking.ok, lacking.found) == (None, "not set")
    assert "OPENAI_API_KEY" in lacking.remedy
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-secret")
    [there] = [one for one in _keys() if one.what == "key of openai: models"]
    assert (there.ok, there.found, there.remedy) == (True, "OPENAI_API_KEY", "")


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


def test_doctor_names_every_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    told = {extra for _, _, extra in PACKAGES} | {"faiss"}
    assert extras.keys() - told == {"gpu"}  # vllm, faiss and lucene in one
