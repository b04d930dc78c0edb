"""`dikast search`: one query to a ranking, or a topics file to a TREC run."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dikast.cli.options import Json, refuse_given
from dikast.cli.output import emit, say, table
from dikast.errors import DataError, UsageError

if TYPE_CHECKING:
    from dikast.retrieval.query import WeightedQuery
    from dikast.retrieval.retriever import Hit, Retriever

app = typer.Typer(help="Search an index or a corpus file.")

EXCERPT_CHARACTERS = 100


@app.command()
def search(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Index or corpus file, or a retriever spec.")],
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="Text; or see --topics.")] = None,
    topics: Annotated[str | None, typer.Option(metavar="FILE", help="Queries; gives a TREC run.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where the TREC run goes.")] = None,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Documents; 10 for a query, 1000 for topics.")] = None,
    weighted: Annotated[bool, typer.Option("--weighted", help="Read word^weight in queries.")] = False,
    rm3: Annotated[bool, typer.Option("--rm3", help="Expand by RM3, Anserini's defaults.")] = False,
    k1: Annotated[float, typer.Option(min=0, help="BM25's k1.")] = 0.9,
    b: Annotated[float, typer.Option(min=0, max=1, help="BM25's b.")] = 0.4,
    processes: Annotated[int, typer.Option(min=1, help="Search topics in so many processes.")] = 1,
    tag: Annotated[str | None, typer.Option(help="The run's name, in its last column.")] = None,
    json: Json = False,
) -> None:
    """Search. A query prints a ranking, a topics file writes a TREC run."""
    from dikast.retrieval.files import check_output
    from dikast.retrieval.load import SCHEMES, load_retriever
    from dikast.retrieval.trec import check_word

    if (query is None) == (topics is None):
        raise UsageError("give either a query or --topics FILE")
    if query is not None:
        hint = "a query's ranking is printed; --json makes it data"
        refuse_given(ctx, "out", "tag", "processes", why="it is for --topics", hint=hint)
    elif json and out is None:
        refuse_given(ctx, "tag", why="JSON has no place for it", hint="-o FILE writes a TREC run")
    if out is not None:
        check_output(out)
    if tag is not None:
        check_word("tag", tag)
    named = source.partition(":")[0] in SCHEMES
    if named and rm3 and not source.startswith("rm3:"):
        raise UsageError(f"--rm3 says otherwise than {source!r}", hint="name the file alone, or begin with rm3:")
    if named:
        refuse_given(ctx, "k1", "b", why=f"{source!r:.80} is a spec", hint="write bm25:PATH?k1=..&b=..")
    spec = source if named else f"{'rm3' if rm3 else 'bm25'}:{source}?k1={k1}&b={b}"
    retriever = load_retriever(spec)
    if query is not None:
        show_hits(retriever, make(query, retriever, weighted), k or 10, json)
    elif topics is not None:
        run = find_all(spec, retriever, topics, k or 1000, weighted, processes)
        write_hits(run, out, tag or spec.partition(":")[0], json)


def make(text: str, retriever: Retriever, weighted: bool) -> WeightedQuery:
    """The query of a text."""
    from dikast.retrieval.query import WeightedQuery, parse_weighted

    return (parse_weighted if weighted else WeightedQuery.from_text)(text, retriever.analyze)


def make_of_topic(qid: str, text: str, topics: str, retriever: Retriever, weighted: bool) -> WeightedQuery:
    """The query of a topic; what is wrong with it says which."""
    try:
        return make(text, retriever, weighted)
    except UsageError as error:
        raise DataError(error.message, path=topics, field=f"query {qid}", hint=error.hint) from error


def show_hits(retriever: Retriever, query: WeightedQuery, k: int, as_json: bool) -> None:
    """Print a ranking with the beginning of each document."""
    from dikast.records import Document

    async def find() -> tuple[list[Hit], list[Document]]:
        [hits] = await retriever.search([query], k)
        return hits, await retriever.documents([hit.docid for hit in hits])

    hits, documents = asyncio.run(find())
    if as_json:
        rows = zip(hits, documents, strict=True)
        emit([{"docid": hit.docid, "score": hit.score, "contents": document.contents} for hit, document in rows])
        return
    texts = [" ".join(document.contents[: 2 * EXCERPT_CHARACTERS].split()) for document in documents]
    rows = [
        (rank, hit.docid, f"{hit.score:.4f}", text[:EXCERPT_CHARACTERS])
        for rank, (hit, text) in enumerate(zip(hits, texts, strict=True), start=1)
    ]
    table(("rank", "document", "score", "text"), rows)


def find_all(
    spec: str, retriever: Retriever, topics: str, k: int, weighted: bool, processes: int
) -> dict[str, list[Hit]]:
    """Search with every topic of a file."""
    from dikast.retrieval.batch import search_batch
    from dikast.retrieval.trec import read_topics

    texts = read_topics(topics)
    queries = [make_of_topic(qid, text, topics, retriever, weighted) for qid, text in texts.items()]
    found = search_batch(spec, queries, k, processes) if processes > 1 else asyncio.run(retriever.search(queries, k))
    return dict(zip(texts, found, strict=True))


def write_hits(run: dict[str, list[Hit]], out: Path | None, tag: str, as_json: bool) -> None:
    """Write the rankings as a TREC run, to stdout without `--out`; as JSON only what was found or written."""
    from dikast.retrieval.trec import run_lines, write_run

    empty = sum(not hits for hits in run.values())
    if out is not None:
        write_run(out, run, tag)
        if as_json:
            emit({"queries": len(run), "found nothing": empty, "wrote": str(out)})
    elif as_json:
        emit({qid: [{"docid": hit.docid, "score": hit.score} for hit in hits] for qid, hits in run.items()})
    else:
        sys.stdout.writelines(f"{line}\n" for line in run_lines(run, tag))
    say(f"{len(run)} queries, {sum(map(len, run.values())):,} documents; {empty} queries found nothing")
