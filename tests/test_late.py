from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from dikast.late import LatePackage, late

FILES = {
    "__init__.py": "import late_heavy.big\nvalue = 'whole'\n__all__ = ['value']\n",
    "big.py": "",
    "sub/__init__.py": "from late_heavy import value\nlength = len(value)\n",
    "sub/small.py": "from late_heavy import other\nsmall = other.one + 1\n",
    "sub/needy.py": "from late_heavy.sub import length\n",
    "other.py": "one = 1\n",
}
BROKEN = "import late_heavy_is_not_here\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package whose `__init__` imports `big`, in which one file of a package below needs only one other."""
    for name, text in FILES.items():
        path = tmp_path / "late_heavy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "late_heavy"
    for name in [name for name in sys.modules if name.partition(".")[0] == "late_heavy"]:
        del sys.modules[name]


def took() -> set[str]:
    return {name.removeprefix("late_heavy.") for name in sys.modules if name.startswith("late_heavy.")}


@pytest.mark.usefixtures("folder")
def test_a_module_is_imported_without_the_packages_that_it_lies_in() -> None:
    before = list(sys.meta_path)
    with late("late_heavy", "late_heavy.sub"):
        small = importlib.import_module("late_heavy.sub.small")
    assert small.small == 2
    assert took() == {"sub", "sub.small", "other"}
    assert sys.meta_path == before


@pytest.mark.usefixtures("folder")
def test_what_only_the_package_can_say_runs_it_once_and_then_it_is_as_any_other() -> None:
    with late("late_heavy"):
        package = importlib.import_module("late_heavy")
        assert isinstance(package, LatePackage)
        assert took() == set()
        assert package.value == "whole"
    assert took() == {"big"}
    assert type(package) is type(sys)
    assert package.__path__
    assert package.__all__ == ["value"]
    assert isinstance(package.__loader__, SourceFileLoader)
    with pytest.raises(AttributeError, match="late_heavy"):
        _ = package.nothing


@pytest.mark.usefixtures("folder")
def test_after_the_block_whatever_is_imported_below_runs_the_packages_first_outermost_first() -> None:
    with late("late_heavy", "late_heavy.sub"):
        importlib.import_module("late_heavy.sub.small")
    assert importlib.import_module("late_heavy.sub.needy").length == len("whole")
    assert "big" in took()


@pytest.mark.usefixtures("folder")
def test_a_name_that_is_nowhere_is_an_attribute_error() -> None:
    with late("late_heavy"):
        package = importlib.import_module("late_heavy")
    with pytest.raises(AttributeError, match="module 'late_heavy' has no attribute 'nothing'"):
        _ = package.nothing


def test_a_package_that_cannot_run_says_so_each_time_it_is_asked(folder: Path) -> None:
    (folder / "__init__.py").write_text(BROKEN, encoding="utf-8")
    with late("late_heavy"):
        package = importlib.import_module("late_heavy")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="late_heavy_is_not_here"):
            _ = package.value


@pytest.mark.usefixtures("folder")
def test_a_package_that_is_there_is_left_as_it_is() -> None:
    package = importlib.import_module("late_heavy")
    with late("late_heavy"):
        assert importlib.import_module("late_heavy") is package
    assert type(package) is type(sys)


def test_nltk_is_whole_for_whoever_asks_after_its_stemmer_was_taken() -> None:
    code = (
        "import sys; from dikast.retrieval.analysis import analyze; print(analyze('Hidden answers'), "
        "'scipy' in sys.modules); import nltk.stem.snowball as s; "
        "print(s.SnowballStemmer('german').stem('häuser'), type(sys.modules['nltk']).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["['hidden', 'answer'] False", "haus module"]
