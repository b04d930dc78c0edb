"""What must hold of the project as a whole: names, imports, start-up, the wheel."""

from __future__ import annotations

import ast
import inspect
import json
import resource
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path
from typing import get_origin

import pytest
from langgraph.types import Command

import dikast
from dikast import errors
from dikast.graphs import every_graph
from dikast.graphs.drawing import HANDLER, mermaid

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "torch",
    "transformers",
    "trl",
    "vllm",
    "openvino",
    "openvino_genai",
    "pandas",
    "pyserini",
    "faiss",
    "ray",
    "langchain_openai",
    "jinja2",
)
BARE = "import typer, rich.console, rich.table, rich.text"
HELP_RATIO = 1.7
"""CPU seconds of `dikast --help` over those of its bare libraries; 0.8 was measured."""
LONGEST_COMMAND = 60


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names() -> None:
    assert dikast.__all__ == sorted(dikast.__all__)
    assert dikast.__all__ == [
        "DikastError",
        "Document",
        "Ledger",
        "Limits",
        "Outcome",
        "Provenance",
        "RequestCache",
        "Sampling",
        "Structured",
        "Usage",
        "load_model",
        "load_prompt",
        "load_retriever",
        "load_solver",
        "read_run",
        "recording",
        "wait",
    ]
    for name in dikast.__all__:
        assert getattr(dikast, name) is not None
    with pytest.raises(AttributeError):
        dikast.nonsense  # pyright: ignore[reportAttributeAccessIssue] # noqa: B018 # the access is the test


@pytest.mark.parametrize(
    "module",
    [
        "dikast",
        "dikast.cli",
        "dikast.jobs",
        "dikast.graphs",
        "dikast.graphs.genqr",
        "dikast.agents.solver",
        "dikast.training.exports",
        "dikast.training.pairs",
    ],
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    loaded = python(f"import {module}, sys; print(*[name for name in {HEAVY} if name in sys.modules])")
    assert loaded == ""


@pytest.mark.parametrize("module", ["dikast", "dikast.cli", "dikast.graphs.genqr"])
def test_importing_opens_no_socket(module: str) -> None:
    """But for one: urllib3, which LangChain brings along, asks the kernel whether it may bind to ::1, and closes it."""
    guard = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event == 'socket.bind' and args[1] == ('::1', 0): return\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.bind'): raise SystemExit(f'{event} {args}')\n"
        "sys.addaudithook(refuse)\n"
    )
    assert python(f"{guard}import {module}\nprint('quiet')") == "quiet"


def cpu_seconds(*arguments: str) -> float:
    """What an interpreter spends on these; the least of five, since a busy machine's caches are others'."""
    spent: list[float] = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def test_help_comes_at_once() -> None:
    """Against an interpreter that imports what the command line is made of, and does nothing with it."""
    assert "genqr" in python("from dikast.cli import main; import sys; sys.argv = ['dikast', '--help']; main()")
    assert cpu_seconds("-m", "dikast.cli", "--help") <= HELP_RATIO * cpu_seconds("-c", BARE)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = inspect.getdoc(errors) or ""
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "dikast.errors"]
    for kind in classes:
        depth = len(kind.__mro__) - len(errors.DikastError.__mro__)
        mark = {0: "* ", 1: "  x ", 2: "    + "}[depth]
        assert f"\n{mark}{kind.__name__}" in f"\n{drawn}", kind


def test_langgraph_json_names_the_graphs() -> None:
    told = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]
    assert {name: entry["path"] for name, entry in told.items()} == {
        name.replace(".", "_"): f"dikast.graphs.{name}.graph:graph" for name in every_graph()
    }
    assert all(entry["description"] for entry in told.values())


@pytest.mark.parametrize("name", every_graph())
def test_a_method_file_has_its_shape(name: str) -> None:
    module = import_module(f"dikast.graphs.{name}.graph")
    assert f"```mermaid\n{mermaid(module.graph)}\n```" in (module.__doc__ or ""), mermaid(module.graph)
    for part in ("Context", "Input", "Output", "State", "Update", "build"):
        assert hasattr(module, part), part
    assert module.graph.checkpointer is False
    assert module.graph.name == name.replace(".", "_")
    # LangGraph drops unknown keys of an update in silence; a node annotated with Update is checked by pyright.
    for node_name, node in module.build().nodes.items():
        function = node.runnable.afunc or node.runnable.func
        returned = inspect.signature(function, eval_str=True).return_annotation
        # A handler does not follow its node's edges: it must say where to go, or a row may end half-way.
        expected = Command if node_name.startswith(HANDLER) else module.Update
        assert (get_origin(returned) or returned) is expected, function
    for schema in (module.graph.get_input_jsonschema(), module.graph.get_context_jsonschema()):
        assert schema["type"] == "object"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_installs_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"dikast"}
    for needed in (
        "dikast/py.typed",
        "dikast/graphs/genqr/prompts/keywords.txt",
        "dikast/graphs/genqr/prompts/instructions.txt",
        "dikast/viewer/templates/run.html",
        "dikast/viewer/static/viewer.js",
        "dikast/retrieval/collection/corpus.jsonl",
        "dikast/retrieval/collection/qrels.txt",
    ):
        assert needed in names


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked away from the checkout."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def from_wheel(site: Path, code: str, folder: Path) -> str:
    """Run code with the wheel's package in front of the installed dependencies."""
    first = f"import sys; sys.path.insert(0, {str(site)!r}); import dikast; assert {str(site)!r} in dikast.__file__\n"
    command = [sys.executable, "-I", "-W", "error::ResourceWarning", "-c", first + code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_shows_its_help(site: Path, tmp_path: Path) -> None:
    code = "sys.argv = ['dikast', '--help']\nfrom dikast.cli import main; main()"
    assert "genqr" in from_wheel(site, code, tmp_path)


def test_the_wheel_runs_the_readmes_first_example(site: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, after = readme.partition("```python\n")
    assert "[" in from_wheel(site, after.partition("```")[0], tmp_path)


def test_functions_of_the_command_line_are_short() -> None:
    """A command that does not fit on a screen has logic of its own, which belongs to the library."""
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": lines
        for path in (ROOT / "dikast" / "cli").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_COMMAND
    }
    assert long == {}


def test_the_ignores_are_few_and_have_reasons() -> None:
    lines = [
        line
        for folder in ("dikast", "tests", "benchmarks", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "pyright: " + "ignore" in line or "type: " + "ignore" in line
    ]
    assert len(lines) <= 10, lines
    assert all(line.count("#") >= 2 for line in lines), lines


def test_the_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    extras = project["project"]["optional-dependencies"]
    groups = [
        project["project"]["dependencies"],
        extras["cpu"],
        extras["data"],
        extras["view"],
        project["dependency-groups"]["dev"],
    ]
    wanted = [requirement for group in groups for requirement in group]
    names = {requirement.split(">")[0].split("=")[0].split("[")[0].strip().lower() for requirement in wanted}
    assert names <= pinned
