"""Topics, judgments and runs: the files that retrieval experiments exchange.

    topics = read_topics("topics.tsv")             # query id -> text
    qrels = read_qrels("qrels.txt")                # query id -> document id -> grade
    write_run(Path("bm25.run"), {"q1": hits}, tag="bm25")
    run = read_run("bm25.run")                     # query id -> hits, best first

Topics are TSV (`qid<TAB>text`, the text in CSV's quotes or not), JSON lines (`{"id"|"_id"|"qid", "text"|"query"|..}`,
which is BEIR's form), CSV, Parquet or a JSON array with such columns (`dikast.rows`), TREC's own markup
(`dikast.retrieval.marked_topics`) or CAsT's conversations (`dikast.retrieval.conversations`); judgments TREC
(`qid iter docid grade`) or BEIR's TSV with its header; all plain or gzipped, or `irds:NAME`. Runs are TREC's six
columns.

`trec_eval` ignores ranks and breaks ties of score by document id, descending; so a run is written with scores that
fall strictly, and its order is what any tool measures.

The rule, for reading and writing alike: a query id, a document id and a tag are one word of valid Unicode; a query has
a text; a score is a number within 32-bit floats. What breaks it is refused with file, line and field, and a file that
was there stays as it was: a run appears under its name when it is whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import cast

import numpy as np

from dikast.disk import refused
from dikast.errors import DataError, UsageError
from dikast.files import suffix_of
from dikast.hub import is_hub
from dikast.retrieval import irds
from dikast.retrieval.conversations import read_turns, turns_of
from dikast.retrieval.files import check_output, read_lines, replacing
from dikast.retrieval.marked_topics import is_marked, read_marked
from dikast.retrieval.retriever import Hit
from dikast.retrieval.topic_lines import TOPIC_IDS, TOPIC_TEXTS, read_lines_of_topics
from dikast.row import Row
from dikast.rows import read_rows

Run = Mapping[str, Sequence[Hit]]
"""Query id -> hits, best first."""

HIGHEST_SCORE = float(np.finfo(np.float32).max)
"""`trec_eval` holds scores as 32-bit floats; whatever lies beyond is infinite there, and a tie."""
EXACT = 2**53
"""Up to here every whole number is a float of its own, and so an id that survives a column of floats."""
TOPIC_ROWS = (".csv", ".parquet", ".json")
"""Suffixes of topics that are rows; TSV has no header, and JSON lines are told from it by their first character."""
TOPIC_HINT = "each query has a text, and an id of its own: one word, or a whole number"
_QRELS_HINT = "a line is: query-id iteration document-id grade, or BEIR's query-id<TAB>corpus-id<TAB>score"


def read_topics(
    source: str | Path, columns: Mapping[str, str] | None = None, fields: Sequence[str] = ()
) -> dict[str, str]:
    """Query id -> text, in the order of the file.

    Args:
        source: A file, or `irds:NAME`.
        columns: `qid` and `query` -> the file's own names; the file has a header then, or JSON objects.
        fields: What of a topic is its query, joined by a space: `title`, `desc`, ..; without any, what is usual.

    Raises:
        UsageError: Fields are named twice over, or of a file whose topics have none.
        DataError: The file is missing, empty or broken, or an id comes twice; says file and line.
        MissingExtraError: `irds:NAME` without `ir_datasets`.
    """
    if fields and "query" in (columns or {}):
        raise UsageError("both --columns and --topic-field say what the query is", hint="give one of them")
    if str(source).startswith(irds.SCHEME):
        return _topics_of_irds(str(source), fields)
    path = Path(source)
    if columns or is_hub(source) or suffix_of(path) in TOPIC_ROWS:
        return _topics_in_rows(path, columns or {}, fields)
    first = next(_filled(path), (1, ""))[1]
    found = read_marked(read_lines(path), path, fields) if is_marked(first) else read_lines_of_topics(path, fields)
    topics: dict[str, str] = {}
    for number, given, text in found:
        qid, wrong = _check_topic(topics, given, text)
        if wrong:
            raise DataError(wrong, path=path, line=number, hint=TOPIC_HINT)
        topics[qid] = text
    if not topics:
        raise DataError("the file holds no topic", path=path)
    return topics


def _topics_of_irds(source: str, fields: Sequence[str]) -> dict[str, str]:
    topics: dict[str, str] = {}
    for given, text in irds.topics(source, fields):
        qid, wrong = _check_topic(topics, given, text)
        if wrong:
            raise DataError(f"{source}: {wrong}")
        topics[qid] = text
    return topics


def parse_fields(text: str | None) -> list[str]:
    """Read `title,desc`.

    Raises:
        UsageError: A name is empty, or comes twice.
    """
    names = [name.strip() for name in text.split(",")] if text is not None else []
    if not all(names) or len({*names}) < len(names):
        raise UsageError(f"--topic-field {text!r:.60}: names of fields, each once", hint="such as title,desc")
    return names


def _topics_in_rows(path: Path, columns: Mapping[str, str], fields: Sequence[str]) -> dict[str, str]:
    """Topics under a header or in objects, or conversations."""
    topics: dict[str, str] = {}
    for row in read_rows(path, columns):
        id_name = "number" if turns_of(row) else _name_of(row, TOPIC_IDS, columns)
        for given, text in read_turns(row, fields) if turns_of(row) else [_row_topic(row, id_name, columns, fields)]:
            qid, wrong = _check_topic(topics, given, text)
            if wrong:
                raise row.error(id_name, wrong, TOPIC_HINT)
            topics[qid] = text
    if not topics:
        raise DataError("the file holds no topic", path=path)
    return topics


def _row_topic(row: Row, id_name: str, columns: Mapping[str, str], fields: Sequence[str]) -> tuple[object, str]:
    """A row's id, which is its place in the file where there is no column of ids, and its text."""
    names = fields or [_name_of(row, TOPIC_TEXTS, columns)]
    for name in names:
        if not isinstance(row.value(name), str):
            raise row.error(name, f"not text: {row.value(name)!r:.60}", "fill in the query")
    given = row.value(id_name) if id_name in row.values else row.place
    return given, " ".join(str(row.value(name)) for name in names)


