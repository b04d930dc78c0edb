"""Flags of `dikast genqr run` that are no field of its context: the files of a run, and what they make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from dikast.errors import DataError, UsageError
from dikast.flags import Flag
from dikast.graphs.genqr.context import CHOICE, Context
from dikast.graphs.method import OPTIONS, Given, Row
from dikast.records import Qrels

MEASURES = "nDCG@10,MAP,R@100"
SHOWN = 5
"""Query ids that a note lists."""


class Options(BaseModel):
    """Rewrite queries, search before and after, and compare."""

    model_config = OPTIONS

    corpus: Annotated[str | None, Flag(metavar="FILE")] = None
    """Collection or saved index to search with BM25."""
    topics: Annotated[str | None, Flag(metavar="FILE")] = None
    """Queries: TSV, TREC's and CAsT's topics, CSV, JSON, JSON lines, Parquet."""
    topic_field: Annotated[str | None, Flag(metavar="NAME,...")] = None
    """Fields of TREC's or CAsT's topics to take: title,desc,narr, query, raw, manual."""
    qrels: Annotated[str | None, Flag(metavar="FILE")] = None
    """Judgments, to score with. Optional."""
    collection: Annotated[str | None, Flag(metavar="NAME")] = None
    """In place of files: 'sample' (ships with dikast), or a data set of ir_datasets, as beir/scifact/test."""
    columns: Annotated[str | None, Flag(metavar="OURS=THEIRS,...")] = None
    """Names in your topics file: query=question,qid=id."""
    k1: float | None = Field(default=None, ge=0)
    """BM25's k1 over --corpus; 0.9 without."""
    b: float | None = Field(default=None, ge=0, le=1)
    """BM25's b over --corpus; 0.4 without."""
    language: Annotated[str | None, Flag(metavar="NAME")] = None
    """Language of a collection that --corpus names: de, fr, ru, ...; an index knows its own."""
    instructions: Annotated[str | None, Flag(metavar="FILE.txt", panel="Method")] = None
    """Your own instructions, one a line."""
    n: Annotated[int | None, Flag(names=("-n",), panel="Method")] = Field(default=None, ge=1)
    """Use only the first N instructions, or plan N questions."""
    select_weights: Annotated[str | None, Flag(metavar="FILE", panel=CHOICE)] = None
    """For --select evidence: weights that 'dikast genqr learn' wrote."""
    measures: Annotated[str, Flag(panel="Method")] = MEASURES
    """Measures, comma-separated."""
    compare: Annotated[str | None, Flag(metavar="COMBINATION,...", panel="Method")] = None
    """Other ways of --combination to score beside, from the same keywords; no model is asked for that."""

    def files(self) -> dict[str, str | None]:
        """Corpus, topics and judgments, those of a collection where one is asked for.

        Raises:
            UsageError: It is asked for beside a corpus of one's own.
            MissingExtraError: It is one of `ir_datasets`, which is not installed.
            DataError: There is none of that name.
        """
        named = {"corpus": self.corpus, "topics": self.topics, "qrels": self.qrels}
        if self.collection is None:
            return named
        if self.corpus is not None:
            raise UsageError("--collection and --corpus say different things", hint="give one of them")
        theirs = files_of(self.collection)
        return {name: named[name] or theirs[name] for name in named}


def files_of(collection: str) -> Mapping[str, str | None]:
    """Corpus, topics and judgments of `sample`, or of a data set of `ir_datasets`.

    Raises:
        MissingExtraError: `ir_datasets` is not installed.
        DataError: It knows no such data set.
    """
    if collection == "sample":
        from dikast.retrieval.sample import sample_files

        return {name: str(path) for name, path in sample_files()._asdict().items()}
    from dikast.retrieval.irds import sources

    return sources(collection)


def make_fields(options: Options, given: Given) -> Mapping[str, Any]:
    """Fields of the context that the files and presets make.

    Raises:
        UsageError: Options do not fit together.
        DataError: A file is broken.
    """
    fields, files = given.fields, options.files()
    found: dict[str, Any] = {
        "retriever": retriever_of(options, fields, files["corpus"]),
        **choose_questions(options, fields),
    }
    if fields.get("feedback") == "critic" and not fields.get("critic"):
        found["critic"] = fields.get("solver") or given.model()
    if fields.get("feedback") == "oracle":
        if files["qrels"] is None:
            raise UsageError("--feedback oracle needs judgments", hint="give --qrels FILE")
        from dikast.retrieval.oracle import QrelsOracle

        found["oracle"] = QrelsOracle(files["qrels"])
    if fields.get("select") == "judge" and not fields.get("judge"):
        found["judge"] = fields.get("solver") or given.model()
    if options.select_weights is not None:
        from dikast.graphs.genqr.weights import read_weights

        found["evidence_weights"] = read_weights(options.select_weights).weights
    return found


