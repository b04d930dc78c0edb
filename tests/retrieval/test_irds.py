"""Collections by name, of ir_datasets: over a stand-in that is always here, and over the package where it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dikast.errors import DataError, MissingExtraError
from dikast.records import Document
from dikast.retrieval import irds
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.trec import read_qrels, read_topics
from tests.retrieval.data_sets import FakeDataset, FakePackage, use

NAME = "toy/pets/test"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> FakePackage:
    return use(monkeypatch)


def test_the_parts_of_a_data_set(package: FakePackage) -> None:
    assert irds.sources(NAME) == irds.sources(f"irds:{NAME}") == dict.fromkeys(irds.KINDS, f"irds:{NAME}")
    assert irds.sources("toy/pets")["qrels"] is None
    assert list(read_corpus(f"irds:{NAME}")) == [Document("d1", "cats purr"), Document("d2", "dogs bark")]
    assert read_topics(f"irds:{NAME}") == {"q1": "cats"}
    assert read_topics(f"irds:{NAME}", fields=["title", "narrative"]) == {"q1": "cats which purr"}
    assert read_qrels(f"irds:{NAME}") == {"q1": {"d1": 2, "d2": 0}}


def test_what_is_wrong(package: FakePackage) -> None:
    with pytest.raises(DataError, match=r"knows no data set 'toy/pet/test' \(did you mean toy/pets/test"):
        list(read_corpus("irds:toy/pet/test"))
    with pytest.raises(DataError, match=r"knows no data set 'zzz' \(https://ir-datasets\.com lists them"):
        irds.sources("zzz")
    with pytest.raises(DataError, match=r"irds:toy/pets: the data set has no qrels \(these have: toy/pets/test\)"):
        read_qrels("irds:toy/pets")
    with pytest.raises(DataError, match=r"query 'q1' has no text 'desc' .*it has query_id, title, narrative"):
        read_topics(f"irds:{NAME}", fields=["desc"])


def test_a_data_set_that_cannot_be_fetched_says_where_it_comes_from(package: FakePackage) -> None:
    class Unreachable(FakeDataset):
        def docs_iter(self) -> Iterator[Any]:
            raise ConnectionError("Max retries exceeded\nwith url: /x.zip " + "x" * 900)

    package.registry["far"] = Unreachable()
    with pytest.raises(
        DataError, match="irds:far: ir_datasets cannot give its docs: ConnectionError: Max retries"
    ) as error:
        list(read_corpus("irds:far"))
    assert "IR_DATASETS_HOME" in error.value.hint
    assert "\n" not in error.value.message
    assert len(error.value.message) < 300


@pytest.mark.parametrize(
    ("queries", "told"),
    [
        ({"q 1": "x"}, "query id 'q 1' is empty or holds white space"),
        ({"q1": " "}, "query 'q1' has no text"),
    ],
)
def test_queries_that_no_run_can_hold(package: FakePackage, queries: Mapping[str, str], told: str) -> None:
    package.registry["odd"] = FakeDataset(queries=queries)
    with pytest.raises(DataError, match=f"irds:odd: {told}"):
        read_topics("irds:odd")


def test_two_grades_of_one_document(package: FakePackage) -> None:
    package.registry["odd"] = FakeDataset(grades=[("q1", "d1", 1), ("q1", "d1", 1), ("q1", "d1", 2)])
    with pytest.raises(DataError, match="irds:odd: document 'd1' has two grades for query 'q1': 1 and 2"):
        read_qrels("irds:odd")


def test_ir_datasets_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    for ask in (lambda: list(read_corpus("irds:vaswani")), lambda: irds.sources("vaswani")):
        with pytest.raises(MissingExtraError, match=r"ir_datasets is not installed \(pip install 'dikast\[irds\]'\)"):
            ask()


def test_the_package_itself(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A data set of our own, registered with it as its documentation says, and two of its own that are not here."""
    monkeypatch.setenv("IR_DATASETS_HOME", str(tmp_path_factory.mktemp("irds")))
    package = pytest.importorskip("ir_datasets", reason="ir_datasets is not installed (extra irds)")
    folder = tmp_path_factory.mktemp("toy")
    for name, text in (("docs", "d1\tcats purr\nd2\tdogs bark\n"), ("queries", "q1\tcats\n"), ("qrels", "q1 0 d1 2\n")):
        (folder / f"{name}.tsv").write_text(text)
    formats, local = package.formats, package.util.LocalDownload
    files = {
        name: package.util.Cache(local(folder / f"{name}.tsv"), folder / f"{name}.tsv")
        for name in ("docs", "queries", "qrels")
    }
    made = package.Dataset(
        formats.TsvDocs(files["docs"]),
        formats.TsvQueries(files["queries"]),
        formats.TrecQrels(files["qrels"], {2: "good"}),
    )
    package.registry.register("dikast-toy", made)
    assert irds.sources("dikast-toy") == dict.fromkeys(irds.KINDS, "irds:dikast-toy")
    assert list(read_corpus("irds:dikast-toy")) == [Document("d1", "cats purr"), Document("d2", "dogs bark")]
    assert read_topics("irds:dikast-toy") == {"q1": "cats"}
    assert read_qrels("irds:dikast-toy") == {"q1": {"d1": 2}}
    assert irds.sources("beir/scifact/test")["qrels"] == "irds:beir/scifact/test"
    with pytest.raises(DataError, match=r"irds:beir/scifact: the data set has no qrels \(these have: beir/scifact/t"):
        read_qrels("irds:beir/scifact")
    with pytest.raises(DataError, match=r"did you mean .*beir/scifact/test"):
        irds.sources("beir/scifakt/test")
