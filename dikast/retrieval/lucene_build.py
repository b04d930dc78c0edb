"""A collection into a Lucene index folder, by Anserini's own indexer in a Java process of its own.

    build_lucene_index(read_corpus("corpus.jsonl"), Path("robust.lucene"))

With document vectors, for RM3, and contents, for `documents`. The folder appears when it is whole. Where documents are
not English, it holds `dikast.json` beside Lucene's files, which says their language: Lucene does not keep that.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from dikast.disk import cause_of, remedy_of
from dikast.errors import DataError, RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.build import REPORT_EVERY, Progress
from dikast.retrieval.languages import ANALYZERS, ENGLISH
from dikast.retrieval.lucene_java import VECTOR_MODULE, choose, jar, needed
from dikast.retrieval.texts import encoded

INDEXER = "io.anserini.index.IndexCollection"
SETTINGS = "dikast.json"
KEPT = ("-storeDocvectors", "-storeContents")
LAST_LINES = 500
"""Characters of what the indexer said last, shown when it fails."""


def build_lucene_index(
    documents: Iterable[Document], folder: Path, progress: Progress | None = None, language: str = ENGLISH
) -> int:
    """Index documents into a folder, by Lucene's own analyser of the language; how many there are.

    Raises:
        UsageError: Anserini has no analyser of that language.
        MissingExtraError: Pyserini or a Java that is new enough is not installed.
        DataError: There is no document, or an id or text is not valid.
        RetrievalError: The folder holds something already, or the indexer failed.
    """
    check_language(language)
    path = jar()
    java = choose(needed(path))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RetrievalError(f"{folder}: there is something already", hint="give the name of a new folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = remedy_of(error, folder, "written", "folder")
        raise RetrievalError(f"{folder}: cannot be made: {cause_of(error)}", hint=hint) from error
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
        corpus, index = Path(work) / "corpus", Path(work) / "index"
        corpus.mkdir()
        count = _write(documents, corpus / "corpus.jsonl", progress or (lambda _: None))
        _run([str(java.home / "bin" / "java"), "-cp", str(path), *_arguments(corpus, index, language)], folder)
        if language != ENGLISH:
            (index / SETTINGS).write_text(json.dumps({"language": language}), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        index.replace(folder)
    return count


def check_language(language: str) -> None:
    """Refuse a language that Anserini cannot index.

    Raises:
        UsageError: It is one.
    """
    if language != ENGLISH and language not in ANALYZERS:
        raise UsageError(f"--lucene has no analyser for {language!r}", hint=f"en, {', '.join(ANALYZERS)}")


def language_in(folder: Path) -> str:
    """In which language an index folder was analysed; empty where nothing in it says so.

    Raises:
        RetrievalError: What it says is damaged.
    """
    try:
        return str(json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["language"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "build it again with `dikast index build --lucene`"
        raise RetrievalError(f"{folder}: cannot read {SETTINGS}: {error}", hint=hint) from error


def _arguments(corpus: Path, index: Path, language: str) -> list[str]:
    threads = str(len(os.sched_getaffinity(0)))
    generator = "DefaultLuceneDocumentGenerator"
    given = {"collection": "JsonCollection", "input": str(corpus), "index": str(index), "generator": generator}
    options = [word for name, value in given.items() for word in (f"-{name}", value)]
    spoken = () if language == ENGLISH else ("-language", language)
    return [INDEXER, *options, "-threads", threads, *KEPT, *spoken]


def _write(documents: Iterable[Document], path: Path, progress: Progress) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for count, document in enumerate(documents, 1):
            encoded(document)
            out.write(json.dumps({"id": document.docid, "contents": document.contents}) + "\n")
            if count % REPORT_EVERY == 0:
                progress(count)
    progress(count)
    if not count:
        raise DataError("the collection holds no document")
    return count


def _run(command: list[str], folder: Path) -> None:
    # Java reads options from here too; one that asks for a module it has not got would end it.
    given = {name: value for name, value in os.environ.items() if VECTOR_MODULE not in value}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=given)
    if ran.returncode != 0:
        said = " ".join((ran.stdout + ran.stderr).split())[-LAST_LINES:]
        raise RetrievalError(f"{folder}: Anserini's indexer failed (exit {ran.returncode}): {said}")
