"""The options of `dikast genqr run`, one type an option; those that other commands share are in `options`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from dikast.cli.options import INPUT, METHOD, MODEL

FEEDBACK, CHOICE = "Feedback", "Choice"

Corpus = Annotated[
    str | None,
    typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Collection or saved index to search with BM25."),
]
Topics = Annotated[
    str | None, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Queries: TSV, JSON lines, CSV, Parquet.")
]
QrelsFile = Annotated[
    str | None, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Judgments, to score with. Optional.")
]
Collection = Annotated[
    Literal["sample"] | None,
    typer.Option(rich_help_panel=INPUT, help="The small collection that ships with dikast, in place of files."),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="OURS=THEIRS,...", rich_help_panel=INPUT, help="Names in your topics file: query=question,qid=id."
    ),
]
RetrieverSpec = Annotated[
    str | None, typer.Option(metavar="SPEC", rich_help_panel=INPUT, help="Another retriever than BM25 over --corpus.")
]
K1 = Annotated[float, typer.Option(min=0, rich_help_panel=INPUT, help="BM25's k1.")]
B = Annotated[float, typer.Option(min=0, max=1, rich_help_panel=INPUT, help="BM25's b.")]
SolverSpec = Annotated[
    str | None,
    typer.Option(envvar="DIKAST_SOLVER", metavar="SPEC", rich_help_panel=MODEL, help="Model that writes the keywords."),
]
Temperature = Annotated[float, typer.Option(min=0, rich_help_panel=MODEL, help="0 is greedy decoding.")]
TopP = Annotated[float, typer.Option(min=0, max=1, rich_help_panel=MODEL, help="Nucleus sampling.")]
TopK = Annotated[int, typer.Option(min=0, rich_help_panel=MODEL, help="0 keeps the whole vocabulary.")]
RepetitionPenalty = Annotated[
    float, typer.Option(min=0.01, rich_help_panel=MODEL, help="1 is none; some vendors' servers take no other.")
]
MaxReplyTokens = Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one reply.")]

Method = Annotated[
    Literal[
        "ensemble",
        "ensemble_mix",
        "fusion",
        "genqr",
        "query2doc",
        "query2e",
        "mugi",
        "lamer",
        "csqe",
        "qa_expand",
        "hyde",
    ]
    | None,
    typer.Option(
        rich_help_panel=METHOD,
        help="A published method: settings in place of the defaults shown here; flags that you give still win.",
    ),
]
Mode = Annotated[
    Literal["ensemble", "fusion"],
    typer.Option(rich_help_panel=METHOD, help="One search with all keywords, or one an instruction, fused."),
]
Instructions = Annotated[
    str | None, typer.Option(metavar="FILE.txt", rich_help_panel=METHOD, help="Your own instructions, one a line.")
]
Number = Annotated[
    int | None,
    typer.Option("-n", min=1, rich_help_panel=METHOD, help="Use only the first N instructions, or plan N questions."),
]
Samples = Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Replies drawn for each instruction.")]
ReplyForm = Annotated[
    Literal["text", "json", "passage"],
    typer.Option(rich_help_panel=METHOD, help="Keywords; as JSON, forced by the engine; or a passage, used as it is."),
]
Combination = Annotated[
    Literal["paper", "querygym", "mix", "dedup", "mugi", "lamer", "alone"],
    typer.Option(rich_help_panel=METHOD, help="How keywords join the query; see docs/methods/genqr.md."),
]
Mixing = Annotated[
    float, typer.Option(min=0, max=0.999, rich_help_panel=METHOD, help="mix: the keywords' share of the weight.")
]
Damping = Annotated[
    Literal["none", "sqrt", "log", "binary"],
    typer.Option(rich_help_panel=METHOD, help="mix: what repeated keywords count."),
]
Repeats = Annotated[
    int, typer.Option(min=1, rich_help_panel=METHOD, help="querygym, dedup: how often the query stands there.")
]
MaxTerms = Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Most expansion terms.")]
Fusion = Annotated[
    Literal["rrf", "combsum", "combmnz"], typer.Option(rich_help_panel=METHOD, help="fusion: how rankings join.")
]
RrfK = Annotated[float, typer.Option(rich_help_panel=METHOD, help="fusion rrf: its k; ranks count from 1.")]
Normalize = Annotated[
    Literal["none", "minmax", "zscore"],
    typer.Option(rich_help_panel=METHOD, help="fusion combsum, combmnz: what is done to scores first."),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="W,W,...",
        rich_help_panel=METHOD,
        help="fusion: one weight a reformulation, one more for the original query if it takes part.",
    ),
]
WithOriginal = Annotated[
    bool,
    typer.Option(
        "--with-original/--without-original",
        rich_help_panel=METHOD,
        help="fusion, --select: whether the original query takes part like a reformulation.",
    ),
]
Depth = Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Documents a ranking keeps.")]
Fluent = Annotated[
    bool,
    typer.Option(
        "--fluent", rich_help_panel=METHOD, help="Have one fluent query written for people, too; not searched with."
    ),
]
Measures = Annotated[str, typer.Option(rich_help_panel=METHOD, help="Measures, comma-separated.")]

Distinct = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=1,
        rich_help_panel=CHOICE,
        help="Leave out reformulations whose terms resemble an earlier one's this much (Jaccard).",
    ),
]
Select = Annotated[
    Literal["none", "evidence", "clarity", "nqc", "wig", "agreement", "judge"],
    typer.Option(rich_help_panel=CHOICE, help="What decides which reformulations are kept; sees no judgments."),
]
Keep = Annotated[
    int, typer.Option(min=1, rich_help_panel=CHOICE, help="--select: how many are kept; 1 is selection, more a filter.")
]
SelectWeights = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", rich_help_panel=CHOICE, help="--select evidence: weights that 'dikast genqr learn' wrote."
    ),
]
JudgeSpec = Annotated[
    str | None,
    typer.Option(
        envvar="DIKAST_JUDGE",
        metavar="SPEC",
        rich_help_panel=MODEL,
        help="Model that scores what a reformulation finds, for --select judge; json+SPEC, logprobs+SPEC.",
    ),
]

Feedback = Annotated[
    Literal["none", "pseudo", "oracle", "critic", "human"],
    typer.Option(
        rich_help_panel=FEEDBACK, help="Who chooses documents to show the solver; oracle reads --qrels, human asks you."
    ),
]
FeedbackK = Annotated[int, typer.Option(min=1, rich_help_panel=FEEDBACK, help="Documents shown at most.")]
FeedbackPool = Annotated[
    int, typer.Option(min=1, rich_help_panel=FEEDBACK, help="Documents that a critic or a person looks at.")
]
FeedbackTokens = Annotated[
    int, typer.Option(min=1, rich_help_panel=FEEDBACK, help="Budget of what is shown, about four characters a token.")
]
CriticSpec = Annotated[
    str | None,
    typer.Option(
        envvar="DIKAST_CRITIC",
        metavar="SPEC",
        rich_help_panel=MODEL,
        help="Model that grades documents for --feedback critic; list+SPEC grades all in one call.",
    ),
]
CriticThreshold = Annotated[
    int, typer.Option(min=0, max=3, rich_help_panel=FEEDBACK, help="Lowest grade, 0 to 3, that counts as relevant.")
]
CriticWhenNone = Annotated[
    Literal["none", "pseudo"],
    typer.Option(rich_help_panel=FEEDBACK, help="What is shown where the critic finds nothing relevant."),
]
