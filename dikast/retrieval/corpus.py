"""Reading a collection of documents, one at a time, in the formats that people have.

    for document in read_corpus("corpus.jsonl.gz"): ...

What `read_corpus` takes: a file, plain or gzipped; a folder in BEIR's layout (`corpus.jsonl`) or of such files, as for
Anserini's JsonCollection; or `irds:NAME` for a data set of the `ir_datasets` package. A file is one of

- JSON lines: `{"id", "contents"}` (Anserini) or `{"_id", "title", "text"}` (BEIR: the two texts are joined by a space);
- JSON: one such object, or an array of them (read whole);
- TREC text: `<DOC><DOCNO>..</DOCNO>..</DOC>`, of which the sections that Anserini indexes are kept, or all, tags off
  (`dikast.retrieval.trec_text`);
- TSV: `docid<TAB>text`, by the suffix `.tsv` or where nothing else fits.

Not done: PDF, HTML, WARC. An id that comes twice is told when the index is built or the collection is checked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, cast

from dikast.errors import DataError
from dikast.records import Document
from dikast.retrieval import irds, trec_text
from dikast.retrieval.files import read_lines

Lines = Iterator[tuple[int, str]]

SUFFIXES = (".jsonl", ".ndjson", ".json", ".tsv", ".trec", ".sgml", ".xml", ".txt", "")
MARKED_UP = (".trec", ".sgml", ".xml")
ID_FIELDS = ("id", "_id", "docid")
TEXT_FIELDS = ("contents", "text")


def read_corpus(source: str | Path, left_out: Counter[str] | None = None) -> Iterator[Document]:
    """The documents of a collection, in its order.

    Args:
        source: A file, a folder, or `irds:NAME`.
        left_out: Told, as documents are read, what of TREC text is not among them: tags, characters outside sections.

    Raises:
        DataError: The collection is missing, empty or broken, or an id comes twice; says file and line.
        MissingExtraError: `irds:NAME` without `ir_datasets`.
    """
    if str(source).startswith(irds.SCHEME):
        return irds.documents(str(source))
    told = Counter[str]() if left_out is None else left_out
    files = map(partial(_read_file, left_out=told), _files(Path(source)))
    return _distinct(chain.from_iterable(files), Path(source))


def _distinct(found: Iterator[tuple[Path, int, Document]], source: Path) -> Iterator[Document]:
    seen: set[str] = set()
    for path, line, document in found:
        if document.docid in seen:
            hint = "give each document an id of its own"
            raise DataError(f"document id {document.docid!r} comes twice", path=path, line=line, hint=hint)
        seen.add(document.docid)
        yield document
    if not seen:
        raise DataError("the collection holds no document", path=source, hint="give it one document a line at least")


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    beir = [path for name in ("corpus.jsonl", "corpus.jsonl.gz") if (path := source / name).is_file()]
    files = beir[:1] or sorted(path for path in source.rglob("*") if path.is_file() and _suffix(path) in SUFFIXES)
    if not files:
        raise DataError("the folder holds no collection", path=source, hint=f"files: {' '.join(SUFFIXES)}, or .gz")
    return files


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix


def _read_file(path: Path, left_out: Counter[str]) -> Iterator[tuple[Path, int, Document]]:
    lines = read_lines(path)
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        return
    read = _format(path, first[1], left_out)
    for line, document in read(chain([first], lines), path):
        yield path, line, document


def _format(path: Path, line: str, left_out: Counter[str]) -> Callable[[Lines, Path], Iterator[tuple[int, Document]]]:
    start = line.lstrip()
    if _suffix(path) == ".tsv":
        return _tsv
    if start.startswith("{"):
        return _json_whole if _suffix(path) == ".json" and not _is_json(line) else _json_lines
    if start.startswith("["):
        return _json_whole
    marked_up = start[:4].upper() == "<DOC" or (start.startswith("<") and _suffix(path) in MARKED_UP)
    return partial(_trec, left_out=left_out) if marked_up else _tsv


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _json_lines(lines: Lines, path: Path) -> Iterator[tuple[int, Document]]:
    for number, line in lines:
        if line.strip():
            yield number, _record(_parse(line, path, number), path, number)


def _json_whole(lines: Lines, path: Path) -> Iterator[tuple[int, Document]]:
    parsed = _parse("\n".join(line for _, line in lines), path, 1)
    records = cast("list[object]", parsed) if isinstance(parsed, list) else [parsed]
    for number, record in enumerate(records, 1):
        yield number, _record(record, path, number)


def _parse(text: str, path: Path, number: int) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        line = number + error.lineno - 1 if isinstance(error, json.JSONDecodeError) else number
        raise DataError(f"not JSON: {reason}", path=path, line=line) from error


def _record(record: object, path: Path, number: int) -> Document:
    if not isinstance(record, dict):
        raise DataError("a document is a JSON object", path=path, line=number, hint='{"id": "..", "contents": ".."}')
    fields = cast("dict[str, Any]", record)
    docid = _field(fields, ID_FIELDS, path, number)
    text = _field(fields, TEXT_FIELDS, path, number)
    title = fields.get("title") if "contents" not in fields else None
    return Document(_docid(docid, path, number), f"{title} {text}" if isinstance(title, str) and title else text)


def _field(fields: dict[str, Any], names: tuple[str, ...], path: Path, number: int) -> str:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int) and names is ID_FIELDS:
            return str(value)
        if name in fields:
            raise DataError(f"not a string: {value!r:.60}", path=path, line=number, field=name)
    raise DataError("missing", path=path, line=number, field=names[0], hint=f"one of {', '.join(names)} is needed")


def _docid(docid: str, path: Path, number: int) -> str:
    if docid.split() != [docid]:
        what = f"document id {docid!r:.60} is empty or holds white space"
        raise DataError(what, path=path, line=number, hint="TREC runs and judgments hold ids between spaces")
    return docid


def _tsv(lines: Lines, path: Path) -> Iterator[tuple[int, Document]]:
    for number, line in lines:
        if not line.strip():
            continue
        docid, tab, text = line.partition("\t")
        if not tab:
            raise DataError("no tab", path=path, line=number, hint="a line is docid<TAB>text")
        yield number, Document(_docid(docid, path, number), text)


def _trec(lines: Lines, path: Path, left_out: Counter[str]) -> Iterator[tuple[int, Document]]:
    for number, document in trec_text.read_documents(lines, path, left_out):
        yield number, Document(_docid(document.docid, path, number), document.contents)
