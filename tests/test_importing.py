from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dikast.errors import UsageError
from dikast.importing import HERE, import_here, import_object


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is an empty one, of which the import system has not heard yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != HERE])
    return tmp_path


def test_what_stands_at_a_place_is_found() -> None:
    assert import_object("dikast.importing:import_here") is import_here


def test_a_module_of_the_current_folder_is_found(folder: Path) -> None:
    (folder / "beside_me.py").write_text("thing = 'ours'\n", encoding="utf-8")
    assert import_object("beside_me:thing") == "ours"
    import_here("beside_me")
    assert sys.path.count(HERE) == 1
    assert sys.path[0] == HERE


@pytest.mark.parametrize("reference", ["", "module", "module:", ":name", "module.name"])
def test_a_reference_of_another_form_is_refused(reference: str) -> None:
    with pytest.raises(UsageError, match="write MODULE:NAME"):
        import_object(reference)


@pytest.mark.parametrize("module", ["no_such_module", "no_such_package.inner", "dikast.no_such_module"])
def test_a_module_that_is_not_there_is_told_with_where_was_looked(module: str, folder: Path) -> None:
    with pytest.raises(UsageError, match=f"no module is called '{module}'") as raised:
        import_object(f"{module}:thing")
    assert str(folder) in raised.value.hint


def test_a_name_that_is_not_in_the_module_is_told() -> None:
    with pytest.raises(UsageError, match="json has nothing called 'nothing'"):
        import_object("json:nothing")


@pytest.mark.parametrize("lacking", ["no_such_module", "needy_and_more"])
def test_what_the_module_itself_lacks_is_not_called_its_absence(folder: Path, lacking: str) -> None:
    """Else people would look for a file that is there."""
    (folder / "needy.py").write_text(f"import {lacking}\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match=lacking):
        import_object("needy:thing")