def _name_of(row: Row, names: Sequence[str], columns: Mapping[str, str]) -> str:
    """The first of these names that was mapped, else that the row has, else the first."""
    known = [name for name in names if name in columns] or [name for name in names if name in row.values]
    return known[0] if known else names[0]


def _id_text(qid: object) -> str | None:
    """An id as text; a whole number of any type is its digits, 1.0 is `1`. `None` if it can be no id."""
    if isinstance(qid, str):
        return qid.strip()
    return str(int(cast(int, qid))) if _is_whole(qid) else None


def _is_whole(number: object) -> bool:
    """Whether it is a whole number of any type, and the very one that was meant."""
    if isinstance(number, bool) or not isinstance(number, Real | Decimal):
        return False
    return isinstance(number, Integral) or (float(number).is_integer() and abs(float(number)) <= EXACT)


def _check_topic(topics: Mapping[str, str], given: object, text: str) -> tuple[str, str]:
    """A topic's id as text, and what keeps it from standing beside these topics; empty if nothing does."""
    qid = _id_text(given)
    if qid is None:
        return "", f"query id is missing or no id: {given!r:.60}"
    if qid in topics:
        return qid, f"query id {qid!r} comes twice"
    if wrong := _wrong_word(qid):
        return qid, f"query id {qid!r:.60} {wrong}"
    return qid, "" if text.strip() else f"query {qid!r} has no text"


def _wrong_word(name: str) -> str:
    """What keeps a name out of a TREC file; empty if nothing does."""
    if name.split() != [name]:
        return "is empty or holds white space"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode: it holds half a surrogate pair"
    return ""


def _filled(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in read_lines(path) if line.strip())


def read_qrels(source: str | Path) -> dict[str, dict[str, int]]:
    """Query id -> document id -> grade.

    Raises:
        DataError: The file is missing, empty or broken, or judges a document twice and differently.
        MissingExtraError: `irds:NAME` without `ir_datasets`.
    """
    if str(source).startswith(irds.SCHEME):
        return irds.qrels(str(source))
    path, qrels = Path(source), dict[str, dict[str, int]]()
    for place, (number, line) in enumerate(_filled(path)):
        fields = line.split()
        if place == 0 and fields[0] == "query-id":
            continue
        qid, docid, grade = _judgment(fields, path, number)
        if qrels.setdefault(qid, {}).setdefault(docid, grade) != grade:
            what = f"document {docid!r} has two grades for query {qid!r}: {qrels[qid][docid]} and {grade}"
            raise DataError(what, path=path, line=number, hint="keep one of them")
    if not qrels:
        raise DataError("the file holds no judgment", path=path)
    return qrels


def _judgment(fields: list[str], path: Path, number: int) -> tuple[str, str, int]:
    if len(fields) not in (3, 4):
        raise DataError(f"{len(fields)} fields, not 4", path=path, line=number, hint=_QRELS_HINT)
    qid, docid, grade = fields[0], fields[-2], fields[-1]
    try:
        return qid, docid, int(grade)
    except ValueError as error:
        what = f"{grade!r:.30} is not a whole number"
        raise DataError(what, path=path, line=number, field="grade", hint=_QRELS_HINT) from error


