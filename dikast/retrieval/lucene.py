"""Lucene itself: BM25, and RM3 as Anserini does it, over Anserini's index folders and pyserini's prebuilt ones.

    lucene = load_retriever("lucene:robust.lucene")             # dikast index build CORPUS -o robust.lucene --lucene
    lucene = load_retriever("lucene-rm3:beir-v1.0.0-scifact.flat")
    [hits] = await lucene.search([WeightedQuery({"batteri": 2.0, "car": 1.0}, "car battery")], k=10)

Weighted-term queries are Lucene's own: one boosted term query a term. Anserini's RM3 takes a query's text only; here
its formula is computed over Lucene's rankings and document vectors, so that weighted queries have it too. Native `bm25`
and `rm3` give the same rankings without Java; this is for who has an index already, and for checking that claim.

RM3 needs an index with document vectors (Anserini's `-storeDocvectors`), `documents` one with contents or raw texts.
An index that `dikast index build --lucene` made says in which language it was analysed, and is searched in that. One
that was made otherwise is searched by Anserini's English analysis, or by what `?language=de` asks for. None says which
similarity it was made for.

Searches of one process follow one another: see `dikast.retrieval.lucene_java.Anserini.alone`.

Not done: analysers by class, fields, impact indexes, Lucene's dense indexes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from dikast.errors import RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.bm25 import K1, B
from dikast.retrieval.languages import ANALYZERS, ENGLISH, agree, language_of
from dikast.retrieval.lucene_build import SETTINGS, check_language, language_in
from dikast.retrieval.lucene_java import Anserini, prebuilt
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.rm3 import FB_DOCS, FB_TERMS, ORIGINAL_WEIGHT, feedback_terms, interpolate, relevance_model

CONTENTS, ID = "contents", "id"
"""Anserini's names of the fields, io.anserini.index.Constants."""
FOOTER_BYTES = 16
"""Every file of an index ends with its own checksum (org.apache.lucene.codecs.CodecUtil)."""
LOCK = "write.lock"
NOT_STORED = "NotStoredException"
NO_VECTORS = "index with -storeDocvectors, as dikast index build --lucene does"
REASON_CHARACTERS = 300
MOST_CLAUSES = 1_000_000
"""Lucene's own limit of 1,024 is against users who write wildcards; expansions of long texts pass it."""


@dataclass(frozen=True)
class Feedback:
    """RM3's parameters: see `dikast.retrieval.rm3`.

    Raises:
        UsageError: A parameter is out of its range.
    """

    fb_docs: int = FB_DOCS
    fb_terms: int = FB_TERMS
    original_weight: float = ORIGINAL_WEIGHT

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.fb_docs < 1 or self.fb_terms < 1 or not 0 <= self.original_weight <= 1:
            what = f"fb_docs={self.fb_docs}, fb_terms={self.fb_terms}, original_weight={self.original_weight}"
            raise UsageError(f"{what}: at least 1, at least 1, between 0 and 1")


