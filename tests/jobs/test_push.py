"""'runs export --push-to-hub': exactly what is on the disk, on a hub on loopback."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.astral.subjects import CANARY, MINE, SCRIPT, journal, start
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli, cli
from tests.hub_server import TOKEN, Hub

__all__ = ["cli", "files"]  # the fixtures
NAME = "org/mine"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub", reason="huggingface_hub (extra hf) is not installed")
    with Hub() as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "absent"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def run(cli: Cli, files: dict[str, Path], server: Hub) -> Path:
    assert cli(*arguments(files, "-o", "x")).code == 0
    return Path("x")


def on_disk(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pushed(server: Hub, name: str = NAME) -> dict[str, bytes]:
    """What is on the hub, without what the hub's client adds there itself."""
    return {path: data for path, data in server.pushed[name].items() if path != ".gitattributes"}


def test_what_is_pushed_is_what_is_on_the_disk(cli: Cli, run: Path, server: Hub) -> None:
    ran = cli("runs", "export", run, "--push-to-hub", NAME, "--private", "--license", "cc0-1.0", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["form"], told["pushed"].endswith(server.commit)) == ("datasets", True)
    assert pushed(server) == on_disk(Path(told["wrote"]))
    assert {"README.md", "data/train-00000-of-00001.parquet"} == pushed(server).keys()
    assert server.private == {NAME: True}
    card = pushed(server)["README.md"].decode()
    for part in ('license: "cc0-1.0"', "| `ok` | 2 |", "| solver | `scripted:script:shout` | 20 | 0 |", "fingerprint"):
        assert part in card
    everywhere = b"".join([*pushed(server).values(), *on_disk(Path()).values(), ran.out.encode(), ran.err.encode()])
    assert TOKEN.encode() not in everywhere
    assert server.tokens


def test_a_data_set_that_is_public_takes_no_private_rows(cli: Cli, run: Path, server: Hub) -> None:
    server.private[NAME] = False
    ran = cli("runs", "export", run, "--push-to-hub", NAME, "--private")
    assert (ran.code, "org/mine is public already" in ran.err) == (2, True)
    assert pushed(server) == {}


def test_files_of_an_earlier_push_go_and_others_stay(cli: Cli, run: Path, server: Hub) -> None:
    server.pushed[NAME] = {"data/valid-00000-of-00001.parquet": b"old", "LICENSE": b"mine"}
    assert cli("runs", "export", run, "--push-to-hub", NAME).code == 0
    assert pushed(server).keys() == {"README.md", "data/train-00000-of-00001.parquet", "LICENSE"}


def test_what_does_not_go_together_is_refused(cli: Cli, run: Path, server: Hub) -> None:
    for more, told in (
        (("--push-to-hub", "mine"), "names no data set"),
        (("--push-to-hub", NAME, "--as", "csv"), "--as csv is one file"),
        (("--private",), "nothing is pushed"),
        (("--push-to-hub", NAME, "--as", "nothing"), "cannot become 'nothing'"),
    ):
        ran = cli("runs", "export", run, *more)
        assert (ran.code, told in ran.err, server.pushed) == (2, True, {}), ran.err


def test_a_token_that_is_missing_wrong_or_too_weak_is_told(
    cli: Cli, run: Path, server: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refuse = 403
    weak = cli("runs", "export", run, "--push-to-hub", NAME)
    assert (weak.code, "may not write there" in weak.err) == (2, True)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    wrong = cli("runs", "export", run, "--push-to-hub", NAME)
    assert (wrong.code, "HF_TOKEN" in wrong.err, "hf_wrong" in wrong.err) == (2, True, False)
    monkeypatch.delenv("HF_TOKEN")
    assert cli("runs", "export", run, "--push-to-hub", NAME).code == 2
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    offline = cli("runs", "export", run, "--push-to-hub", NAME)
    assert (offline.code, "stays" in offline.err) == (1, True)
    assert server.pushed == {}


def test_what_a_safety_run_withholds_is_not_pushed(cli: Cli, server: Hub, tmp_path: Path) -> None:
    (tmp_path / "modules" / "subject.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "axes.toml").write_text('[axes]\ncategory = ["billing", "medical"]\n')
    cli("astral", "plan", "--axes", "axes.toml", "--quota", 2, "-o", "plan.jsonl")
    start(cli, tmp_path / "plan.jsonl", *MINE, target="mixed")
    for form in ("datasets", "unpaired"):
        ran = cli("runs", "export", "out", "--as", form, "--push-to-hub", f"org/{form}")
        assert ran.code == 0, ran.err
        assert CANARY.encode() not in b"".join(pushed(server, f"org/{form}").values())
    card = pushed(server, "org/datasets")["README.md"].decode()
    counts = Counter(row["outcome"] for row in journal(tmp_path / "out"))
    assert len(counts) > 1  # what came to nothing is counted, too
    assert all(f"| `{outcome}` | {count} |" in card for outcome, count in counts.items())


def test_what_a_method_guards_is_not_pushed(cli: Cli, server: Hub, tmp_path: Path) -> None:
    (tmp_path / "guarded.py").write_text(GUARDED)
    assert cli("run", "guarded:method", "-o", "g").code == 0
    assert "secret-one" in (tmp_path / "g/rows.jsonl").read_text()
    assert cli("runs", "export", "g", "--push-to-hub", NAME).code == 0
    assert b"secret-one" not in b"".join(pushed(server).values())
    assert b"kept" in b"".join(pushed(server).values())


GUARDED = """
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.graphs.method import OPTIONS, Method

class Context(BaseModel):
    model_config = OPTIONS

class State(TypedDict, total=False):
    word: str
    answer: str

async def say(state: State) -> State:
    return {"word": "kept", "answer": "secret-one"}

graph = StateGraph(State, context_schema=Context).add_node("say", say).add_edge(START, "say").add_edge("say", END)
graph = graph.compile(checkpointer=False, name="guarded")

def guard(row):
    return {**row, "output": {**row["output"], "answer": None}}

method = Method(graph=graph, context=Context, rows=lambda options, context: [{"word": "kept"}], guard=guard)
"""
