"""`dikast index build`: a collection into an index for BM25, for dense retrieval, or of Lucene's own."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.options import Json
from dikast.cli.output import emit, say, stderr
from dikast.errors import UsageError
from dikast.records import Document

app = typer.Typer(no_args_is_help=True, help="Build a search index.")

DENSE = "Dense"
LANGUAGE = "Whose stop words and stemmer; en without it: da, de, es, fi, fr, hu, it, nl, no, pt, ro, ru, sv."
MEGABYTE = 1e6


@app.callback()
def group() -> None:
    """Keep `build` a subcommand: other verbs may follow."""


@app.command()
def build(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The index: a file, or Lucene's folder.")],
    corpus: Annotated[
        str | None, typer.Argument(metavar="CORPUS", help="JSONL, TSV, TREC text, a BEIR or Anserini folder.")
    ] = None,
    collection: options.DataSet = None,
    encoder: Annotated[
        str | None,
        typer.Option(metavar="SPEC", rich_help_panel=DENSE, help="Encode documents for faiss: server:, local:."),
    ] = None,
    factory: Annotated[
        str, typer.Option(rich_help_panel=DENSE, help="FAISS's index: Flat, HNSW32, IVF1024,Flat, IVF1024,PQ48.")
    ] = "Flat",
    metric: Annotated[
        Literal["cosine", "dot"], typer.Option(rich_help_panel=DENSE, help="How vectors are compared.")
    ] = "cosine",
    threads: Annotated[
        int | None,
        typer.Option(min=1, rich_help_panel=DENSE, help="FAISS's threads; all, but 1 for HNSW, so that it repeats."),
    ] = None,
    lucene: Annotated[bool, typer.Option("--lucene", help="A Lucene index folder, by Anserini; needs Java.")] = False,
    language: Annotated[str | None, typer.Option(metavar="NAME", help=LANGUAGE)] = None,
    add: Annotated[bool, typer.Option("--add", help="Add the documents to the BM25 index that FILE is.")] = False,
    json: Json = False,
) -> None:
    """Index a collection: for BM25, with --encoder for dense retrieval, with --lucene for Lucene.

    The file is memory-mapped when it is searched, and checked when it is opened.
    """
    from dikast.retrieval.corpus import read_corpus
    from dikast.retrieval.irds import SCHEME
    from dikast.retrieval.languages import ENGLISH, language_of

    if (corpus is None) == (collection is None):
        raise UsageError("give either a corpus or --collection NAME")
    if add and (lucene or encoder):
        raise UsageError("--add is for the index of BM25", hint="build Lucene's and dense indexes again")
    if lucene and encoder:
        raise UsageError("--lucene and --encoder exclude one another", hint="hybrid: retrievers search two indexes")
    if not encoder:
        why = "there is no --encoder"
        options.refuse_given(ctx, "factory", "metric", "threads", why=why, hint="they are for dense retrieval")
    else:
        options.refuse_given(ctx, "language", why="an encoder reads texts as they are")
    if out.is_dir() and not lucene:
        raise UsageError(f"{out}: is a folder", hint="give the name of a file")
    left_out, spoken = Counter[str](), language_of(language) if language else None
    documents, started = read_corpus(corpus or f"{SCHEME}{collection}", left_out), time.perf_counter()
    if add:
        counts = add_native(documents, out, spoken)
    elif lucene:
        counts = build_lucene(documents, out, spoken or ENGLISH)
    elif encoder:
        counts = build_dense(documents, out, encoder, factory=factory, metric=metric, threads=threads)
    else:
        counts = build_native(documents, out, spoken or ENGLISH)
    tell_index(counts, left_out, out, time.perf_counter() - started, json)


def build_native(documents: Iterable[Document], out: Path, language: str) -> dict[str, float]:
    """An index for BM25; what is in it."""
    from dikast.retrieval.index import build_index

    index = build_index(documents, out, progress, language)
    return {"documents": len(index), "terms": len(index.terms)}


def add_native(documents: Iterable[Document], out: Path, language: str | None) -> dict[str, float]:
    """An index for BM25 with more documents; what is in it."""
    from dikast.retrieval.index import Index, extend_index
    from dikast.retrieval.languages import agree

    old = Index.open(out)
    agree(old.language, language, out)
    index = extend_index(documents, out, progress)
    return {"documents": len(index), "terms": len(index.terms), "added": len(index) - len(old)}


def build_lucene(documents: Iterable[Document], out: Path, language: str) -> dict[str, float]:
    """Lucene's index; what is in it."""
    from dikast.retrieval.lucene_build import build_lucene_index

    return {"documents": build_lucene_index(documents, out, progress, language)}


def build_dense(
    documents: Iterable[Document],
    out: Path,
    encoder: str,
    *,
    factory: str,
    metric: Literal["cosine", "dot"],
    threads: int | None,
) -> dict[str, float]:
    """An index of vectors; what is in it."""
    from dikast.retrieval.dense_index import build_dense_index
    from dikast.retrieval.encoders.encoder import load_encoder

    made = build_dense_index(
        documents, out, load_encoder(encoder), factory=factory, metric=metric, threads=threads, progress=progress
    )
    index = asyncio.run(made)
    return {"documents": len(index), "dimension": index.dimension}


def tell_index(
    counts: Mapping[str, float], left_out: Mapping[str, int], out: Path, seconds: float, as_json: bool
) -> None:
    """Say what was indexed, and what of the collection was not."""
    held = {what: count for what, count in left_out.items() if count}
    megabytes = size(out) / MEGABYTE
    if as_json:
        emit({**counts, "megabytes": megabytes, "seconds": seconds, "left out": held})
    told = ", ".join(f"{value:,} {name}" for name, value in counts.items())
    say(f"{told}, {megabytes:.1f} MB in {seconds:.1f} s: {out}")
    if held:
        say(f"note: not indexed: {', '.join(f'{count:,} {what}' for what, count in held.items())}")


def progress(documents: int) -> None:
    """Count on a terminal."""
    if stderr.is_terminal:
        stderr.print(f"{documents:,} documents", end="\r")


def size(path: Path) -> int:
    """Bytes of a file, or of a folder's files."""
    return sum(each.stat().st_size for each in path.iterdir()) if path.is_dir() else path.stat().st_size
