"""What is asked of every method: its folder's shape, a word on each knob, and that the rest is made from it."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

from dikast.cli.options import INPUT
from dikast.cli.parameters import knobs_of, marks_of
from dikast.flags import NoFlag, SamplingOf
from dikast.graphs import METHODS, every_graph, load_method
from dikast.graphs.method import Calls, Method, load_object

ROOT = Path(__file__).resolve().parents[2]
FILES = ("__init__.py", "method.py", "context.py", "graph.py", "records.py", "story.py", "report.py", "options.py")


@pytest.mark.parametrize("name", every_graph())
def test_a_graphs_folder_has_its_shape(name: str) -> None:
    folder = ROOT.joinpath("dikast", "graphs", *name.split("."))
    assert not [file for file in FILES if not (folder / file).is_file()]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_prompts_a_page_and_tests(name: str) -> None:
    folder = ROOT / "dikast" / "graphs" / name
    assert list((folder / "prompts").glob("*.txt"))
    assert (ROOT / "docs" / "methods" / f"{name}.md").is_file()
    assert (ROOT / "tests" / "graphs" / name).is_dir()


@pytest.mark.parametrize("name", every_graph())
def test_each_knob_has_a_word_and_a_flag_or_a_reason(name: str) -> None:
    method = load_method(name)
    models: list[tuple[type[BaseModel], str]] = [(method.context, "Method"), (method.options, INPUT)]
    for model, panel in models:
        flags = {knob.field for knob in knobs_of(model, panel)}
        for field, info in model.model_fields.items():
            assert info.description, f"{model.__name__}.{field} has no docstring"
            marks = marks_of(info)
            reason = marks[NoFlag].reason if NoFlag in marks else ""
            assert field in flags or reason or field == "seed", f"{field} has neither a flag nor a reason"


@pytest.mark.parametrize("name", every_graph())
def test_decoding_parameters_are_those_of_a_role_that_has_a_flag(name: str) -> None:
    context = load_method(name).context
    roles = {knob.name for knob in knobs_of(context) if not knob.part}
    for info in context.model_fields.values():
        if (mark := marks_of(info).get(SamplingOf)) is not None:
            assert mark.role in roles or (name, mark.role) in ITS_OWN_JUDGE, mark


ITS_OWN_JUDGE = {("rest_mcts.rounds", "judge")}
"""Where a role is played by another role's model, with decoding parameters of its own: the policy judges itself."""


@pytest.mark.parametrize("name", every_graph())
def test_what_a_method_names_is_there(name: str) -> None:
    method = load_method(name)
    assert isinstance(method, Method)
    assert method.load_graph().name == name.replace(".", "_")
    for part in (method.report, method.story):
        assert part is not None
        assert callable(load_object(part.__name__))
    for export in method.exports.values():
        assert export.about().title


@pytest.mark.parametrize("name", every_graph())
def test_calls_are_counted_as_calls(name: str) -> None:
    method = load_method(name)
    assert method.calls is not None
    assert Calls.__name__ in str(inspect.signature(method.calls).return_annotation)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_imports_no_other(name: str) -> None:
    others = [one for one in METHODS if one != name]
    for file in (ROOT / "dikast" / "graphs" / name).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [one for one in others for module in named if module.startswith(f"dikast.graphs.{one}")], file


@pytest.mark.parametrize("name", every_graph())
def test_looking_at_a_methods_knobs_loads_no_library(name: str) -> None:
    heavy = ("langgraph", "langchain_core", "langsmith", "numpy", "scipy", "pandas", "torch")
    code = f"import sys, dikast.graphs.{name}.method; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("first", ["", ".graph", ".context"])
@pytest.mark.parametrize("name", METHODS)
def test_graph_is_the_compiled_graph_whichever_is_imported_first(name: str, first: str) -> None:
    code = f"import dikast.graphs.{name}{first}; from dikast.graphs import {name} as m; print(type(m.graph).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "AsyncGraph"


def test_every_public_name_of_a_method_is_found() -> None:
    for name in METHODS:
        package = import_module(f"dikast.graphs.{name}")
        for one in package.__all__:
            assert getattr(package, one) is not None, one
