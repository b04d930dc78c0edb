"""`dikast run MODULE:NAME`: a method or a graph that dikast has never heard of, as a job from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

METHOD = '''
from typing import Annotated, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.prompt import parse_prompt
from dikast.agents.roles import Solver
from dikast.graphs.method import OPTIONS, Calls, Export, Method, Report
from dikast.jobs.card import About
from dikast.jobs.exports import LeftOut
from dikast.pages import Page, Table, Text
from dikast.wire import CONTEXT, Spec

PROMPT = parse_prompt("toy/say", b"version: 1\\nfields: word\\n--- user\\n{word}")


class Context(BaseModel):
    """A toy."""

    model_config = CONTEXT

    speaker: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """Says it."""
    tone: Literal["loud", "soft"] = "soft"
    """How it is said."""
    volume: float = Field(default=0.5, ge=0, lt=1)
    """How loud."""


class Options(BaseModel):
    """Say words."""

    model_config = OPTIONS

    words: str = "one,two,three"
    """Words to say."""


class State(TypedDict, total=False):
    word: str
    said: str
    told: str


class Input(TypedDict):
    word: str


async def say(state: State, runtime: Runtime[Context]) -> State:
    reply = await runtime.context.speaker.solve(PROMPT, {"word": state["word"]}, sampling=Sampling(max_tokens=9))
    return {"said": reply.text}


async def tell(state: State, runtime: Runtime[Context]) -> State:
    loud = runtime.context.tone == "loud"
    return {"told": f"{state['said'].upper() if loud else state['said']} {runtime.context.volume:g}"}


builder = StateGraph(State, context_schema=Context, input_schema=Input)
builder.add_node("say", say)
builder.add_node("tell", tell)
builder.add_edge(START, "say")
builder.add_edge("say", "tell")
builder.add_edge("tell", END)
graph = builder.compile(checkpointer=False, name="toy")


def report(run, context):
    told = [row["output"]["told"] for row in run.rows() if row["output"]]
    (run.path / "export").mkdir(exist_ok=True)
    (run.path / "export" / "told.txt").write_text(" ".join(told))
    return Report(Page("", (Table(("told",), tuple((one,) for one in told)),)), {"told": told})


def story(row):
    return Page("the toy's own story", (Text(row["output"]["told"], label="told"),))


def pairs(run, context):
    for row in run.rows():
        if row["input"]["word"] == "three":
            yield LeftOut("a third word")
        elif row["output"]:
            yield "train", {"word": row["input"]["word"], "told": row["output"]["told"]}


method = Method(
    graph=graph,
    context=Context,
    options=Options,
    rows=lambda options, context: [{"id": str(n), "word": w} for n, w in enumerate(options.words.split(","), 1)],
    presets={"shouting": lambda: {"tone": "loud", "volume": 0.9}},
    calls=lambda context, row: {"speaker": Calls(1, 3, 9)},
    report=report,
    story=story,
    exports={"pairs": Export(lambda: About("Pairs", ("Words.",), {"word": "a word", "told": "said"}), pairs)},
)
'''

SPEAKERS = """
from pathlib import Path

from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout


@scripted
def echo(request):
    word = request.messages[-1]["content"]
    if word == "two" and not Path("mended").exists():
        raise ModelTimeout("no reply within 1 s")
    return f"say {word}"
"""
SPEAKER = "scripted:toy_package.speakers:echo"


@pytest.fixture
def toy(tmp_path: Path) -> str:
    package = tmp_path / "toy_package"
    package.mkdir()
    (package / "__init__.py").write_text("from toy_package.toy import method as method, graph as graph\n")
    (package / "toy.py").write_text(METHOD)
    (package / "speakers.py").write_text(SPEAKERS)
    return "toy_package:method"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test imports its own toy."""
    import sys

    for name in [one for one in sys.modules if one.partition(".")[0] == "toy_package"]:
        monkeypatch.delitem(sys.modules, name)


def test_a_method_has_its_flags_and_their_help(toy: str, cli: Cli) -> None:
    told = cli("run", toy, "--help")
    assert told.code == 0, told.err
    for part in (
        "--tone",
        "loud|soft",
        "--volume",
        "at least 0",
        "below 1",
        "--speaker",
        "--words",
        "--method",
        "shouting",
    ):
        assert part in " ".join(told.out.replace("│", " ").split()), part
    assert "How it is said." in told.out


