"""Which documents of a haystack answer a subtopic, best first: SummHay's retrievers behind one Protocol.

    ranker = load_ranker("hybrid:bm25+dense")
    ranking = await ranker.rank_haystack(haystack, haystack.subtopics[0])     # [Hit(docid, score), ...]

| spec | ranking |
| --- | --- |
| `bm25[?k1=0.9&b=0.4]`, `rm3[?...]` | native BM25 over the haystack's documents, or with RM3 |
| `dense[:ENCODER]` | cosine of a sentence encoder's vectors (`local:all-minilm-l6-v2`) |
| `keyword` | share of the question's words that the document has |
| `hybrid:RANKER+RANKER` | reciprocal rank fusion of these |
| `random[?seed=0]` | by lot, the same for a subtopic each time |
| `oracle` | how many of the subtopic's insights a document holds; the one ranking that sees it |
| `full` | all documents in the file's order |
| `file:NAME` | the scores of that name in the topic file |
| `bm25:PATH`, `faiss:PATH`, `lucene:PATH`, ... | any retriever of `dikast search`, over documents with the same ids |

Searched with query and subtopic, as the authors do. Equal scores stand in the order of the file.

Retrieval is scored without any language model by `dikast.graphs.summhay.retrieval_scores`.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable
from urllib.parse import parse_qsl

from dikast.errors import DataError, UsageError

if TYPE_CHECKING:
    from dikast.graphs.summhay.haystack import Haystack, Subtopic
    from dikast.retrieval.encoders.encoder import Encoder
    from dikast.retrieval.index import Index
    from dikast.retrieval.retriever import Retriever
    from dikast.retrieval.vectors import Vectors

ENCODER = "local:all-minilm-l6-v2"


class Ranked(NamedTuple):
    """One document of a ranking."""

    docid: str
    score: float


@runtime_checkable
class Ranker(Protocol):
    """Ranks a haystack's documents for a subtopic."""

    @property
    def spec(self) -> str:
        """The string that `load_ranker` turns into this ranker again."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its rankings, the haystack apart."""
        ...

    async def rank_haystack(self, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
        """Documents of the haystack, best first; those that the ranker says nothing of are left out.

        Raises:
            RetrievalError: A retriever failed.
            DataError: The haystack lacks what the ranker needs.
        """
        ...


@dataclass(frozen=True)
class ByScore:
    """A ranker whose score of each document is a plain function of haystack and subtopic."""

    spec: str
    score: Callable[[Haystack, Subtopic], Mapping[str, float]]

    def fingerprint(self) -> Mapping[str, object]:
        """Its spec."""
        return {"ranker": self.spec}

    async def rank_haystack(self, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
        """All documents that have a score."""
        return best_first(haystack, self.score(haystack, subtopic))


def best_first(haystack: Haystack, scores: Mapping[str, float]) -> list[Ranked]:
    """A ranking out of scores; equal ones in the order of the file, strangers left out."""
    known = [docid for docid in haystack.numbers if docid in scores]
    return [Ranked(docid, scores[docid]) for docid in sorted(known, key=lambda docid: -scores[docid])]


def keyword_share(haystack: Haystack, subtopic: Subtopic) -> dict[str, float]:
    """Share of the question's distinct words that a document has; both stemmed, stop words left out."""
    from dikast.graphs.summhay.scores import words_of

    wanted = words_of(subtopic.question)
    texts = {document.document_id: words_of(document.document_text) for document in haystack.documents}
    return {docid: len(wanted & words) / len(wanted) if wanted else 0.0 for docid, words in texts.items()}


def by_lot(seed: int) -> Callable[[Haystack, Subtopic], dict[str, float]]:
    """A number in 0..1 a document, which depends on seed, subtopic and document alone."""

    def draw(haystack: Haystack, subtopic: Subtopic) -> dict[str, float]:
        said = {docid: f"{seed} {subtopic.subtopic_id} {docid}".encode() for docid in haystack.numbers}
        return {docid: random.Random(hashlib.sha256(text).digest()).random() for docid, text in said.items()}

    return draw


def in_the_files_order(haystack: Haystack, subtopic: Subtopic) -> dict[str, float]:
    """The same score for all."""
    del subtopic
    return dict.fromkeys(haystack.numbers, 0.0)


@dataclass(frozen=True)
class Searching:
    """Native BM25 or RM3 over the haystack's own documents, indexed in memory at first use.

    Args:
        spec: As `load_ranker` has it.
        make: The retriever over an index.
    """

    spec: str
    make: Callable[[Index], Retriever]
    _made: dict[str, Retriever] = field(default_factory=dict[str, "Retriever"], repr=False)

    def fingerprint(self) -> Mapping[str, object]:
        """Its spec, and how texts are analysed."""
        from dikast.retrieval.analysis import ANALYZER

        return {"ranker": self.spec, "analyzer": ANALYZER}

    async def rank_haystack(self, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
        """The documents that match a term."""
        from dikast.records import Document
        from dikast.retrieval.index import Index

        if haystack.content_hash not in self._made:
            documents = [Document(one.document_id, one.document_text) for one in haystack.documents]
            self._made[haystack.content_hash] = self.make(await asyncio.to_thread(Index.build, documents))
        return await search(self._made[haystack.content_hash], haystack, subtopic)


async def search(retriever: Retriever, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
    """What a retriever finds for a subtopic among the haystack's documents."""
    from dikast.retrieval.query import WeightedQuery

    query = WeightedQuery.from_text(subtopic.question, retriever.analyze)
    [hits] = await retriever.search([query], DEPTH)
    return best_first(haystack, {hit.docid: hit.score for hit in hits})


@dataclass(frozen=True)
class Foreign:
    """Any retriever over an index of the user's own, whose documents have the haystack's ids."""

    retriever: Retriever

    @property
    def spec(self) -> str:
        """The retriever's."""
        return self.retriever.spec

    def fingerprint(self) -> Mapping[str, object]:
        """The retriever's."""
        return self.retriever.fingerprint()

    async def rank_haystack(self, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
        """What it finds of the haystack's documents.

        Raises:
            DataError: It finds documents, and none of them is the haystack's.
            RetrievalError: It failed.
        """
        found = await search(self.retriever, haystack, subtopic)
        if not found and await search_anything(self.retriever, subtopic):
            hint = "build the index over the haystack's documents, under their document_id"
            raise DataError(f"{self.spec}: none of the documents found is in haystack {haystack.topic_id!r}", hint=hint)
        return found


async def search_anything(retriever: Retriever, subtopic: Subtopic) -> bool:
    """Whether a retriever finds any document at all."""
    from dikast.retrieval.query import WeightedQuery

    [hits] = await retriever.search([WeightedQuery.from_text(subtopic.question, retriever.analyze)], 1)
    return bool(hits)


@dataclass(frozen=True)
class Dense:
    """Cosine of a sentence encoder's vectors. A document is cut at the encoder's own length.

    Args:
        encoder: What encodes.
    """

    encoder: Encoder
    _vectors: dict[str, Vectors] = field(default_factory=dict[str, Any], repr=False)

    @property
    def spec(self) -> str:
        """`dense:ENCODER`."""
        return f"dense:{self.encoder.spec}"

    def fingerprint(self) -> Mapping[str, object]:
        """The encoder's."""
        return {"ranker": "dense", **self.encoder.fingerprint()}

    async def rank_haystack(self, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
        """All documents."""
        from dikast.retrieval.encoders.encoder import encode, normalised

        if haystack.content_hash not in self._vectors:
            texts = [one.document_text for one in haystack.documents]
            self._vectors[haystack.content_hash] = normalised(await encode(self.encoder, texts, "document"))
        [query] = normalised(await encode(self.encoder, [subtopic.question], "query"))
        near = (self._vectors[haystack.content_hash] @ query).tolist()
        return best_first(haystack, dict(zip(haystack.numbers, near, strict=True)))


@lru_cache(maxsize=8)
def load_dense(spec: str) -> Dense:
    """The dense ranker over an encoder; the same one for the same spec, so that documents are encoded once."""
    from dikast.retrieval.encoders.encoder import load_encoder

    return Dense(load_encoder(spec))


@dataclass(frozen=True)
class Fused:
    """Reciprocal rank fusion of several rankers."""

    rankers: Sequence[Ranker]

    @property
    def spec(self) -> str:
        """`hybrid:RANKER+RANKER`."""
        return f"hybrid:{'+'.join(ranker.spec for ranker in self.rankers)}"

    def fingerprint(self) -> Mapping[str, object]:
        """Those of its rankers."""
        return {"ranker": "hybrid", "rankers": [dict(ranker.fingerprint()) for ranker in self.rankers]}

    async def rank_haystack(self, haystack: Haystack, subtopic: Subtopic) -> list[Ranked]:
        """The documents that any of them ranks."""
        from dikast.retrieval.fusion import rrf
        from dikast.retrieval.retriever import Hit

        rankings = await asyncio.gather(*(ranker.rank_haystack(haystack, subtopic) for ranker in self.rankers))
        fused = rrf([[Hit(one.docid, one.score) for one in ranking] for ranking in rankings])
        return best_first(haystack, {hit.docid: hit.score for hit in fused})


def load_ranker(source: object) -> Ranker:
    """A ranker from its spec, or around a retriever; see the module's description.

    Raises:
        UsageError: There is none of that name, or a parameter makes no sense.
    """
    if not isinstance(source, str):
        return around(source)
    name, _, rest = source.partition(":")
    bare, _, query = source.partition("?")
    if bare in ("bm25", "rm3"):
        return searching(source, bare, query)
    if bare == "random":
        return ByScore(source, by_lot(whole_number(source, dict(parse_qsl(query)))))
    if source in PLAIN:
        return ByScore(source, PLAIN[source])
    if name == "dense":
        return load_dense(rest or ENCODER)
    if name == "hybrid" and rest and all(is_ranker(part) for part in rest.split("+")):
        return Fused([load_ranker(part) for part in rest.split("+")])
    if name == "file" and rest:
        return ByScore(source, lambda haystack, subtopic: haystack.ranking(subtopic, rest))
    from dikast.retrieval.load import SCHEMES, load_retriever

    if name in SCHEMES and rest:
        return Foreign(load_retriever(source))
    hint = f"one of {', '.join(NAMES)}, or a retriever of 'dikast search' over the same documents, such as bm25:PATH"
    raise UsageError(f"ranker {source!r:.200} is unknown", hint=hint)


def around(source: object) -> Ranker:
    """A live ranker as it is, or one around a live retriever.

    Raises:
        UsageError: It is neither.
    """
    from dikast.retrieval.retriever import Retriever

    if isinstance(source, Ranker):
        return source
    if isinstance(source, Retriever):
        return Foreign(source)
    raise UsageError(
        f"not a ranker: {source!r:.60}", hint="give a spec, a retriever, or an object with rank_haystack()"
    )


def searching(spec: str, name: str, query: str) -> Searching:
    """The ranker of `bm25?k1=..&b=..` or `rm3?...`; the parameters are those of the retriever's spec.

    Raises:
        UsageError: A parameter is unknown or out of its range.
    """
    from dikast.retrieval.bm25 import BM25
    from dikast.retrieval.load import parameters_of
    from dikast.retrieval.rm3 import RM3

    given = parameters_of(name, query, spec)
    own = {key: value for key, value in given.items() if key in ("k1", "b")}
    more = {key: value for key, value in given.items() if key not in own}

    def make(index: Index) -> Retriever:
        native = BM25(index, **own)
        return native if name == "bm25" else RM3(native, **more)

    return Searching(spec, make)


def whole_number(spec: str, given: Mapping[str, str]) -> int:
    """The seed of `random?seed=3`; 0 without one.

    Raises:
        UsageError: There is another parameter, or it is no whole number.
    """
    seed = given.get("seed", "0")
    if set(given) - {"seed"} or not seed.isdecimal():
        raise UsageError(f"ranker {spec!r:.200}: random takes seed, a whole number", hint="random?seed=3")
    return int(seed)


def is_ranker(part: str) -> bool:
    """Whether a part of `hybrid:` is one of the rankers here, and not a retriever's spec or option."""
    return part.partition("?")[0].partition(":")[0] in NAMES and not part.startswith(("bm25:", "rm3:"))


PLAIN: Mapping[str, Callable[[Haystack, Subtopic], Mapping[str, float]]] = {
    "keyword": keyword_share,
    "oracle": lambda haystack, subtopic: haystack.incidence(subtopic),
    "full": in_the_files_order,
}
NAMES = ("bm25", "rm3", "dense", "hybrid", "random", "file", *PLAIN)
DEPTH = 100_000
"""Documents asked of a retriever: all that a haystack has."""
