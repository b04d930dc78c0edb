"""A haystack: documents into which insights were planted, in the file schema of SummHay's authors.

    haystack = read_haystack("topic_news1.json")
    haystack.subtopics[0].insights, haystack.gold["insight-id"]        # gold: the numbers by which documents are cited
    write_haystack("copy.json", haystack)                              # equal to what was read

Document number 1 is the first of the file: `[1]` in a summary cites it. Fields that are not known here are kept.

Paper: Laban et al.: Summary of a Haystack, EMNLP 2024, arXiv 2407.01370.

Refused, since scores would be of something else: an id that stands twice, an insight that a document or a label names
and no subtopic has, two labels of one insight in one summary, a label for a summary that is not there. Not refused:
insights that stand in no document (`Haystack.unplanted`), and ids of other documents in the retrievers' scores, which
the released files have; they are left out by `Haystack.ranking`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dikast.errors import DataError
from dikast.files import write_json
from dikast.json_text import read_json

Coverage = Literal["NO_COVERAGE", "PARTIAL_COVERAGE", "FULL_COVERAGE"]
Domain = Literal["news", "conversation"]
Id = Annotated[str, Field(min_length=1)]

NO: Coverage = "NO_COVERAGE"
PARTIAL: Coverage = "PARTIAL_COVERAGE"
FULL: Coverage = "FULL_COVERAGE"
SUMMARY_PREFIX = "summary_subtopic_"
"""What stands before a system's name in the keys of summaries."""
HASH_CHARACTERS = 16


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class Insight(_Part):
    """Something specific that some of the documents say."""

    insight_id: Id
    insight_name: str = ""
    insight: Annotated[str, Field(min_length=1)]


class Label(_Part):
    """How far a summary covers an insight, and in which bullet: 1 is the first line; `NA` for none."""

    insight_id: Id
    coverage: Coverage
    bullet_id: int | float | str | None = None


class Subtopic(_Part):
    """A question to the haystack, the insights that answer it, and what systems made of it.

    Args:
        retriever: Retriever -> document id -> score.
        summaries: `summary_subtopic_SYSTEM` -> lines.
        eval_summaries: The same -> a label an insight.
    """

    subtopic_id: Id
    subtopic_name: str = ""
    subtopic: str
    query: str = ""
    insights: tuple[Insight, ...] = Field(min_length=1)
    retriever: dict[str, dict[str, float]] = Field(default_factory=dict[str, dict[str, float]])
    summaries: dict[str, list[str]] = Field(default_factory=dict[str, list[str]])
    eval_summaries: dict[str, list[Label]] = Field(default_factory=dict[str, list[Label]])

    @property
    def question(self) -> str:
        """What retrievers search with, as the authors do: query and subtopic."""
        return f"{self.query} {self.subtopic}".strip()


class HayDocument(_Part):
    """A document, and the ids of the insights that were planted in it."""

    document_id: Id
    document_text: str
    insights_included: tuple[str, ...] = ()


class Haystack(_Part):
    """Documents, subtopics and insights; what one file of the authors holds."""

    topic_id: Id
    topic: str
    subtopics: tuple[Subtopic, ...] = Field(min_length=1)
    documents: tuple[HayDocument, ...] = Field(min_length=1)

    @cached_property
    def gold(self) -> Mapping[str, frozenset[int]]:
        """Insight id -> the numbers of the documents that hold it, the first document being 1."""
        found: dict[str, set[int]] = {one.insight_id: set() for one in self.insights}
        for number, document in enumerate(self.documents, start=1):
            for insight in document.insights_included:
                found[insight].add(number)
        return {insight: frozenset(numbers) for insight, numbers in found.items()}

    @property
    def insights(self) -> Iterable[Insight]:
        """All insights, subtopic by subtopic."""
        return (insight for subtopic in self.subtopics for insight in subtopic.insights)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Document id -> the number by which it is cited."""
        return {document.document_id: number for number, document in enumerate(self.documents, start=1)}

    @cached_property
    def unplanted(self) -> tuple[str, ...]:
        """Ids of insights that no document holds: they can be covered, and never rightly cited."""
        return tuple(insight for insight, numbers in self.gold.items() if not numbers)

    @cached_property
    def domain(self) -> Domain:
        """`conversation` where the file names participants, else `news`."""
        metadata: Any = (self.model_extra or {}).get("topic_metadata")
        return "conversation" if isinstance(metadata, Mapping) and "participants" in metadata else "news"

    @cached_property
    def participants(self) -> tuple[str, ...]:
        """Who takes part in the conversations; empty for news."""
        if self.domain == "news":
            return ()
        return tuple(map(str, (self.model_extra or {})["topic_metadata"]["participants"] or ()))

    def planted(self, subtopic: Subtopic) -> tuple[Insight, ...]:
        """The subtopic's insights that some document holds: as many bullets are asked for."""
        return tuple(one for one in subtopic.insights if self.gold[one.insight_id])

    def subtopic(self, subtopic_id: str) -> Subtopic:
        """A subtopic by its id.

        Raises:
            DataError: There is none.
        """
        found = next((one for one in self.subtopics if one.subtopic_id == subtopic_id), None)
        if found is None:
            hint = f"it has {', '.join(one.subtopic_id for one in self.subtopics)}"
            raise DataError(f"haystack {self.topic_id!r} has no subtopic {subtopic_id!r}", hint=hint)
        return found

    def incidence(self, subtopic: Subtopic) -> dict[str, int]:
        """Document id -> how many of the subtopic's insights it holds: the known relevance."""
        wanted = {insight.insight_id for insight in subtopic.insights}
        return {one.document_id: len(wanted.intersection(one.insights_included)) for one in self.documents}

    def ranking(self, subtopic: Subtopic, retriever: str) -> dict[str, float]:
        """The scores that the file has of a retriever, for this haystack's documents alone.

        Raises:
            DataError: The file has none of it.
        """
        scores = subtopic.retriever.get(retriever)
        if scores is None:
            hint = f"it has those of {', '.join(sorted(subtopic.retriever)) or 'none'}"
            raise DataError(f"subtopic {subtopic.subtopic_id!r} has no scores of retriever {retriever!r}", hint=hint)
        return {docid: score for docid, score in scores.items() if docid in self.numbers}

    def systems(self) -> tuple[str, ...]:
        """The systems that wrote summaries, in the order of the file."""
        keys = (key for subtopic in self.subtopics for key in subtopic.summaries)
        return tuple(dict.fromkeys(key.removeprefix(SUMMARY_PREFIX) for key in keys))

    def fingerprint(self) -> dict[str, object]:
        """Topic and content hash: what changes what is retrieved, summarised and judged."""
        return {"topic": self.topic_id, "content": self.content_hash}

    async def open(self) -> Haystack:
        """The haystack itself: see `HaystackSource`."""
        return self

    @cached_property
    def content_hash(self) -> str:
        """Hash of topic, documents, subtopics and insights; not of summaries, labels or retrievers' scores."""
        kept = {"summaries", "eval_summaries", "retriever"}
        said = self.model_dump(mode="json", exclude={"subtopics": {"__all__": kept}})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:HASH_CHARACTERS]


