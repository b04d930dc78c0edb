"""Plugins: found by metadata, checked when they are named, and never in one another's way."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dikast import load_model, load_retriever, plugins, read_run
from dikast.agents.ask import ask
from dikast.agents.judge import load_judge
from dikast.agents.ledger import recording
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import parse_prompt
from dikast.agents.roles import Case
from dikast.cli import NOUNS
from dikast.cli.doctor import _plugins
from dikast.cli.tune import reference_of
from dikast.errors import UsageError
from dikast.graphs import PLUGINS, RESERVED, every_graph, every_method, load_method
from dikast.jobs.engines.ray import order_of
from dikast.jobs.engines.worker import context_of, found_at
from dikast.jobs.manifest import read_manifest
from dikast.viewer.telling import finder
from tests.cli.conftest import Cli
from tests.graphs.test_travelling import place_of
from tests.plugin_packages import install, install_example

GREETING = parse_prompt("test/greeting", b"version: 1\nfields: name\n--- user\nhello {name}\n")
ODD = """
from dikast.agents.models.scripted import ScriptedModel

value = 7

def other(*given):
    return object()

class Retriever:
    def __init__(self, spec): self.spec = spec
    def fingerprint(self): return {"retriever": "odd"}
    def analyze(self, text): return text.split()
    async def search(self, queries, k): return [[] for _ in queries]
    async def documents(self, docids): return []

def retriever(rest, spec):
    return Retriever(spec if rest != "another" else "odd:x")

def model(target, options, spec):
    return ScriptedModel(lambda request: target, spec=spec if target != "another" else "odd:x")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, for packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr(plugins, "_used", {})
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def run(cli: Cli, folder: Path, *more: str) -> Any:
    (folder / "questions.csv").write_text("question\none two three four\nfive\n", encoding="utf-8")
    out = folder / "run"
    files = ("--questions", str(folder / "questions.csv"), "-o", str(out), "--cache", "off")
    return cli("brevity", "run", *files, "--model", "parrot:grey", "--words", "3", *more)


