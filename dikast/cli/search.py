"""`dikast search`: one query to a ranking, or a topics file to a TREC run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dikast.cli.options import DataSet, Json, refuse_given
from dikast.cli.output import emit, say, show, table
from dikast.errors import DataError, UsageError

if TYPE_CHECKING:
    from dikast.retrieval.query import WeightedQuery
    from dikast.retrieval.retriever import Hit, Retriever

app = typer.Typer(help="Search an index or a corpus file.")

EXCERPT_CHARACTERS = 100
TOPIC_FIELD = "Fields of TREC's or CAsT's topics to take: title,desc,narr, query, raw, manual."
BM25_FLAGS = ("k1", "b", "language")
RM3_FLAGS = ("fb_docs", "fb_terms", "original_weight")
"""Flags that are parameters of a spec of the same name."""


@app.command()
def search(
    ctx: typer.Context,
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="Index or corpus file, or a retriever spec.")
    ] = None,
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="Text; or see --topics.")] = None,
    topics: Annotated[str | None, typer.Option(metavar="FILE", help="Queries; gives a TREC run.")] = None,
    collection: DataSet = None,
    topic_field: Annotated[str | None, typer.Option(metavar="NAME,...", help=TOPIC_FIELD)] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where the TREC run goes.")] = None,
    k: Annotated[int | None, typer.Option("-k", min=1, help="Documents; 10 for a query, 1000 for topics.")] = None,
    weighted: Annotated[bool, typer.Option("--weighted", help="Read word^weight in queries.")] = False,
    rm3: Annotated[bool, typer.Option("--rm3", help="Expand by RM3, Anserini's defaults.")] = False,
    fb_docs: Annotated[int, typer.Option(min=1, help="RM3: so many first documents are feedback.")] = 10,
    fb_terms: Annotated[int, typer.Option(min=1, help="RM3: so many of their terms are added.")] = 10,
    original_weight: Annotated[float, typer.Option(min=0, max=1, help="RM3: the original query's share.")] = 0.5,
    show_terms: Annotated[bool, typer.Option("--show-terms", help="Tell each query's terms with weights.")] = False,
    k1: Annotated[float, typer.Option(min=0, help="BM25's k1.")] = 0.9,
    b: Annotated[float, typer.Option(min=0, max=1, help="BM25's b.")] = 0.4,
    language: Annotated[str | None, typer.Option(metavar="NAME", help="Of a corpus file; an index knows.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Search topics in so many processes.")] = 1,
    tag: Annotated[str | None, typer.Option(help="The run's name, in its last column.")] = None,
    json: Json = False,
) -> None:
    """Search. A query prints a ranking, a topics file writes a TREC run."""
    from dikast.retrieval.files import check_output
    from dikast.retrieval.load import load_retriever
    from dikast.retrieval.trec import check_word

    source, topics = complete(collection, source, query, topics)
    if (query is None) == (topics is None):
        raise UsageError("give either a query or --topics FILE")
    if query is not None:
        hint = "a query's ranking is printed; --json makes it data"
        refuse_given(ctx, "out", "tag", "processes", "topic_field", why="it is for --topics", hint=hint)
    elif out is None and json:
        refuse_given(ctx, "tag", why="JSON has no place for it", hint="-o FILE writes a TREC run")
    elif out is None and show_terms:
        raise UsageError("--show-terms would be mixed with the run", hint="give the run a file with -o, or --json")
    if out is not None:
        check_output(out)
    if tag is not None:
        check_word("tag", tag)
    spec = spec_of(ctx, source, rm3)
    retriever = load_retriever(spec)
    if query is not None:
        show_hits(retriever, make(query, retriever, weighted), k or 10, json, show_terms)
    elif topics is not None:
        queries = read_queries(retriever, topics, topic_field, weighted)
        terms = asyncio.run(terms_of(retriever, list(queries.values()))) if show_terms else None
        run = find_all(spec, retriever, queries, k or 1000, processes)
        write_hits(run, out, tag or spec.partition(":")[0], json, terms)


def complete(
    collection: str | None, source: str | None, query: str | None, topics: str | None
) -> tuple[str, str | None]:
    """What is searched, and the topics: those of the collection, where the command names none.

    Raises:
        UsageError: Nothing is named to search, or a query stands beside a collection.
        DataError: There is no such collection, or it lacks what is needed of it.
    """
    if collection is None:
        if source is None:
            raise UsageError("nothing to search", hint="give an index, a corpus file, or --collection NAME")
        return source, topics
    if query is not None:
        raise UsageError("--collection has queries of its own", hint=f'dikast search irds:{collection} "QUERY"')
    from dikast.retrieval.irds import sources

    theirs = sources(collection)
    topics, source = topics or theirs["topics"], source or theirs["corpus"]
    if topics is None or source is None:
        what = "queries" if topics is None else "docs"
        raise DataError(f"collection {collection} has no {what}", hint="name the file that has them")
    return source, topics


def spec_of(ctx: typer.Context, source: str, rm3: bool) -> str:
    """The retriever's spec: the source itself, or what the flags make of a file.

    Raises:
        UsageError: Flags stand beside a spec, or RM3's without it.
    """
    from dikast.retrieval.load import SCHEMES

    named = source.partition(":")[0] in SCHEMES
    if named and rm3 and not source.startswith("rm3:"):
        raise UsageError(f"--rm3 says otherwise than {source!r}", hint="name the file alone, or begin with rm3:")
    if named:
        hint = "write bm25:PATH?k1=..&b=.., or rm3:PATH?fb_docs=.."
        refuse_given(ctx, *BM25_FLAGS, *RM3_FLAGS, why=f"{source!r:.80} is a spec", hint=hint)
        return source
    if not rm3:
        refuse_given(ctx, *RM3_FLAGS, why="they are RM3's", hint="give --rm3 too")
    names = (*BM25_FLAGS, *(RM3_FLAGS if rm3 else ()))
    given = [f"{name}={ctx.params[name]}" for name in names if ctx.params[name] is not None]
    return f"{'rm3' if rm3 else 'bm25'}:{source}?{'&'.join(given)}"


async def terms_of(retriever: Retriever, queries: Sequence[WeightedQuery]) -> list[dict[str, float]]:
    """The terms that each query is searched by, with their weights, heaviest first, equals in alphabetical order.

    Raises:
        UsageError: The retriever does not search by terms.
    """
    from dikast.retrieval.bm25 import BM25
    from dikast.retrieval.retriever import Expands

    if isinstance(retriever, Expands):
        queries = await retriever.expanded(queries)
    elif not isinstance(retriever, BM25):
        hint = "bm25:, rm3:, lucene: and lucene-rm3: do"
        raise UsageError(f"--show-terms: {retriever.spec!r:.80} does not search by terms", hint=hint)
    return [dict(sorted(query.terms.items(), key=lambda term: (-term[1], term[0]))) for query in queries]


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


def show_hits(retriever: Retriever, query: WeightedQuery, k: int, as_json: bool, show_terms: bool) -> None:
    """Print a ranking with the beginning of each document, and below it the query's terms where they are asked for."""
    from dikast.records import Document

    async def find() -> tuple[list[dict[str, float]], list[Hit], list[Document]]:
        terms = await terms_of(retriever, [query]) if show_terms else []
        [hits] = await retriever.search([query], k)
        return terms, hits, await retriever.documents([hit.docid for hit in hits])

    terms, hits, documents = asyncio.run(find())
    if as_json:
        found = [
            {"docid": hit.docid, "score": hit.score, "contents": document.contents}
            for hit, document in zip(hits, documents, strict=True)
        ]
        emit({"terms": terms[0], "hits": found} if show_terms else found)
        return
    texts = [" ".join(document.contents[: 2 * EXCERPT_CHARACTERS].split()) for document in documents]
    rows = [
        (rank, hit.docid, f"{hit.score:.4f}", text[:EXCERPT_CHARACTERS])
        for rank, (hit, text) in enumerate(zip(hits, texts, strict=True), start=1)
    ]
    table(("rank", "document", "score", "text"), rows)
    if show_terms:
        show("")
        table(("term", "weight"), [(term, f"{weight:.4f}") for term, weight in terms[0].items()])