def read_run(source: str | Path) -> dict[str, list[Hit]]:
    """Query id -> hits in the order that `trec_eval` gives them: falling score, equals by document id descending.

    Scores are compared as 32-bit floats, as there.

    Raises:
        DataError: The file is missing or broken, or names a document twice for one query; says file and line.
    """
    path, run = Path(source), dict[str, dict[str, float]]()
    for number, line in _filled(path):
        fields = line.split()
        if len(fields) != 6:
            hint = "a line is: query-id Q0 document-id rank score tag"
            raise DataError(f"{len(fields)} fields, not 6", path=path, line=number, hint=hint)
        hits = run.setdefault(fields[0], {})
        if fields[2] in hits:
            raise DataError(f"document {fields[2]!r} comes twice for query {fields[0]!r}", path=path, line=number)
        hits[fields[2]] = _score(fields[4], path, number)
    if not run:
        raise DataError("the file holds no ranking", path=path)
    return {qid: _ordered(hits) for qid, hits in run.items()}


def without_query(run: Mapping[str, Sequence[Hit]]) -> dict[str, list[Hit]]:
    """A run without the documents whose id is their query's: in ArguAna and Quora the queries stand in the corpus."""
    return {qid: [hit for hit in hits if hit.docid != qid] for qid, hits in run.items()}


def _ordered(scores: dict[str, float]) -> list[Hit]:
    return sorted(map(Hit._make, scores.items()), key=lambda hit: (np.float32(hit.score), hit.docid), reverse=True)


def _score(text: str, path: Path, number: int) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not abs(score) <= HIGHEST_SCORE:
        raise DataError(f"{text!r:.30} is not a finite number", path=path, line=number, field="score")
    return score


def write_run(path: Path, run: Run, tag: str) -> None:
    """Write a run with scores that fall strictly, so that every tool sees the same order.

    Raises:
        DataError: An id or the tag is not one word, a score is not a finite number, or the file cannot be written; an
            older file of this name then stays as it was.
    """
    check_output(path)
    check_word("tag", tag)
    try:
        with replacing(path) as file:
            file.writelines(f"{line}\n".encode() for line in run_lines(run, tag))
    except OSError as error:
        raise refused(error, path, "written") from error


def check_word(what: str, name: str) -> None:
    """Refuse a name that a TREC file cannot hold.

    Raises:
        DataError: It is not one word of valid Unicode.
    """
    if wrong := _wrong_word(name):
        raise DataError(f"{what} {name!r:.60} {wrong}: a TREC run cannot hold it", hint="give one word")


def run_lines(run: Run, tag: str) -> Iterator[str]:
    """The lines of a TREC run; raises as `write_run`."""
    check_word("tag", tag)
    for qid, hits in run.items():
        check_word("query id", qid)
        docids, scores = [hit.docid for hit in hits], [hit.score for hit in hits]
        if not _hold(docids, scores):
            for hit in hits:
                _check_hit(qid, hit)
        for rank, (docid, score) in enumerate(zip(docids, falling(scores), strict=True), 1):
            yield f"{qid} Q0 {docid} {rank} {score} {tag}"


def _hold(docids: list[str], scores: list[float]) -> bool:
    """Whether there is nothing for `_check_hit` to tell, at a look at all of them."""
    joined = " ".join(docids)
    return joined.split() == docids and not _wrong_word(joined.replace(" ", "")) and _are_finite(scores)


def _are_finite(scores: list[float]) -> bool:
    return bool((np.abs(np.array(scores, np.float64)) <= HIGHEST_SCORE).all())


def _check_hit(qid: str, hit: Hit) -> None:
    check_word("document id", hit.docid)
    if not abs(hit.score) <= HIGHEST_SCORE:
        what = f"query {qid!r}: the score of document {hit.docid!r} is {hit.score}"
        raise DataError(what, hint="a TREC run holds finite numbers, of 32 bits")


def falling(scores: Sequence[float]) -> list[str]:
    """Scores as text, each below the one before, moved by as little as 32-bit floats allow.

    `trec_eval` reads scores as 32-bit floats, so that what differs only beyond them is a tie to it. A score that needs
    not be moved stands there in full.
    """
    singles = np.array(scores, np.float32)
    moved = singles.copy()
    for place in (np.flatnonzero(singles[1:] >= singles[:-1]) + 1).tolist():
        while place < len(moved) and moved[place] >= moved[place - 1]:  # a score that is moved may reach the next
            moved[place] = np.nextafter(moved[place - 1], np.float32(-np.inf))
            place += 1
    full = (moved == singles) & (singles != np.array(scores, np.float64))
    return [
        repr(float(score)) if kept else text
        for score, kept, text in zip(scores, full.tolist(), map(str, moved), strict=True)
    ]
