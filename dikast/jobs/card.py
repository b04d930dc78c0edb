"""The card of a data set: what Hugging Face calls its README.md, with the YAML head that the hub reads.

It says where the rows come from and how many ended how, so that nobody takes the good rows for all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from dikast.jobs.columns import Kind
from dikast.jobs.reading import Run
from dikast.records import Outcome

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Bounds of the hub's size categories."""
MEANINGS: Mapping[Outcome, str] = {
    Outcome.OK: "a result",
    Outcome.UNPARSED: "the reply could not be parsed",
    Outcome.REFUSED: "the model refused",
    Outcome.FILTERED: "the API filtered the request or the reply",
    Outcome.EMPTY: "the reply was empty",
    Outcome.TIMEOUT: "no reply in time",
    Outcome.LIMIT: "a limit or the context's length stopped it",
    Outcome.ERROR: "an error",
}
NOT_IN_A_NAME = re.compile(r'[<>:/\\|?*"\x00-\x1f]')
LONGEST_NAME = 100
"""Characters: with what `datasets` adds, a name stays below the 255 bytes that file systems take."""
TYPES = {
    "messages": "messages",
    "bool": "boolean",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "text": "text",
    "null": "empty",
}
NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class About:
    """What the card of a data set made of a run says.

    Args:
        title: Its heading.
        text: Paragraphs: what it is, what is left out.
        meanings: Column -> what it holds.
    """

    title: str
    text: tuple[str, ...]
    meanings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a data set.

    Args:
        rows: Split -> rows.
        sizes: Split -> bytes.
        digest: A hash of what is in all of them.
    """

    rows: Mapping[str, int]
    sizes: Mapping[str, int]
    digest: str


def card(run: Run, counts: Mapping[Outcome, int], columns: Mapping[str, Kind], files: Files, licence: str) -> str:
    """The card as Markdown.

    Args:
        run: Where the rows come from.
        counts: How many of the exported rows ended how.
        columns: Their columns.
        files: Where they are.
        licence: The identifier for the head.
    """
    total = sum(counts.values())
    asked = run.manifest.attempts[-1].asked
    return "\n".join(
        [
            *head(f"dikast {run.manifest.graph}", licence, config_name(run), files),
            f"# Rows of a dikast {run.manifest.graph} run",
            "",
            f"{total} rows, made by the graph `{run.manifest.graph}` of [dikast](https://github.com/dikast/dikast);"
            f" asked for were {'an unknown number' if asked is None else asked}.",
            "",
            "| outcome | rows | meaning |",
            "| --- | ---: | --- |",
            *(
                f"| `{outcome}` | {counts[outcome]} | {MEANINGS[outcome]} |"
                for outcome in Outcome
                if counts.get(outcome)
            ),
            "",
            "## Columns",
            "",
            "`input_*` is what the graph was given, `output_*` what it gave, `calls` every message and reply.",
            "",
            "| column | type |",
            "| --- | --- |",
            *(f"| `{table_text(name)}` | {type_text(kind)} |" for name, kind in columns.items()),
            "",
            *provenance(run),
        ]
    )


def card_of_splits(
    run: Run,
    files: Files,
    columns: Mapping[str, Kind],
    about: About,
    licence: str,
    left_out: Mapping[str, int] = NOTHING,
) -> str:
    """The card of a data set with splits as Markdown.

    Args:
        run: Where the rows come from.
        files: Its splits.
        columns: The rows' columns.
        about: What is said of them.
        licence: The identifier for the head.
        left_out: Why candidates for a row are none -> how many.
    """
    return "\n".join(
        [
            *head(about.title, licence, config_name(run), files),
            f"# {about.title}",
            "",
            *(line for paragraph in about.text for line in (paragraph, "")),
            "| split | rows |",
            "| --- | ---: |",
            *(f"| {split} | {count} |" for split, count in files.rows.items()),
            "",
            *left_out_table(left_out),
            "## Columns",
            "",
            "| column | type | what |",
            "| --- | --- | --- |",
            *(f"| `{name}` | {type_text(kind)} | {about.meanings.get(name, '')} |" for name, kind in columns.items()),
            "",
            *provenance(run),
        ]
    )


def left_out_table(left_out: Mapping[str, int]) -> list[str]:
    """What is no row, and why; nothing where nothing was left out."""
    if not left_out:
        return []
    lines = [f"| {table_text(why)} | {count} |" for why, count in left_out.items()]
    return ["## Left out", "", "| why | how many |", "| --- | ---: |", *lines, ""]


def making(run: Run) -> list[str]:
    """Who was asked for the rows, and how often; nothing where no model was."""
    spent = run.manifest.attempts[-1].usage
    if not spent:
        return []
    lines = [
        f"| {table_text(role)} | {models_of(run, role)} | {one.get('calls', 0):.0f} | {one.get('cached_calls', 0):.0f}"
        f" | {one.get('input_tokens', 0):.0f} + {one.get('output_tokens', 0):.0f} |"
        for role, one in spent.items()
    ]
    return [
        "## Models",
        "",
        "| role | model | calls | from the cache | tokens |",
        "| --- | --- | ---: | ---: | ---: |",
        *lines,
        "",
    ]


def models_of(run: Run, role: str) -> str:
    """The models of a role, by their specs without the address of a server; a dash where no field is called so."""
    given: object = run.manifest.context.get(role, run.manifest.context.get(f"{role}s"))
    specs: list[object] = [*given] if isinstance(given, list) else [given]
    names = [f"`{table_text(one.rpartition('#')[2])}`" for one in specs if isinstance(one, str)]
    return ", ".join(names) or "-"


def provenance(run: Run) -> list[str]:
    """Where the rows come from, and who was asked for them."""
    first, last = run.manifest.attempts[0], run.manifest.attempts[-1]
    return [
        *making(run),
        "## Provenance",
        "",
        f"Begun {first.started}, last worked on {last.finished or last.started}, in {len(run.manifest.attempts)}"
        f" attempt(s). Hash of the input: `{last.input_hash}`.",
        "",
        "```json",
        json.dumps({"fingerprint": run.manifest.fingerprint, "versions": last.versions}, indent=1),
        "```",
        "",
    ]


def config_name(run: Run) -> str:
    """The run folder's name without what file names cannot hold everywhere; it is a folder of `datasets`' cache."""
    return NOT_IN_A_NAME.sub("-", run.path.resolve().name)[:LONGEST_NAME] or run.manifest.graph


def head(title: str, licence: str, name: str, files: Files) -> list[str]:
    """The YAML head. JSON strings are YAML strings, whatever is in them.

    `datasets` keeps what it has loaded under the folder's name, the configuration's name and a hash of this head, and
    does not look at the files: without name, counts and hash of the rows, the second data set is answered with the
    rows of the first.
    """
    size = sum(files.sizes.values())
    return [
        "---",
        f"license: {json.dumps(licence)}",
        f"pretty_name: {json.dumps(title)}",
        "tags:",
        "- dikast",
        "- synthetic",
        "size_categories:",
        f"- {size_category(sum(files.rows.values()))}",
        "dataset_info:",
        f"- config_name: {json.dumps(name)}",
        f"  description: {json.dumps(f'sha256 of the rows: {files.digest}')}",
        "  splits:",
        *(line for split in files.rows for line in split_info(split, files)),
        f"  download_size: {size}",
        f"  dataset_size: {size}",
        "configs:",
        f"- config_name: {json.dumps(name)}",
        "  data_files:",
        *(line for split in files.rows for line in (f"  - split: {split}", f"    path: data/{split}-*.parquet")),
        "---",
        "",
    ]


def split_info(split: str, files: Files) -> list[str]:
    """What the head says of a split; `datasets` refuses files with another number of rows."""
    return [f"  - name: {split}", f"    num_bytes: {files.sizes[split]}", f"    num_examples: {files.rows[split]}"]


def size_category(total: int) -> str:
    """The hub's name for a number of rows."""
    names = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M"]
    return names[sum(total >= bound for bound in SIZES)]


def type_text(kind: Kind) -> str:
    """A column's type in words."""
    inner = kind.rpartition(" ")[2]
    return kind.replace(inner, TYPES.get(inner, "JSON text"))


def table_text(text: str) -> str:
    """Text that stays within one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
