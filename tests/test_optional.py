from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import MissingExtraError
from dikast.optional import needs


def test_a_package_that_is_there_is_given() -> None:
    assert needs("json.decoder").__name__ == "json.decoder"


def test_a_package_that_is_not_installed_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"'no_such_package' is not installed \(pip install 'dikast\[data\]'\)"):
        needs("no_such_package.inner")


def test_a_package_that_lacks_another_one_does_not_count_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needy_package.py").write_text("import no_such_module\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        needs("needy_package")