def test_the_example_as_a_command_and_a_job(site: Path, tmp_path: Path, cli: Cli) -> None:
    install_example(site)
    told = cli("--help")
    assert told.err == ""
    assert "brevity" in told.out
    assert "Have a model say it shorter until it fits. (dikast-brevity 0.1.0)" in " ".join(told.out.split())
    assert not [name for name in sys.modules if name.startswith("dikast_brevity")]  # nothing was imported for that
    assert "--words" in cli("brevity", "run", "--help").out
    ran = run(cli, tmp_path, "--limit", "1", "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert (said["rows"], said["fit"], said["summary"]["usage"]["solver"]["calls"]) == (1, 0, 3)
    out = tmp_path / "run"
    first = read_manifest(out)
    assert (first.graph, first.method) == ("brevity", "dikast_brevity.method:method")
    assert first.attempts[0].versions["dikast-brevity"] == "0.1.0"
    assert first.context["solver"] == "parrot:grey"
    assert first.fingerprint["context.solver"]["model"]["model"] == "grey"
    # the same command goes on; another version of the package is told
    install_example(site, "0.2.0")
    plugins.scan.cache_clear()
    again = run(cli, tmp_path)
    assert "dikast-brevity 0.1.0 -> 0.2.0" in again.err
    assert (len(list(read_run(out).rows())), len(read_manifest(out).attempts)) == (2, 2)
    assert "one two three" in cli("runs", "show", str(out), "1").out
    exported = cli("runs", "export", str(out), "--as", "answers", "-o", str(tmp_path / "data"))
    assert exported.code == 0, exported.err
    assert cli("runs", "retry", str(out)).code == 0
    assert len(read_manifest(out).attempts) == 3
    other = run(cli, tmp_path, "--words", "4")
    assert "context.words" in other.err  # a knob belongs to the fingerprint
    found = finder()(read_run(out))
    assert found is not None  # `dikast view` tells its reports and stories


def test_the_example_is_listed_as_a_method(site: Path, cli: Cli) -> None:
    install_example(site)
    assert every_method()["brevity"].endswith("(dikast-brevity 0.1.0)")
    assert "brevity" not in every_graph()
    assert "parrot:NAME" in json.loads(cli("models", "list", "--json").out)["forms"]
    assert reference_of("brevity") == "dikast_brevity.method:method"  # of `dikast tune brevity`
    shown = cli("graphs", "show", "brevity").out
    assert "rounds" in shown
    assert "Have a model say it shorter" in shown


async def test_the_example_as_an_embedded_graph(site: Path) -> None:
    install_example(site)
    method = load_method("brevity")
    context = method.context.model_validate({"solver": "parrot:grey?words=9", "words": 2, "rounds": 1})
    with recording() as ledger:
        said: Any = await method.load_graph().ainvoke({"question": "one two three"}, context=context)
    assert said["answers"][0] == "one two three"
    assert (len(said["answers"]), said["fits"], said["outcome"]) == (2, False, "ok")
    assert ledger.usage_by_role["solver"].calls == 2
    assert ledger.usage_by_role["solver"].input_tokens > 3


def test_the_example_goes_to_ray_workers(site: Path) -> None:
    install_example(site)
    context = load_method("brevity").context.model_validate({"solver": "parrot:grey"})
    order = order_of(place_of("brevity", context, {"samples": 1}), "")
    assert order.graph == "dikast_brevity.graph:graph"
    assert found_at(order.graph) is load_method("brevity").load_graph()
    assert context_of(order) == context


async def test_the_examples_judge(site: Path) -> None:
    install_example(site)
    judge = load_judge("judge:shorter:1")
    case = Case("?", ("a b", "a b c d"), "brief")
    assert (await judge.judge(case, sampling=Sampling())).side == "first"
    assert (judge.spec, judge.fingerprint()) == ("judge:shorter:1", {"judge": "shorter", "margin": 1})
    with pytest.raises(UsageError, match="the margin is a number"):
        load_judge("judge:shorter:x")
    with pytest.raises(UsageError, match="no plugin gives a judge 'longer'") as told:
        load_judge("judge:longer")
    assert told.value.hint == "installed: shorter"


async def test_the_examples_model_is_limited_and_booked(site: Path) -> None:
    install_example(site)
    model = load_model("parrot:grey?words=9")
    assert model.spec == "parrot:grey?words=9"
    with recording() as ledger:
        answer = await ask(model, GREETING, {"name": "you"}, role="solver", sampling=Sampling(max_tokens=1))
    assert answer.reply.text == "hello"
    assert ledger.usage.output_tokens == 1
    assert load_model("parrot:red").fingerprint() != load_model("parrot:grey").fingerprint()
    with pytest.raises(UsageError, match="the one option is words"):
        load_model("parrot:grey?colour=red")


async def test_a_retriever_and_an_engine_of_a_package(site: Path) -> None:
    points = {"retrievers": {"odd": "odd_one:retriever"}, "models": {"odd": "odd_one:model"}}
    install(site, "odd", points, {"odd_one": ODD})
    retriever = load_retriever("odd:somewhere")
    assert await retriever.search([], 3) == []
    assert load_retriever("hybrid:odd:a+odd:b").spec.startswith("hybrid:odd:a+odd:b+")
    assert str((await load_model("odd:well").ainvoke("hello")).content) == "well"
    for load in (load_retriever, load_model):
        with pytest.raises(UsageError, match="says that its spec is 'odd:x'"):
            load("odd:another")
    assert plugins.used() == {"odd": "1.0"}


BROKEN = {
    "methods": {"genqr": "odd_one:value", "tables": "odd_one:value", "runs": "odd_one:value", "twice": "odd_one:value"},
    "models": {"openai": "odd_one:model", "wrong": "odd_one:other", "seven": "odd_one:value"},
    "retrievers": {"bm25": "odd_one:retriever", "wrong": "odd_one:other"},
    "judges": {"wrong": "odd_one:other", "absent": "odd_one:nothing"},
}


def test_broken_plugins_are_told_and_hurt_nobody(site: Path, cli: Cli) -> None:
    install_example(site)
    install(site, "odd", BROKEN, {"odd_one": ODD, "torn": "import nowhere_to_be_found"})
    more = {
        "methods": {"twice": "a:b", "torn": "torn:method", "number": "odd_one:value", "Bad Name": "a:b", "place": "x"}
    }
    install(site, "second", more, {})
    told = cli("--help")
    assert "brevity" in told.out
    for name in ("genqr", "tables", "runs"):
        assert f"plugin {name!r} of odd 1.0 (dikast.methods): the name is dikast's own" in told.err
    assert told.err.count("plugin 'twice'") == 2
    assert "another plugin has the same name; neither is used" in told.err
    assert "'x' is no place" in told.err
    assert "a name has small letters" in told.err
    assert "torn" not in told.err  # that is known when it is imported
    for noun, words in (
        ("torn", "No module named 'nowhere_to_be_found'"),
        ("number", "is a int, and no dikast.graphs.method.Method"),
        ("twice", "another plugin has the same name"),
    ):
        ran = cli(noun, "run")
        assert (ran.code, words in ran.err) == (2, True), ran.err
        assert "hint: dikast doctor tells of every plugin" in ran.err
    assert cli("genqr", "run", "--help").code == 0
    listed = cli("graphs", "list", "--json")
    rows = {row["name"]: row for row in json.loads(listed.out)}
    assert rows["brevity"]["graph"] == "dikast_brevity.graph:graph"
    assert rows.keys() >= set(every_graph())
    assert "nowhere_to_be_found" in listed.err
    for load, spec, words in (
        (load_model, "wrong:m", "made a object, and no BaseChatModel"),
        (load_model, "seven:m", "is a int, and no function"),
        (load_retriever, "wrong:m", "made a object, and no Retriever"),
        (load_judge, "judge:wrong", "made a object, and no Judge"),
        (load_judge, "judge:absent", "cannot be imported: AttributeError"),
    ):
        with pytest.raises(UsageError, match=words):
            load(spec)
    assert load_model("openai:x").fingerprint()["engine"] == "langchain"  # ours, whatever others declare


def test_a_projects_settings_may_be_a_plugins(site: Path, tmp_path: Path, cli: Cli) -> None:
    install_example(site)
    install(site, "torn", {"methods": {"torn": "torn:method"}}, {"torn": "import nowhere_to_be_found"})
    (tmp_path / "dikast.toml").write_text("words = 2\n[brevity.run]\nrounds = 0\n", encoding="utf-8")
    ran = run(cli, tmp_path, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["summary"]["usage"]["solver"]["calls"] == 2
    assert cli("fuse", "--help").code == 0


def test_doctor_tells_of_every_plugin(site: Path) -> None:
    install_example(site)
    install(
        site, "odd", BROKEN | {"methods": {"torn": "torn:method"}}, {"odd_one": ODD, "torn": "import nowhere_found"}
    )
    found = {one.what: one for one in _plugins()}
    good = found["plugin brevity (methods)"]
    assert (good.ok, good.found) == (True, "dikast-brevity 0.1.0")
    assert found["plugin shorter (judges)"].ok
    assert not found["plugin torn (methods)"].ok
    assert "nowhere_found" in found["plugin torn (methods)"].found
    assert "dikast's own" in found["plugin openai (models)"].found
    assert "no function" in found["plugin seven (models)"].found


def test_the_reserved_names_are_those_of_the_commands() -> None:
    assert set(NOUNS) == RESERVED


def test_a_name_is_found_however_it_is_written(site: Path) -> None:
    install(site, "odd", {"methods": {"my_method": "odd_one:value"}}, {"odd_one": ODD})
    first, second = PLUGINS.find("my-method"), PLUGINS.find("my_method")
    assert first is not None
    assert first == second
    assert list(PLUGINS.every()) == ["my-method"]
    assert PLUGINS.find("mine") is None


def test_a_plugins_name_that_is_mistyped_is_told(site: Path, cli: Cli) -> None:
    install_example(site)
    assert "Did you mean 'brevity'?" in cli("brevty", "run").err
