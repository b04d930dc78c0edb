"""`load_coverage_judge("...")`: from a short string to a judge of coverage.

| spec | judge |
| --- | --- |
| `SPEC` | a language model, one call an insight |
| `batch+SPEC` | the same, one call a summary |
| `words` | shared words, no model |
| `encoder`, `encoder:SPEC` | words and a sentence encoder, no language model |
| `ladder+SPEC` | words and encoder, then the judge SPEC for what these are not certain of |
| `recorded:FILE,...`, `recorded:FILE?column=NAME` | labels in topic files, or a column of an annotated file |

Options of the ladder stand before its plus: `ladder?encoder=ENCODER&share=0.1+SPEC`. `encoder` is an encoder's spec, or
`words` for none; `share` is at most what share of the pairs may go to SPEC, one of 0.1, 0.25 (the default) and 0.5.
Within an encoder's spec, plus, ampersand and question mark are written as %2B, %26 and %3F. Without the files of the
default encoder words do its work; the judge's `note` says so.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl

from dikast.agents.models.load import load_role_model, split_prefix
from dikast.errors import MissingExtraError, UsageError
from dikast.graphs.summhay.coverage.ladder import SHARE, SHARES, LadderJudge
from dikast.graphs.summhay.coverage.model_judge import BATCH, ModelCoverageJudge
from dikast.graphs.summhay.coverage.recorded import RecordedJudge
from dikast.graphs.summhay.coverage.roles import CoverageJudge
from dikast.graphs.summhay.coverage.similarity import DEFAULT_ENCODER, SimilarityJudge
from dikast.retrieval.encoders.encoder import Encoder, load_encoder
from dikast.spec_options import Options

LADDER, ENCODER, RECORDED, WORDS = "ladder", "encoder", "recorded:", "words"


def load_coverage_judge(source: object) -> CoverageJudge:
    """A judge of coverage from a spec, or around a LangChain chat model.

    Raises:
        UsageError: Neither of these, or an option is wrong.
        MissingExtraError: What a named encoder needs is not installed.
    """
    if isinstance(source, str):
        if source == WORDS:
            return SimilarityJudge()
        if source == ENCODER or source.startswith(f"{ENCODER}:"):
            return SimilarityJudge(named_encoder(source.partition(":")[2] or DEFAULT_ENCODER))
        if source.startswith((f"{LADDER}+", f"{LADDER}?")):
            return load_ladder(source)
        if source.startswith(RECORDED):
            return load_recorded(source)
    prefix, bare = split_prefix(source, [BATCH])
    return ModelCoverageJudge(load_role_model(bare, "judge of coverage", "cover(), batched"), bool(prefix))


def load_ladder(source: str) -> LadderJudge:
    """The judge of `ladder?OPTIONS+SPEC`.

    Raises:
        UsageError: There is no SPEC, it is a ladder itself, or an option is wrong.
        MissingExtraError: What a named encoder needs is not installed.
    """
    head, plus, rest = source.partition("+")
    if not plus or not rest or rest.startswith((f"{LADDER}+", f"{LADDER}?")):
        raise UsageError(f"{source!r:.200}: a ladder ends in another judge", hint="ladder+SPEC")
    options = Options(LADDER, dict(parse_qsl(head.partition("?")[2], keep_blank_values=True)))
    encoder, share = options.text("encoder"), options.number("share", SHARE)
    options.done()
    if share not in SHARES:
        raise UsageError(f"{LADDER}: share is one of {', '.join(map(str, SHARES))}")
    first = SimilarityJudge() if encoder == WORDS else similarity(encoder)
    return LadderJudge(first, load_coverage_judge(rest), share)


def similarity(encoder: str) -> SimilarityJudge:
    """By words and the named encoder; by the default one where none is named, and by words where that is missing.

    Raises:
        UsageError: The spec is none.
        MissingExtraError: What it needs is not installed, and it was named.
    """
    if encoder:
        return SimilarityJudge(named_encoder(encoder))
    try:
        return SimilarityJudge(named_encoder(DEFAULT_ENCODER))
    except MissingExtraError as error:
        return SimilarityJudge(note=f"the ladder's first step is words alone: {error}")


def named_encoder(spec: str) -> Encoder:
    """The encoder, if what it needs is installed.

    Raises:
        UsageError: The spec is none.
        MissingExtraError: It is not.
    """
    encoder = load_encoder(spec)
    if spec.startswith("local:") and find_spec("tokenizers") is None:
        raise MissingExtraError("tokenizers", extra="encoder")
    return encoder


def load_recorded(source: str) -> RecordedJudge:
    """The judge of `recorded:FILE,...` or `recorded:FILE?column=NAME`.

    Raises:
        UsageError: There is no file named, or an option is wrong.
    """
    files, _, query = source.removeprefix(RECORDED).partition("?")
    options = Options("recorded", dict(parse_qsl(query, keep_blank_values=True)))
    column = options.text("column")
    options.done()
    paths = tuple(Path(file) for file in files.split(",") if file)
    if not paths:
        raise UsageError(f"{source!r}: no file is named", hint="recorded:topic.json")
    return RecordedJudge(paths, column)