class Lucene:
    """Ranks the documents of one Lucene index; Java starts and the index opens at first use.

    Args:
        source: An index folder, or the name of one of pyserini's prebuilt indexes.
        k1: How fast repeated terms saturate, from 0.
        b: How much long documents are held back, 0 to 1.
        feedback: RM3's parameters; BM25 alone by default.
        language: Whose analyser reads queries: what the index says, or English, by default.

    Raises:
        UsageError: A parameter is out of its range.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        k1: float = K1,
        b: float = B,
        feedback: Feedback | None = None,
        language: str | None = None,
    ) -> None:
        if not (0 <= k1 < float("inf") and 0 <= b <= 1):
            raise UsageError(f"k1={k1}, b={b}: k1 is at least 0 and b between 0 and 1")
        self.source, self.k1, self.b, self.feedback = str(source), k1, b, feedback
        self._asked = None if language is None else language_of(language)
        self._opening = threading.Lock()
        self._opened: _Open | None = None

    @property
    def spec(self) -> str:
        """`lucene:PATH?k1=..&b=..`, or `lucene-rm3:` with the feedback's parameters."""
        more = "" if self._asked is None else f"&language={self._asked}"
        more += "".join(f"&{name}={value}" for name, value in asdict(self.feedback).items()) if self.feedback else ""
        return f"lucene{'-rm3' if self.feedback else ''}:{self.source}?k1={self.k1}&b={self.b}{more}"

    def fingerprint(self) -> dict[str, object]:
        """Hash of the index's files, and the parameters. The same collection indexed again has other files."""
        opened = self._open()
        told: dict[str, object] = {"retriever": "lucene", "index": opened.content_hash}
        told |= {} if opened.language == ENGLISH else {"language": opened.language}
        return told | {"k1": self.k1, "b": self.b} | (asdict(self.feedback) if self.feedback else {})

    def analyze(self, text: str) -> list[str]:
        """Text to index terms by the language's analyser, in order, repeats kept; starts Java."""
        opened = self._open()
        with opened.java.alone:
            return opened.analyze(text)

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        """The top `k` of each query, best first, ties by document id; documents that match no term are absent.

        Raises:
            RetrievalError: The index cannot be opened or searched.
            MissingExtraError: Java, pyserini or pyjnius is missing, or Java is too old.
            UsageError: `k` is below 1.
        """
        if k < 1:
            raise UsageError(f"k={k}: at least 1 document has to be asked for")
        opened = self._opened or await asyncio.to_thread(self._open)
        return await asyncio.to_thread(lambda: [self._search(opened, query, k) for query in queries])

    async def expanded(self, queries: Sequence[WeightedQuery]) -> list[WeightedQuery]:
        """Each query as it is searched: with RM3's terms and weights, if there is feedback; errors as `search`."""
        opened = self._opened or await asyncio.to_thread(self._open)
        return await asyncio.to_thread(lambda: [self._expanded(opened, query) for query in queries])

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        """The documents of these ids, in this order.

        Raises:
            RetrievalError: An id is not in the index, or the index holds no texts.
        """
        opened = self._opened or await asyncio.to_thread(self._open)
        return await asyncio.to_thread(self._documents, opened, docids)

    def _open(self) -> _Open:
        with self._opening:
            if self._opened is None:
                java, folder = Anserini.start(), Path(self.source)
                folder = folder if folder.is_dir() else self._prebuilt()
                language = agree(language_in(folder), self._asked, folder)
                check_language(language)
                with java.alone:
                    self._opened = _Open(java, folder, self.k1, self.b, language)
            return self._opened

    def _prebuilt(self) -> Path:
        if os.sep in self.source or Path(self.source).exists():
            hint = "dikast index build CORPUS -o DIR --lucene makes one"
            raise RetrievalError(f"{self.source}: not an index folder", hint=hint)
        return prebuilt(self.source)

    def _search(self, opened: _Open, query: WeightedQuery, k: int) -> list[Hit]:
        with opened.told():
            return opened.search(self._expanded(opened, query).terms, k)

    def _expanded(self, opened: _Open, query: WeightedQuery) -> WeightedQuery:
        if self.feedback is None:
            return query
        with opened.told():
            return WeightedQuery(opened.expand(query.terms, self.feedback), query.text)

    def _documents(self, opened: _Open, docids: Sequence[str]) -> list[Document]:
        with opened.java.alone:
            return [opened.document(docid) for docid in docids]


