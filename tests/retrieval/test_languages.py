"""Other languages: names, stop words, stems, and that an index is searched in its own."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from dikast.errors import RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval import store
from dikast.retrieval.analysis import ANALYZER, analyze, analyzer_of
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.build import write_index
from dikast.retrieval.index import Index, build_index
from dikast.retrieval.languages import ARTICLES, LANGUAGES, agree, language_of, stop_words, without_article
from dikast.retrieval.load import load_retriever
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.rm3 import RM3

GERMAN = [
    Document("d1", "Die Häuser der Nachbarn waren groß"),
    Document("d2", "Das Haus und der Garten"),
    Document("d3", "Ein Boot auf dem Fluss"),
]


TEXTS = [
    ("da", "bøgerne i de gamle skabe", "bøg gaml skab"),
    ("de", "Die Häuser der Nachbarn waren GROẞ und schön", "haus nachbarn gross schon"),
    ("es", "las bibliotecas están cerradas", "bibliotec cerr"),
    ("fi", "kirjastoissa on kirjoja", "kirjasto kirj"),
    ("fr", "L'avion d’hier n'atterrissait qu'à Lyon", "avion hi atterr lyon"),
    ("hu", "a könyvtárakban vannak", "könyvtár"),
    ("it", "nell'acqua dell’isola", "acqua isol"),
    ("nl", "de huizen en het lichamelijke", "huiz licham"),
    ("no", "bøkene i skapene", "bøk skap"),
    ("pt", "as bibliotecas fechadas", "bibliotec fech"),
    ("ro", "casele şi grădinile", "cas grădin"),
    ("ru", "книги на столах", "книг стол"),
    ("sv", "böckerna i skåpen", "böck skåp"),
    ("en", "The neighbour's houses", "neighbour hous"),
]


def test_a_language_is_called_by_either_name() -> None:
    assert [language_of(name) for name in ("de", "German", " DUTCH ", "no", "norwegian", "en")] == [
        *("de", "de", "nl", "no", "no", "en")
    ]
    for name in ("", "klingon", "ger", "snowball-german-1"):
        with pytest.raises(UsageError, match=r"no analysis for the language.*da \(danish\)"):
            language_of(name)


@pytest.mark.parametrize(("language", "text", "terms"), TEXTS)
def test_terms(language: str, text: str, terms: str) -> None:
    """As Snowball's own stemmers have them, which the Lucene lane compares over Lucene's."""
    assert " ".join(analyze(text, language)) == terms


def test_every_language_has_stop_words_that_leave_nothing() -> None:
    for language in LANGUAGES.keys() - {"en"}:
        words = stop_words(language)
        assert len(words) > 90
        assert all(word == word.lower() for word in words)
        assert analyze(" ".join(sorted(words)), language) == []
    assert analyze("der the", "de") == ["the"]
    assert analyze("der the", "en") == ["der"]


def test_an_article_goes_with_its_apostrophe_only() -> None:
    assert without_article("l'avion", "fr") == without_article("L’avion", "fr").lower() == "avion"
    assert without_article("aujourd'hui", "fr") == "aujourd'hui"
    assert without_article("lavion", "fr") == "lavion"
    assert without_article("dell'isola", "fr") == "dell'isola"
    assert ARTICLES.keys() == {"fr", "it"}


def test_two_languages_agree_or_are_told() -> None:
    assert agree("", None, "x") == "en"
    assert agree("", "de", "x") == agree("de", None, "x") == agree("de", "de", "x") == "de"
    with pytest.raises(RetrievalError, match="x: an index of language de, not fr"):
        agree("de", "fr", "x")


def test_an_index_is_searched_in_its_own_language(tmp_path: Path) -> None:
    built = build_index(GERMAN, tmp_path / "de.index", language="de")
    assert (built.language, built.analyze("Häuser")) == ("de", ["haus"])
    bm25 = BM25(tmp_path / "de.index")
    [hits] = asyncio.run(bm25.search([WeightedQuery.from_text("Häuser", bm25.analyze)], 10))
    assert [hit.docid for hit in hits] == ["d2", "d1"]
    assert bm25.fingerprint()["analyzer"] == "snowball-german-1"
    english = Index.build(GERMAN)
    assert english.language == "en"
    assert english.content_hash != built.content_hash
    assert english.document_frequency("hau") == 1
    for asked in ("de", "german"):
        assert load_retriever(f"bm25:{tmp_path / 'de.index'}?language={asked}").analyze("Häuser") == ["haus"]
    for scheme in ("bm25", "rm3"):
        with pytest.raises(
            RetrievalError, match=r"de\.index: an index of language de, not fr \(without a language it is"
        ):
            load_retriever(f"{scheme}:{tmp_path / 'de.index'}?language=fr").analyze("x")
    with pytest.raises(RetrievalError, match="the index in memory: an index of language en, not de"):
        asyncio.run(BM25(english, language="de").search([WeightedQuery({"x": 1.0}, "x")], 1))


def test_a_collection_is_indexed_in_the_language_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text("".join(f"{one.docid}\t{one.contents}\n" for one in GERMAN), encoding="utf-8")
    retriever = load_retriever(f"bm25:{tmp_path / 'c.tsv'}?language=german")
    assert retriever.spec.endswith("?k1=0.9&b=0.4&language=de")
    assert load_retriever(retriever.spec).fingerprint() == retriever.fingerprint()
    assert retriever.fingerprint() != load_retriever(f"bm25:{tmp_path / 'c.tsv'}").fingerprint()
    [hits] = asyncio.run(retriever.search([WeightedQuery.from_text("Häuser", retriever.analyze)], 10))
    assert len(hits) == 2
    with pytest.raises(UsageError, match="no analysis for the language 'xx'"):
        load_retriever("bm25:c.tsv?language=xx")


def test_an_index_that_says_no_language_is_english(tmp_path: Path) -> None:
    """Those that were built before there were others."""
    out = io.BytesIO()
    write_index(GERMAN, out)
    stored = store.read(out.getbuffer(), "x", unchecked=["texts"])
    assert stored.meta.pop("language") == "en"
    assert stored.meta["analyzer"] == ANALYZER == analyzer_of("en")
    assert Index(stored, "x").language == "en"


async def test_feedback_in_other_languages_may_be_of_any_letters() -> None:
    texts = [Document("d1", "книги переводить"), *(Document(f"f{number}", f"слово{number}") for number in range(20))]
    for language, found in (("ru", {"книг": 0.5 + 0.25, "перевод": 0.25}), ("en", {"книги": 0.5})):
        bm25 = BM25(Index.build(texts, language=language))
        query = WeightedQuery.from_text("книги", bm25.analyze)
        [hits] = await bm25.search([query], 2)
        expanded = RM3(bm25, original_weight=0.5).expand(query, hits)
        assert expanded.terms == pytest.approx(found)
