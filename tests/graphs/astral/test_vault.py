from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dikast.errors import (
    UsageError,
)
from dikast.graphs.astral.vault import FileVault, MemoryVault, load_vault, read_vault


def test_a_vault_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "withheld.jsonl"
    first = FileVault(path)
    first.keep({"case": "1"})
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b'{"case": "2", "rep')
    FileVault(path).keep({"case": "3"})
    assert [record["case"] for record in read_vault(path)] == ["1", "3"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_vault_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Exception, match="cannot be written"):
        FileVault(tmp_path / "link").keep({"case": "1"})
    assert not (tmp_path / "elsewhere").exists()


def test_a_token_is_good_once() -> None:
    vault = MemoryVault()
    token = vault.hold("text")
    assert vault.take(token) == "text"
    with pytest.raises(UsageError):
        vault.take(token)
    with pytest.raises(UsageError):
        load_vault("somewhere")
