"""Rows of data sets by name: what a name says, folders laid out as on the hub, a hub on loopback, hostile ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dikast import hub
from dikast.errors import DataError, UsageError
from dikast.rows import read_rows
from tests.cli.conftest import Cli, cli
from tests.hub_server import Hub

__all__ = ["cli"]  # the fixture

README = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train.jsonl}
  - {split: test, path: data/test.jsonl}
- config_name: small
  data_files: [{split: train, path: data/test.jsonl}]
---
"""
WORDS = ["one", "two", "three"]


@pytest.fixture(autouse=True)
def fresh() -> None:
    hub.open_builder.cache_clear()
    hub.resolve.cache_clear()


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder laid out as on the hub; skipped where `datasets` is not installed."""
    pytest.importorskip("datasets", reason="datasets (extra hf) is not installed")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "repo"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(README)
    write(folder / "data/train.jsonl", WORDS[:2])
    write(folder / "data/test.jsonl", WORDS[2:])
    return folder


def write(path: Path, words: list[str]) -> None:
    path.write_text("".join(json.dumps({"name": word[0], "query": word}) + "\n" for word in words))


def words(text: str) -> list[object]:
    return [row.values["query"] for row in read_rows(text)]


def test_a_name_says_place_split_configuration_and_revision() -> None:
    found = hub.parse_source("hf:org/name:test?config=en&revision=9f2c")
    assert (found.place, found.split, found.config, found.revision, found.local) == (
        "org/name",
        "test",
        "en",
        "9f2c",
        False,
    )
    assert hub.parse_source("hf:/a/b:train").local
    assert hub.parse_source("hf:squad").place == "squad"


@pytest.mark.parametrize(
    "text", ["hf:", "hf:a/b/c", "hf:a b", "hf:org/name:tr ain", "hf:org/name?split=x", "hf:org/name?config", "hf:-x/y"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        hub.parse_source(text)
    assert "ORG/NAME" in str(error.value)


def test_rows_of_a_folder_by_split_and_configuration(repo: Path) -> None:
    assert words(f"hf:{repo}:train") == ["one", "two"]
    assert words(f"hf:{repo}:test") == ["three"]
    assert words(f"hf:{repo}?config=small") == ["three"]  # its only split
    row = next(read_rows(Path(f"hf:{repo}:train"), {"text": "query"}))
    assert row.text("text") == "one"
    assert str(row.error("text", "no")) == f"hf:{repo}:train: row 1: field 'query': no"


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        (":valid", "no split 'valid' (there are train, test"),
        ("", "several splits, and none is named"),
        ("?config=large", "no configuration 'large'"),
        (":train?revision=main", "a folder has no revisions"),
        ("-absent:train", "no such folder"),
    ],
)
def test_what_is_not_there_is_told(repo: Path, tail: str, told: str) -> None:
    with pytest.raises(DataError, match=r"^hf:/") as error:
        words(f"hf:{repo}{tail}")
    assert told in str(error.value)


def test_a_column_that_is_not_there_is_refused_before_the_first_row(repo: Path) -> None:
    with pytest.raises(DataError, match="field 'question': no such column, wanted as 'query'"):
        read_rows(f"hf:{repo}:train", {"query": "question"})


@pytest.mark.parametrize("named", ["{outside}", "data/../../secret.jsonl", "file://{outside}"])
def test_a_readme_cannot_name_files_outside(repo: Path, tmp_path: Path, named: str) -> None:
    write(tmp_path / "secret.jsonl", ["canary"])
    path = named.format(outside=tmp_path / "secret.jsonl")
    (repo / "README.md").write_text(README.replace("data/train.jsonl", path))
    with pytest.raises(DataError) as error:
        words(f"hf:{repo}:train")
    assert "canary" not in str(error.value)


def test_a_link_out_of_a_folder_is_refused(repo: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.jsonl", ["canary"])
    (repo / "data/train.jsonl").unlink()
    (repo / "data/train.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(DataError, match="not its own"):
        words(f"hf:{repo}:train")


def test_no_code_of_a_data_set_runs_and_no_pickle_is_read(repo: Path, tmp_path: Path) -> None:
    (repo / "repo.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(DataError, match="no code of a data set is run"):
        words(f"hf:{repo}:train")
    assert not (tmp_path / "ran").exists()
    (repo / "repo.py").unlink()
    shard = repo / "data/train.tar"
    shard.write_bytes(b"\0" * 1024)
    (repo / "README.md").write_text("---\nconfigs: [{config_name: default, data_files: data/train.tar}]\n---\n")
    hub.open_builder.cache_clear()
    with pytest.raises(DataError, match="'webdataset', which is not read here"):
        words(f"hf:{repo}:train")


def test_a_broken_row_is_told_with_its_place(repo: Path) -> None:
    (repo / "data/train.jsonl").write_text('{"query": "one"}\n{"query": \n')
    with pytest.raises(DataError, match=r"^hf:.*cannot be read"):
        words(f"hf:{repo}:train")


@pytest.fixture
def server(repo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("datasets.config.HF_ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
        server.add("org/mine", repo)
        yield server


def test_rows_of_a_hub_are_streamed_at_one_commit(server: Hub, repo: Path, cli: Cli) -> None:
    assert words("hf:org/mine:train") == ["one", "two"]
    found = hub.sources({"rows": Path("hf:org/mine:test"), "out": Path("x"), "limit": 3})
    expected = {"place": "org/mine", "config": "", "split": "test", "commit": server.commit}
    assert found == {"hf:org/mine:test": expected}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("org/absent", "no such data set, or it is private (look at its name; for a private one set HF_TOKEN"),
        ("org/gated", "the data set is gated (accept its terms on the hub"),
        ("org/mine:train?revision=old", "no revision 'old'"),
    ],
)
def test_what_the_hub_does_not_give_is_told(server: Hub, name: str, told: str) -> None:
    with pytest.raises(DataError) as error:
        words(f"hf:{name}")
    assert told in str(error.value)


def test_offline_is_told(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="the hub may not be reached"):
        words("hf:org/mine:train")


def test_a_command_takes_a_data_set_and_records_it(repo: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "d1", "contents": "one two three"}\n')
    given = ["--topics", f"hf:{repo}:train", "--corpus", "corpus.jsonl", "--columns", "qid=name"]
    ran = cli("genqr", "run", *given, "--model", "scripted:script:shout", "-o", "x", "--limit", "1")
    assert ran.code == 0, ran.err
    manifest = json.loads((tmp_path / "x/manifest.json").read_text())
    known = {"place": str(repo), "config": "", "split": "train"}
    assert (manifest["settings"]["sources"], manifest["attempts"][0]["asked"]) == ({f"hf:{repo}:train": known}, 1)
    assert json.loads((tmp_path / "x/rows.jsonl").read_text())["input"]["qid"] == "o"
    wrong = cli("tapir", "run", "--instructions", f"hf:{repo}:none", "-o", "y", "--model", "scripted:script:shout")
    assert (wrong.code, "no split 'none'" in wrong.err) == (1, True)


def test_without_the_library_what_to_install_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    hub.load_library.cache_clear()
    ran = cli("dno", "run", "--prompts", "hf:/tmp:train", "-o", "x", "--model", "scripted:script:shout")
    assert (ran.code, "pip install 'dikast[hf]'" in ran.err) == (4, True)
