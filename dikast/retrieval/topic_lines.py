"""Topics on lines: `query-id<TAB>text`, or one JSON object each, plain or gzipped.

    for line, qid, text in read_lines_of_topics(Path("topics.tsv"), []): ...

A text may stand in CSV's quotes, and then run over several lines. Ids and texts are as they stand there:
`dikast.retrieval.trec.read_topics` checks them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from dikast.errors import DataError, UsageError
from dikast.retrieval.files import read_lines

TOPIC_IDS = ("id", "_id", "qid", "query_id")
TOPIC_TEXTS = ("text", "query", "title")


def read_lines_of_topics(path: Path, fields: Sequence[str]) -> Iterator[tuple[int, object, str]]:
    """Line, id and text of each topic.

    Args:
        path: The file.
        fields: What of a JSON object is the query, joined by a space; the first of `TOPIC_TEXTS` without any.

    Raises:
        UsageError: Fields are asked for of TSV.
        DataError: A line is no topic; says file, line and field.
    """
    for number, line in _records(path):
        if line.lstrip().startswith("{"):
            yield number, *_json_topic(line, path, number, fields)
        elif fields:
            hint = "TREC's and CAsT's topics have some, JSON, CSV and Parquet have columns"
            raise UsageError(f"--topic-field: topics as lines of id and text have no fields: {path}", hint=hint)
        else:
            yield number, *_tsv_topic(line, path, number)


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


def _json_topic(line: str, path: Path, number: int, fields: Sequence[str]) -> tuple[object, str]:
    try:
        parsed: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", path=path, line=number) from error
    record = cast(dict[str, Any], parsed)  # the line begins with a brace
    qid = next((record[name] for name in TOPIC_IDS if name in record), None)
    if qid is None:
        raise DataError("missing", path=path, line=number, field=TOPIC_IDS[0], hint=f"one of {TOPIC_IDS}")
    names = fields or [next((name for name in TOPIC_TEXTS if name in record), TOPIC_TEXTS[0])]
    for name in names:
        if not isinstance(record.get(name), str):
            hint = f"the object has {', '.join(record)}" if fields else f"one of {TOPIC_TEXTS}"
            raise DataError("missing or not text", path=path, line=number, field=name, hint=hint)
    return qid, " ".join(record[name].strip() for name in names)
