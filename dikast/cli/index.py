"""`dikast index build`: a collection into an index file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from dikast.cli.options import Json
from dikast.cli.output import emit, say, stderr

app = typer.Typer(no_args_is_help=True, help="Build a search index.")


@app.callback()
def group() -> None:
    """Keep `build` a subcommand: other verbs may follow."""


@app.command()
def build(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="JSONL, TSV, TREC text, a BEIR or Anserini folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The index file.")],
    json: Json = False,
) -> None:
    """Index a collection for BM25. The file is memory-mapped when it is searched, and checked when it is opened."""
    from dikast.retrieval.corpus import read_corpus
    from dikast.retrieval.index import build_index

    def progress(documents: int) -> None:
        if stderr.is_terminal:
            stderr.print(f"{documents:,} documents", end="\r")

    started = time.perf_counter()
    index = build_index(read_corpus(corpus), out, progress)
    seconds = time.perf_counter() - started
    megabytes = out.stat().st_size / 1e6
    if json:
        emit({"documents": len(index), "terms": len(index.terms), "megabytes": megabytes, "seconds": seconds})
    say(f"{len(index):,} documents, {len(index.terms):,} terms, {megabytes:.1f} MB in {seconds:.1f} s: {out}")
