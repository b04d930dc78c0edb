from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from dikast.graphs import METHODS, PUBLIC
from dikast.lazy import open_module

INIT = """
from dikast.lazy import open_package
open_package(__name__, {"Context": "context", "graph": "graph"})
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of two files, one of which defines something of its own name."""
    folder = tmp_path / "lazy_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(INIT, encoding="utf-8")
    (folder / "context.py").write_text("class Context: ...\n", encoding="utf-8")
    (folder / "graph.py").write_text("graph = 'the graph'\n", encoding="utf-8")
    (folder / "other.py").write_text("other = 'a value'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("lazy_package")
    for name in [name for name in sys.modules if name.partition(".")[0] == "lazy_package"]:
        del sys.modules[name]


def test_a_file_is_loaded_when_its_name_is_asked_for_and_no_other(package: ModuleType) -> None:
    assert "lazy_package.context" not in sys.modules
    assert package.Context.__name__ == "Context"
    assert "lazy_package.context" in sys.modules
    assert "lazy_package.graph" not in sys.modules
    assert package.Context is package.Context


@pytest.mark.parametrize("file_first", [True, False])
def test_where_name_and_file_are_one_word_it_is_what_the_file_defines(package: ModuleType, file_first: bool) -> None:
    if file_first:
        importlib.import_module("lazy_package.graph")
    assert package.graph == "the graph"
    importlib.import_module("lazy_package.graph")
    assert package.graph == "the graph"


def test_a_file_that_is_no_public_name_is_a_module_as_ever(package: ModuleType) -> None:
    other = importlib.import_module("lazy_package.other")
    assert package.other is other


def test_another_value_may_be_set_under_a_public_name(package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "graph", "mine")
    assert package.graph == "mine"


@pytest.mark.parametrize("name", ["nothing", "__nothing__"])
def test_a_name_that_is_not_there_is_an_attribute_error(package: ModuleType, name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'lazy_package' has no attribute '{name}'"):
        getattr(package, name)


def test_all_names_are_listed_loaded_or_not(package: ModuleType) -> None:
    assert {"Context", "graph", "__name__"} <= set(dir(package))
    assert "lazy_package.graph" not in sys.modules


@pytest.mark.usefixtures("package")
def test_a_module_is_imported_when_something_of_it_is_asked_for() -> None:
    other = open_module("lazy_package.other")
    assert "lazy_package.other" not in sys.modules
    assert other.other == "a value"
    assert "lazy_package.other" in sys.modules
    with pytest.raises(AttributeError, match="nothing"):
        _ = other.nothing


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_what_it_lists_and_lists_what_every_method_gives(name: str) -> None:
    package = importlib.import_module(f"dikast.graphs.{name}")
    assert set(package.__all__) == set(package.homes) >= set(PUBLIC)
    for public in package.__all__:
        home = importlib.import_module(f"{package.__name__}.{package.homes[public]}")
        assert getattr(package, public) is getattr(home, public)