@runtime_checkable
class HaystackSource(Protocol):
    """A haystack, or what knows where one is."""

    def fingerprint(self) -> dict[str, object]:
        """Topic and content hash."""
        ...

    async def open(self) -> Haystack:
        """The haystack.

        Raises:
            DataError: The file is none.
        """
        ...


class HaystackFile:
    """A topic file, read when it is first asked for.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str) -> None:
        self.spec = path

    @cached_property
    def haystack(self) -> Haystack:
        """What the file holds."""
        return read_haystack(self.spec)

    def fingerprint(self) -> dict[str, object]:
        """Topic and content hash, whatever the file is called."""
        return self.haystack.fingerprint()

    async def open(self) -> Haystack:
        """The haystack, read in a thread."""
        return await asyncio.to_thread(lambda: self.haystack)


def read_haystack(path: str | Path) -> Haystack:
    """Read a topic file.

    Raises:
        DataError: It is no such file, or an id stands twice or leads nowhere; names the field.
    """
    return parse_haystack(read_json(path), path)


def parse_haystack(value: object, path: str | Path | None = None) -> Haystack:
    """A haystack out of a JSON value.

    Raises:
        DataError: As `read_haystack`.
    """
    try:
        haystack = Haystack.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = place(first["loc"]) or "the file"
        hint = "a topic file has topic_id, topic, subtopics and documents: docs/methods/summhay.md"
        raise DataError(first["msg"], path=path, field=field, hint=hint) from error
    refuse_twins(haystack, path)
    refuse_dangling(haystack, path)
    return haystack


def place(parts: Iterable[int | str]) -> str:
    """Where in a JSON value something stands: `subtopics[3].insights[0].insight_id`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def refuse_twins(haystack: Haystack, path: str | Path | None) -> None:
    """Refuse ids that stand twice.

    Raises:
        DataError: One does.
    """
    kinds = {
        "document_id": (one.document_id for one in haystack.documents),
        "subtopic_id": (one.subtopic_id for one in haystack.subtopics),
        "insight_id": (one.insight_id for one in haystack.insights),
    }
    for field, ids in kinds.items():
        twice = next((id_ for id_, count in Counter(ids).items() if count > 1), None)
        if twice is not None:
            raise DataError(f"{twice!r} stands twice", path=path, field=field, hint="give each its own id")


def refuse_dangling(haystack: Haystack, path: str | Path | None) -> None:
    """Refuse ids of insights that no subtopic has, and labels that belong to nothing or stand twice.

    Raises:
        DataError: There is such a one.
    """
    known = {one.insight_id for one in haystack.insights}
    for document in haystack.documents:
        foreign = next((id_ for id_ in document.insights_included if id_ not in known), None)
        if foreign is not None:
            told = f"document {document.document_id!r} includes {foreign!r}, an insight that no subtopic has"
            raise DataError(told, path=path, field="insights_included", hint="add the insight, or take the id out")
    for subtopic in haystack.subtopics:
        own = {one.insight_id for one in subtopic.insights}
        for key, labels in subtopic.eval_summaries.items():
            where = f"subtopic {subtopic.subtopic_id!r}, {key!r}"
            if key not in subtopic.summaries:
                hint = "add the summary, or take its labels out"
                raise DataError(f"{where}: labels of a summary that is not there", path=path, hint=hint)
            ids = [label.insight_id for label in labels]
            wrong = next((id_ for id_ in ids if id_ not in own or ids.count(id_) > 1), None)
            if wrong is not None:
                told = "is labelled twice" if wrong in own else "is no insight of this subtopic"
                raise DataError(f"{where}: {wrong!r} {told}", path=path, field="eval_summaries")


def write_haystack(path: str | Path, haystack: Haystack) -> None:
    """Write a topic file, whole or not at all."""
    write_json(path, as_json(haystack))


def as_json(haystack: Haystack) -> dict[str, Any]:
    """The haystack in the authors' schema: what was read, and no default that was not there."""
    return haystack.model_dump(mode="json", exclude_unset=True)