class _Open:
    """An open index folder; who calls holds `Anserini.alone`."""

    def __init__(self, java: Anserini, folder: Path, k1: float, b: float, language: str) -> None:
        self.java, self.folder, self.language = java, folder, language
        lucene = "org.apache.lucene"
        try:
            path = java.type("java.nio.file.Paths").get(str(folder))
            directory = java.type(f"{lucene}.store.FSDirectory").open(path)
            opened = java.type(f"{lucene}.index.DirectoryReader").open(directory)
        except java.failure as error:
            hint = "is it an index of this Lucene, and whole? dikast index build CORPUS -o DIR --lucene makes one"
            raise RetrievalError(f"{folder}: cannot open the Lucene index: {_reason(error)}", hint=hint) from error
        self.reader = java.cast(f"{lucene}.index.IndexReader", opened)
        self.documents = int(self.reader.numDocs())
        self._frequencies: dict[str, int] = {}
        self._json = java.type("com.fasterxml.jackson.databind.ObjectMapper")()
        self.searcher = java.type(f"{lucene}.search.IndexSearcher")(self.reader)
        self.searcher.setSimilarity(java.type(f"{lucene}.search.similarities.BM25Similarity")(k1, b))
        java.type(f"{lucene}.search.IndexSearcher").setMaxClauseCount(MOST_CLAUSES)
        field = java.type(f"{lucene}.search.SortField")
        by_docid = field(ID, java.type(f"{lucene}.search.SortField$Type").STRING_VAL)
        self.sort = java.type(f"{lucene}.search.Sort")(field.FIELD_SCORE, by_docid)
        english = "io.anserini.analysis.DefaultEnglishAnalyzer"
        self.analyzer = (
            java.type(english).newDefaultInstance() if language == ENGLISH else java.type(ANALYZERS[language])()
        )
        self.content_hash = _content_hash(folder)

    @contextmanager
    def told(self) -> Generator[None]:
        """Alone with Java, whose failures are told as ours."""
        with self.java.alone:
            try:
                yield
            except self.java.failure as error:
                raise RetrievalError(f"{self.folder}: Lucene: {_reason(error)}") from error

    def analyze(self, text: str) -> list[str]:
        return list(self.java.type("io.anserini.analysis.AnalyzerUtils").analyze(self.analyzer, text).toArray())

    def query(self, terms: Mapping[str, float]) -> Any:
        """A disjunction of boosted terms."""
        lucene = "org.apache.lucene"
        term, term_query = self.java.type(f"{lucene}.index.Term"), self.java.type(f"{lucene}.search.TermQuery")
        boost = self.java.type(f"{lucene}.search.BoostQuery")
        should = self.java.type(f"{lucene}.search.BooleanClause$Occur").SHOULD
        builder = self.java.type(f"{lucene}.search.BooleanQuery$Builder")()
        for name, weight in terms.items():
            builder.add(boost(term_query(term(CONTENTS, name)), weight), should)
        return builder.build()

    def search(self, terms: Mapping[str, float], k: int) -> list[Hit]:
        wrong = next((weight for weight in terms.values() if not 0 <= weight < float("inf")), None)
        if wrong is not None:
            raise RetrievalError(f"a query term weighs {wrong}; Lucene takes no weight below 0")
        top = self.searcher.search(
            self.query({term: weight for term, weight in terms.items() if weight}), k, self.sort, True
        )
        # Whole arrays: crossing from Java once a hit would take most of the time.
        found = self.java.type("io.anserini.search.ScoredDocs").fromTopDocs(top, self.searcher)
        return [Hit(docid, score) for docid, score in zip(found.docids, found.scores, strict=True)]

    def expand(self, terms: Mapping[str, float], feedback: Feedback) -> Mapping[str, float]:
        """The query mixed with the relevance model of the first ranking's top documents."""
        ranked = self.search(terms, feedback.fb_docs)
        if not ranked:
            return terms
        model = relevance_model([(self._vector(hit.docid, feedback), hit.score) for hit in ranked], feedback.fb_terms)
        return interpolate(terms, model, feedback.original_weight)

    def _vector(self, docid: str, feedback: Feedback) -> dict[str, int]:
        """A document's most frequent terms that may be feedback, out of the vector that Lucene holds."""
        try:
            held = self.java.type("io.anserini.index.IndexReaderUtils").getDocumentVector(self.reader, docid)
        except self.java.failure as error:
            if NOT_STORED not in str(error):
                raise
            raise RetrievalError(f"{self.folder}: no document vectors, which RM3 needs", hint=NO_VECTORS) from error
        # As JSON, a crossing from Java; entry by entry it would be several a term.
        counts = json.loads(self._json.writeValueAsString(held))
        return feedback_terms(counts, self.documents, self._document_frequency, feedback.fb_terms, self.language)

    def _document_frequency(self, term: str) -> int:
        if term not in self._frequencies:
            name = self.java.type("org.apache.lucene.index.Term")(CONTENTS, term)
            self._frequencies[term] = int(self.reader.docFreq(name))
        return self._frequencies[term]

    def document(self, docid: str) -> Document:
        reader = self.java.type("io.anserini.index.IndexReaderUtils")
        contents = reader.documentContents(self.reader, docid)
        if contents is not None:
            return Document(docid, contents)
        raw = reader.documentRaw(self.reader, docid)
        if raw is not None:
            return Document(docid, _contents(raw))
        if reader.document(self.reader, docid) is None:
            raise RetrievalError(f"{self.folder}: no document {docid!r}")
        hint = "index with -storeContents or -storeRaw, as dikast index build --lucene does"
        raise RetrievalError(f"{self.folder}: the index holds no texts", hint=hint)


def _contents(raw: str) -> str:
    """The text in a stored source record: Anserini's or BEIR's JSON, else the record itself."""
    try:
        record = json.loads(raw)
    except ValueError:
        return raw
    if not isinstance(record, dict):
        return raw
    fields = cast("dict[str, Any]", record)
    if "contents" in fields:
        return str(fields["contents"])
    parts = [str(fields[name]) for name in ("title", "text") if fields.get(name)]
    return " ".join(parts) or raw


def _content_hash(folder: Path) -> str:
    """Of every file's name, length and own checksum."""
    content = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name not in (LOCK, SETTINGS)):
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - FOOTER_BYTES))
            content.update(f"{path.name} {length} ".encode() + file.read() + b"\n")
    return content.hexdigest()[:32]


def _reason(error: Exception) -> str:
    """What Java said, on one bounded line, without the stack."""
    return " ".join(str(error).removeprefix("JVM exception occurred: ").splitlines()[0].split())[:REASON_CHARACTERS]