def read_queries(retriever: Retriever, topics: str, field: str | None, weighted: bool) -> dict[str, WeightedQuery]:
    """The queries of a topics file, by their ids."""
    from dikast.retrieval.trec import parse_fields, read_topics

    texts = read_topics(topics, fields=parse_fields(field))
    return {qid: make_of_topic(qid, text, topics, retriever, weighted) for qid, text in texts.items()}


def find_all(
    spec: str, retriever: Retriever, named: Mapping[str, WeightedQuery], k: int, processes: int
) -> dict[str, list[Hit]]:
    """Search with every query."""
    from dikast.retrieval.batch import search_batch

    queries = list(named.values())
    found = search_batch(spec, queries, k, processes) if processes > 1 else asyncio.run(retriever.search(queries, k))
    return dict(zip(named, found, strict=True))


def write_hits(
    run: dict[str, list[Hit]], out: Path | None, tag: str, as_json: bool, terms: Sequence[dict[str, float]] | None
) -> None:
    """Write the rankings as a TREC run, to stdout without `--out`; as JSON only what was found or written."""
    from dikast.retrieval.trec import run_lines, write_run

    empty = sum(not hits for hits in run.values())
    known = dict(zip(run, terms, strict=True)) if terms is not None else {}
    if out is not None:
        write_run(out, run, tag)
        if as_json:
            told = {"queries": len(run), "found nothing": empty, "wrote": str(out)}
            emit(told if terms is None else told | {"terms": known})
        elif known:
            rows = [(qid, term, f"{weight:.4f}") for qid, held in known.items() for term, weight in held.items()]
            table(("query", "term", "weight"), rows)
    elif as_json:
        found = {qid: [{"docid": hit.docid, "score": hit.score} for hit in hits] for qid, hits in run.items()}
        emit(found if terms is None else {qid: {"terms": known[qid], "hits": hits} for qid, hits in found.items()})
    else:
        sys.stdout.writelines(f"{line}\n" for line in run_lines(run, tag))
    say(f"{len(run)} queries, {sum(map(len, run.values())):,} documents; {empty} queries found nothing")
