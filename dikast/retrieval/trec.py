"""Topics, judgments and runs: the files that retrieval experiments exchange.

    topics = read_topics("topics.tsv")             # query id -> text
    qrels = read_qrels("qrels.txt")                # query id -> document id -> grade
    write_run(Path("bm25.run"), {"q1": hits}, tag="bm25")
    run = read_run("bm25.run")                     # query id -> hits, best first

Topics are TSV (`qid<TAB>text`, the text in CSV's quotes or not) or JSON lines (`{"id"|"_id"|"qid", "text"|"query"|..}`,
which is BEIR's form); judgments TREC (`qid iter docid grade`) or BEIR's TSV with its header; all plain or gzipped, or
`irds:NAME`. Runs are TREC's six columns.

`trec_eval` ignores ranks and breaks ties of score by document id, descending; so a run is written with scores that
fall strictly, and its order is what any tool measures.

The rule, for reading and writing alike: a query id, a document id and a tag are one word of valid Unicode; a query has
a text; a score is a number within 32-bit floats. What breaks it is refused with file, line and field, and a file that
was there stays as it was: a run appears under its name when it is whole.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import Any, cast

import numpy as np

from dikast.errors import DataError
from dikast.retrieval import irds
from dikast.retrieval.files import check_output, read_lines, replacing
from dikast.retrieval.retriever import Hit

Run = Mapping[str, Sequence[Hit]]
"""Query id -> hits, best first."""

HIGHEST_SCORE = float(np.finfo(np.float32).max)
"""`trec_eval` holds scores as 32-bit floats; whatever lies beyond is infinite there, and a tie."""
EXACT = 2**53
"""Up to here every whole number is a float of its own, and so an id that survives a column of floats."""
TOPIC_IDS = ("id", "_id", "qid", "query_id")
TOPIC_TEXTS = ("text", "query", "title")
_QRELS_HINT = "a line is: query-id iteration document-id grade, or BEIR's query-id<TAB>corpus-id<TAB>score"


def read_topics(source: str | Path) -> dict[str, str]:
    """Query id -> text, in the order of the file.

    Raises:
        DataError: The file is missing, empty or broken, or an id comes twice; says file and line.
        MissingExtraError: `irds:NAME` without `ir_datasets`.
    """
    if str(source).startswith(irds.SCHEME):
        return irds.topics(str(source))
    path, topics = Path(source), dict[str, str]()
    for number, line in _records(path):
        qid, text = _json_topic(line, path, number) if line.lstrip().startswith("{") else _tsv_topic(line, path, number)
        _add_topic(topics, qid, text, path, number)
    if not topics:
        raise DataError("the file holds no topic", path=path)
    return topics


def check_topics(rows: Iterable[tuple[int, object, object]], path: str | Path) -> dict[str, str]:
    """Query id -> text of topics that came as values of a table: CSV, Parquet, a data frame.

    An id that is a whole number is that number's digits, whatever type a column made of it: 1.0 is `1`.

    Args:
        rows: Line (or row), query id, query; in the order of the file.
        path: The file, for errors.

    Raises:
        DataError: There is no row, an id comes twice, is missing or not one word, or a query is missing, empty or no
            text; says file and line.
    """
    topics: dict[str, str] = {}
    for number, qid, query in rows:
        if not isinstance(query, str):
            raise DataError(f"not text: {query!r:.60}", path=path, line=number, field="query", hint="fill in the query")
        _add_topic(topics, _id_text(qid, path, number), query, path, number)
    if not topics:
        raise DataError("the file holds no topic", path=path)
    return topics


def _id_text(qid: object, path: str | Path, number: int) -> str:
    if isinstance(qid, str):
        return qid.strip()
    if not _is_whole(qid):
        hint = "give each query an id of its own: one word, or a whole number"
        raise DataError(f"query id is missing or no id: {qid!r:.60}", path=path, line=number, field="qid", hint=hint)
    return str(int(cast(int, qid)))


def _is_whole(number: object) -> bool:
    """Whether it is a whole number of any type, and the very one that was meant."""
    if isinstance(number, bool) or not isinstance(number, Real | Decimal):
        return False
    return isinstance(number, Integral) or (float(number).is_integer() and abs(float(number)) <= EXACT)


def _add_topic(topics: dict[str, str], qid: str, text: str, path: str | Path, number: int) -> None:
    if qid in topics:
        raise DataError(f"query id {qid!r} comes twice", path=path, line=number)
    if wrong := _wrong_word(qid):
        raise DataError(f"query id {qid!r:.60} {wrong}", path=path, line=number)
    if not text.strip():
        raise DataError(f"query {qid!r} has no text", path=path, line=number, hint="fill in the query, or leave it out")
    topics[qid] = text


def _wrong_word(name: str) -> str:
    """What keeps a name out of a TREC file; empty if nothing does."""
    if name.split() != [name]:
        return "is empty or holds white space"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode: it holds half a surrogate pair"
    return ""


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank; a text in CSV's quotes may run over several, none of which holds a tab."""
    open_at, held = 0, list[str]()
    for number, line in read_lines(path):
        if held and "\t" in line:  # the quote was the text's own
            yield from ((open_at + place, each) for place, each in enumerate(held) if each.strip())
            held = []
        if held or _opens_quote(line):
            open_at, held = (open_at if held else number), [*held, line]
            if sum(each.count('"') for each in held) % 2 == 0:
                yield open_at, "\n".join(held)
                held = []
        elif line.strip():
            yield number, line
    yield from ((open_at + place, each) for place, each in enumerate(held) if each.strip())


def _opens_quote(line: str) -> bool:
    return line.partition("\t")[2].startswith('"') and line.count('"') % 2 == 1


def _filled(path: Path) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in read_lines(path) if line.strip())


def _tsv_topic(line: str, path: Path, number: int) -> tuple[str, str]:
    qid, tab, text = line.partition("\t")
    if not tab:
        raise DataError("no tab", path=path, line=number, hint="a line is query-id<TAB>text")
    return qid.strip(), _unquoted(text.strip())


def _unquoted(text: str) -> str:
    """A text that is one field in CSV's quotes, without them."""
    inner = text[1:-1]
    quoted = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else text


def _json_topic(line: str, path: Path, number: int) -> tuple[str, str]:
    try:
        parsed: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", path=path, line=number) from error
    record = cast(dict[str, Any], parsed)  # the line begins with a brace
    return (_topic_field(record, TOPIC_IDS, path, number), _topic_field(record, TOPIC_TEXTS, path, number))


def _topic_field(record: dict[str, Any], names: tuple[str, ...], path: Path, number: int) -> str:
    value = next((record[name] for name in names if name in record), None)
    if names is TOPIC_IDS and value is not None:
        return _id_text(value, path, number)
    if not isinstance(value, str):
        raise DataError("missing or not text", path=path, line=number, field=names[0], hint=f"one of {names}")
    return value.strip()


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
        raise DataError(f"cannot be written: {error.strerror or error}", path=path) from error


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
        for hit in hits:
            _check_hit(qid, hit)
        for rank, (hit, score) in enumerate(zip(hits, falling([hit.score for hit in hits]), strict=True), 1):
            yield f"{qid} Q0 {hit.docid} {rank} {score} {tag}"


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
    texts: list[str] = []
    last = np.float32(np.inf)
    for score in scores:
        single = np.float32(score)
        below = np.nextafter(last, np.float32(-np.inf))
        last = min(single, below)
        texts.append(str(last) if single > below or float(single) == score else repr(float(score)))
    return texts
