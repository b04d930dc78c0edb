"""Stop words, articles and stems of other languages are Lucene's, and `--language` indexes by Lucene's own analyser."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from nltk.stem.snowball import SnowballStemmer

from dikast.errors import RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.analysis import analyze
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index
from dikast.retrieval.languages import ANALYZERS, ARTICLES, LANGUAGES, stop_words
from dikast.retrieval.load import load_retriever
from dikast.retrieval.lucene_build import build_lucene_index
from dikast.retrieval.lucene_java import Anserini
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever
from tests.retrieval.test_languages import GERMAN, TEXTS

OTHERS = sorted(LANGUAGES.keys() - {"en"})
BY_SNOWBALL = ("da", "fi", "hu", "nl", "no", "ro", "ru", "sv")
"""Languages of which Lucene's analyser has no light stemmer."""
SAMPLES = {language: text for language, text, _ in TEXTS}


def named(language: str) -> Any:
    return Anserini.start().type(f"org.apache.lucene.analysis.{language}.{LANGUAGES[language].capitalize()}Analyzer")


def terms_of_lucene(language: str, text: str) -> list[str]:
    utils = Anserini.start().type("io.anserini.analysis.AnalyzerUtils")
    return list(utils.analyze(named(language)(), text).toArray())


@pytest.mark.parametrize("language", OTHERS)
def test_stop_words_are_those_of_lucenes_analyser(language: str) -> None:
    kept = [
        word for word in sorted(stop_words(language)) if terms_of_lucene(language, f"xyz {word} xyz") != ["xyz"] * 2
    ]
    assert kept == []
    assert named(language).getDefaultStopSet().size() == len(stop_words(language))


@pytest.mark.parametrize("language", sorted(ARTICLES))
def test_articles_are_those_of_lucenes_analyser(language: str) -> None:
    held = {one.strip() for one in str(named(language).DEFAULT_ARTICLES.toString()).strip("[]").split(",")}
    assert held == ARTICLES[language]


@pytest.mark.parametrize("language", BY_SNOWBALL)
def test_where_lucene_stems_by_snowball_the_terms_are_the_same(language: str) -> None:
    assert analyze(SAMPLES[language], language) == terms_of_lucene(language, SAMPLES[language])


@pytest.mark.parametrize("language", OTHERS)
def test_stems_are_those_of_lucenes_snowball(language: str) -> None:
    """Over stop words, which are words of everyday; NLTK's Hungarian errs on some."""
    stemmer = Anserini.start().type(f"org.tartarus.snowball.ext.{LANGUAGES[language].capitalize()}Stemmer")()
    ours: Any = SnowballStemmer(LANGUAGES[language])  # untyped
    differing: list[str] = []
    words = sorted(filter(str.isalpha, stop_words(language)))
    for word in words:
        stemmer.setCurrent(word)
        stemmer.stem()
        if ours.stem(word) != stemmer.getCurrent():
            differing.append(word)
    assert len(differing) <= (0.05 if language == "hu" else 0.005) * len(words), differing


def test_anserinis_analysers_are_the_ones_that_are_named() -> None:
    known = Anserini.start().type("io.anserini.analysis.AnalyzerMap").analyzerMap
    assert {language: known.get(language) for language in ANALYZERS} == ANALYZERS


def found(retriever: Retriever, text: str) -> list[Hit]:
    [hits] = asyncio.run(retriever.search([WeightedQuery.from_text(text, retriever.analyze)], 10))
    return hits


def test_an_index_by_language_is_searched_by_that_language(tmp_path: Path) -> None:
    build_lucene_index(GERMAN, tmp_path / "de.lucene", language="de")
    assert json.loads((tmp_path / "de.lucene" / "dikast.json").read_text()) == {"language": "de"}
    retriever = load_retriever(f"lucene:{tmp_path / 'de.lucene'}")
    assert retriever.analyze("Die Häuser der Nachbarinnen") == terms_of_lucene("de", "Die Häuser der Nachbarinnen")
    assert {hit.docid for hit in found(retriever, "Häuser")} == {"d1", "d2"}
    assert retriever.fingerprint()["language"] == "de"
    assert load_retriever(f"lucene:{tmp_path / 'de.lucene'}?language=german").analyze("Häuser") == ["haus"]
    with pytest.raises(RetrievalError, match=r"de\.lucene: an index of language de, not fr"):
        load_retriever(f"lucene:{tmp_path / 'de.lucene'}?language=fr").analyze("x")
    (tmp_path / "de.lucene" / "dikast.json").unlink()
    assert load_retriever(f"lucene:{tmp_path / 'de.lucene'}").analyze("die Häuser") == ["die", "häuser"]
    assert len(found(load_retriever(f"lucene:{tmp_path / 'de.lucene'}?language=de"), "Häuser")) == 2
    (tmp_path / "de.lucene" / "dikast.json").write_text("[")
    with pytest.raises(RetrievalError, match=r"cannot read dikast\.json"):
        load_retriever(f"lucene:{tmp_path / 'de.lucene'}").analyze("x")
    with pytest.raises(UsageError, match="--lucene has no analyser for 'ro'"):
        build_lucene_index(GERMAN, tmp_path / "ro.lucene", language="ro")


def test_native_and_lucene_rank_alike_where_both_stem_by_snowball(tmp_path: Path) -> None:
    texts = ["böckerna i skåpen", "en bok om skåp och bord", "bordet i huset", "husen vid sjön"]
    documents = [Document(f"d{number}", text) for number, text in enumerate(texts)]
    build_lucene_index(documents, tmp_path / "sv.lucene", language="sv")
    lucene, native = load_retriever(f"lucene:{tmp_path / 'sv.lucene'}"), BM25(Index.build(documents, language="sv"))
    for query in ("skåp med böcker", "borden", "ett hus"):
        ours, theirs = found(native, query), found(lucene, query)
        assert [hit.docid for hit in ours] == [hit.docid for hit in theirs] != []
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], rel=1e-5)