def test_a_method_runs_resumes_and_retries_with_its_own_report_story_and_export(
    toy: str, cli: Cli, tmp_path: Path
) -> None:
    run = ("run", toy, "--speaker", SPEAKER, "-o", "runs/toy", "--json")
    first = cli(*run)
    assert first.code == 3, first.err
    assert json.loads(first.out)["told"] == ["say one 0.5", "say three 0.5"]
    again = cli(*run)
    assert json.loads(again.out)["summary"]["done"] == 0
    (tmp_path / "mended").touch()
    retried = cli("runs", "retry", "runs/toy", "--json")
    assert retried.code == 0, retried.err
    assert (tmp_path / "runs/toy/export/told.txt").read_text() == "say one 0.5 say two 0.5 say three 0.5"
    shown = cli("runs", "show", "runs/toy", "2")
    assert "the toy's own story" in shown.out
    assert "told: say two 0.5" in shown.out
    exported = cli("runs", "export", "runs/toy", "--as", "pairs")
    assert exported.code == 0, exported.err
    lines = (tmp_path / "runs/toy/export/pairs/train.jsonl").read_text().splitlines()
    assert [json.loads(line)["word"] for line in lines] == ["one", "two"]
    assert "left out: 1: a third word" in exported.err
    assert "| a third word | 1 |" in (tmp_path / "runs/toy/export/pairs/README.md").read_text()
    told = json.loads(cli("runs", "export", "runs/toy", "--as", "pairs", "--json").out)
    assert (told["rows"], told["left_out"]) == ({"train": 2}, {"a third word": 1})
    refused = cli("runs", "export", "runs/toy", "--as", "pyqtax")
    assert refused.code == 2
    assert "pairs" in refused.err


def test_what_is_given_wins_over_the_preset_which_wins_over_the_default(toy: str, cli: Cli) -> None:
    told = cli("run", toy, "--speaker", SPEAKER, "--method", "shouting", "--volume", "0.1", "--words", "one", "--json")
    assert json.loads(told.out)["told"] == ["SAY ONE 0.1"], told.err


def test_preview_and_dry_run_write_nothing(toy: str, cli: Cli, tmp_path: Path) -> None:
    shown = cli("run", toy, "--speaker", SPEAKER, "--preview", "1")
    assert "the toy's own story" in shown.out, shown.err
    dry = cli("run", toy, "--speaker", SPEAKER, "--dry-run", "--price", "1,2", "--json")
    told = json.loads(dry.out)
    assert (told["rows owed"], told["speaker calls at most"], told["output tokens at most"]) == (3, 3, 27)
    assert told["cost at most, about"] == pytest.approx((9 * 1 + 27 * 2) / 1e6)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--volume", "1"), "--volume: Input should be less than 1"),
        (("--tone", "shrill"), "shrill"),
        (("--speaker", "nothing:x"), "no engine is called 'nothing'"),
    ],
)
def test_a_wrong_value_is_told_by_its_flag(toy: str, cli: Cli, flags: tuple[str, ...], said: str) -> None:
    told = cli("run", toy, "--speaker", SPEAKER, *flags)
    assert told.code == 2
    assert said in told.err


def test_settings_files_hold_the_same_names(toy: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(f'speaker = "{SPEAKER}"\nwords = "one"\ntone = "loud"\n')
    told = cli("run", toy, "--config", "run.toml", "--json")
    assert json.loads(told.out)["told"] == ["SAY ONE 0.5"], told.err
    (tmp_path / "wrong.toml").write_text('ton = "loud"\n')
    assert "did you mean 'tone'?" in cli("run", toy, "--config", "wrong.toml").err


def test_a_graph_alone_takes_a_file_of_rows(toy: str, cli: Cli, tmp_path: Path) -> None:
    del toy
    (tmp_path / "rows.csv").write_text("w\nred\nblue\n")
    told = cli(
        "run",
        "toy_package:graph",
        "--rows",
        "rows.csv",
        "--columns",
        "word=w",
        "--speaker",
        SPEAKER,
        "--tone",
        "loud",
        "-o",
        "runs/graph",
        "--json",
    )
    assert told.code == 0, told.err
    assert json.loads(told.out)["summary"]["outcomes"] == {"ok": 2}
    assert "SAY RED" in cli("runs", "show", "runs/graph", "1").out
    assert cli("runs", "retry", "runs/graph").code == 0


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nothing_here:method", "no module is called 'nothing_here'"),
        ("toy_package:absent", "toy_package has nothing called 'absent'"),
        ("toy_package", "write MODULE:NAME"),
        ("json:dumps", "json:dumps is a function"),
    ],
)
def test_what_is_no_method_is_told_in_one_line(toy: str, cli: Cli, reference: str, said: str) -> None:
    del toy
    told = cli("run", reference)
    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err


def test_the_example_runs_as_its_first_lines_say(cli: Cli, tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "own_method.py"
    (tmp_path / "own_method.py").write_text(example.read_text(encoding="utf-8"))
    (tmp_path / "questions.csv").write_text("question\nWhat is 2 + 2?\n")
    told = cli("run", "own_method:graph", "--rows", "questions.csv", "--model", "scripted:script:shout", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["summary"]["usage"]["solver"]["calls"] == 2