def retriever_of(options: Options, fields: Mapping[str, Any], corpus: str | None) -> Any:
    """The retriever: the one that is named, or BM25 over the corpus.

    Raises:
        UsageError: There is none, or both are named.
    """
    named = fields.get("retriever")
    if named:
        given = {"--corpus": options.corpus, "--k1": options.k1, "--b": options.b, "--language": options.language}
        twin = next((name for name, value in given.items() if value is not None), None)
        if twin is not None:
            raise UsageError(f"{twin} says nothing beside --retriever", hint="write it into the retriever's spec")
        return named
    if corpus is None:
        raise UsageError("nothing to search", hint="give --corpus FILE, --retriever SPEC, or --collection NAME")
    values = {"k1": options.k1, "b": options.b, "language": options.language}
    query = "&".join(f"{name}={value}" for name, value in values.items() if value is not None)
    return f"bm25:{corpus}" + (f"?{query}" if query else "")


def choose_questions(options: Options, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the context for what the solver is asked: instructions, or a plan's number of questions.

    Raises:
        UsageError: There are not so many instructions, or the method asks by questions of its own.
        DataError: The instruction file is broken.
    """
    from dikast.agents.prompt import load_lines

    if fields.get("plan"):
        if options.instructions is not None:
            raise UsageError("this method makes its own questions: it takes no --instructions")
        return {"planned": options.n} if options.n is not None else {}
    own = load_lines(options.instructions) if options.instructions else None
    lines = own or fields.get("instructions") or load_lines("genqr/instructions")
    if options.n is not None and options.n > len(lines):
        hint = "--samples draws several replies of each"
        raise UsageError(f"-n {options.n}: there are {len(lines)} instructions", hint=hint)
    return {"instructions": lines[: options.n]}


def read_queries(options: Options, context: Context) -> list[Row]:
    """The rows of the job: query id and text.

    Raises:
        UsageError: No file is named.
        DataError: It is broken, an id stands there twice, or a query is missing.
    """
    from dikast.retrieval.trec import parse_fields, read_topics
    from dikast.rows import parse_columns

    del context
    topics = options.files()["topics"]
    if topics is None:
        raise UsageError("no queries", hint="give --topics FILE, or --collection sample")
    found = read_topics(topics, parse_columns(options.columns), parse_fields(options.topic_field))
    return [{"qid": qid, "query": text} for qid, text in found.items()]


def read_judgments(qrels: str | None, qids: Sequence[str]) -> Qrels:
    """The judgments of these queries.

    Raises:
        DataError: None of the queries has any.
    """
    from dikast.retrieval.trec import read_qrels

    if qrels is None:
        return {}
    judged = read_qrels(qrels)
    known = set(qids) & judged.keys()
    if qids and not known:
        raise DataError("no query of the topics has judgments", path=qrels, hint="do the query ids match?")
    return {qid: grades for qid, grades in judged.items() if qid in known}


def notes(options: Options, context: Context, rows: Iterable[Row]) -> Iterable[str]:
    """What cannot be scored, and what the weights of a selection have seen already; bad measures are refused here.

    Raises:
        UsageError: A measure, or a combination to compare, is unknown.
        DataError: No query has judgments.
    """
    from dikast.graphs.genqr.report import others_of, read_measures

    read_measures(options.measures)
    others_of(context, options.compare)
    qids = [str(row["qid"]) for row in rows]
    qrels = options.files()["qrels"]
    judged = read_judgments(qrels, qids)
    if qrels is None:
        yield "no --qrels: rankings are written, nothing is scored"
    elif without := [qid for qid in qids if qid not in judged]:
        listed = ", ".join(without[:SHOWN]) + (", ..." if len(without) > SHOWN else "")
        yield f"note: {len(without)} of {len(qids)} queries have no judgments and are not scored: {listed}"
    if options.select_weights is not None:
        from dikast.graphs.genqr.weights import read_weights

        known = len(set(read_weights(options.select_weights).queries).intersection(qids))
        if known:
            yield f"note: the weights were learnt from {known} of these queries; scores on them flatter the choice"


async def facts(options: Options, context: Context) -> Mapping[str, Any]:
    """The files that were used, for reports on the run."""
    del context
    return options.files()
