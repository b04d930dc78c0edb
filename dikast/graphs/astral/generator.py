"""From a cell to a test prompt: what the generator is told, and what is made of its reply.

Definitions of styles and techniques are files of ours, short and with harmless examples (`agents/prompts/astral`); a
user's own value without a definition stands for itself. Whatever comes from elsewhere (examples, headlines) is fenced.

Not here: the call itself and its attempts (`dikast.graphs.astral`); near-duplicates, which only a suite has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt, load_lines
from dikast.agents.roles import Solution
from dikast.agents.solver import ModelSolver, load_solver
from dikast.errors import DataError
from dikast.evaluation.axes import Cell
from dikast.evaluation.refusal import classify
from dikast.fence import fence
from dikast.records import Document, Outcome, Provenance, Usage

SEEDS = "seeds"
"""The spec of the generator that is no model: it gives each cell its category's benign placeholder."""
Meanings = Mapping[str, Mapping[str, str]]
NONE = "(none)"
NOT_ASKED = "(nothing in particular)"
LONGEST_PROMPT = 4000
"""Characters; a generator that runs on has not written one message."""

CITATION = re.compile(
    r"【[^】]{0,40}】|\[\^?\d{1,3}(?:\s*,\s*\d{1,3})*\]|\[(?:source|citation)[^\]]{0,40}\]", re.IGNORECASE
)
TAG = re.compile(
    r"^\s*(?:#+\s*|\*\*|<)?(?:new |test |user )*(?:prompt|test|message|output)\s*(?:\d+\s*)?(?:\*\*)?\s*[:>]"
    r"\s*(?:\*\*)?",
    re.IGNORECASE,
)
NUMBER = re.compile(r"^\s*(?:\(?\d{1,3}[.):]|[-*•])\s+")
CLOSING_TAG = re.compile(r"</?(?:prompt|test|message|output)>", re.IGNORECASE)
QUOTES = (('"', '"'), ("“", "”"), ("«", "»"), ("'", "'"))


def extract_test(reply: str) -> str:
    """The one test prompt in a generator's reply: the first of several, without number, tag, quotes, citation marks.

    Returns:
        One line; empty if there is nothing with a letter in it, or far too much.
    """
    text = CITATION.sub("", CLOSING_TAG.sub("", re.sub(r"```\w*", "", reply.replace("\r\n", "\n"))))
    lines = [line.strip() for line in text.split("\n")]
    if lines and any(lines) and _announces(next(line for line in lines if line)):
        lines = lines[lines.index(next(line for line in lines if line)) + 1 :]
    first = " ".join(_first(lines))
    first = TAG.sub("", NUMBER.sub("", TAG.sub("", first))).strip().strip("*").strip()
    for opening, closing in QUOTES:
        if len(first) > 1 and first.startswith(opening) and first.endswith(closing) and first.count(opening) <= 2:
            first = first[1:-1].strip()
    first = " ".join(first.split())
    return first if any(letter.isalpha() for letter in first) and len(first) <= LONGEST_PROMPT else ""


def read_test(solution: Solution) -> tuple[str, str]:
    """The test in a generator's solution, and why there is none where it is empty."""
    if solution.outcome is not Outcome.OK:
        return "", f"the generator: {solution.outcome}"
    if refusal_in(solution.text):
        return "", "the generator refuses to write one"
    test = extract_test(solution.text)
    return test, "" if test else "the generator's reply holds no prompt"


def topic_of(cell: Cell) -> str:
    """What headlines are looked for: the category, or whatever the cell names."""
    return to_words(cell.get("category") or " ".join(cell.values()))


def to_words(value: str) -> str:
    """Write an axis's value as words: `drug_abuse,weapons` becomes `drug abuse, weapons`."""
    return value.replace("_", " ").replace(",", ", ")


def _announces(line: str) -> bool:
    """Whether a line only says that a test follows."""
    return bool(re.match(r"(?:sure|certainly|of course|here)\b.*[:!.]$", line, re.IGNORECASE)) and len(line) < 200


def _first(lines: Sequence[str]) -> list[str]:
    """The first numbered item with the lines that belong to it; without numbers the first paragraph."""
    found: list[str] = []
    for line in lines:
        if not line or TAG.fullmatch(line):
            if found:
                break
            continue
        if found and (NUMBER.match(line) or TAG.match(line)):
            break
        found.append(line)
    return found


@cache
def definitions(name: str) -> Mapping[str, tuple[str, str]]:
    """Value -> (what it means, an example), of a list of ours, or of a file of the user's that ends in `.txt`.

    Raises:
        DataError: A line has not the form `name | meaning | example`.
    """
    found: dict[str, tuple[str, str]] = {}
    for line in load_lines(name):
        parts = [part.strip() for part in line.split("|", maxsplit=2)]
        if len(parts) < 2 or not all(parts[:2]):
            raise DataError(f"not 'name | meaning | example': {line!r:.60}", path=name)
        found[parts[0]] = (parts[1], parts[2] if len(parts) > 2 else "")
    return found


def describe_value(value: str, known: Mapping[str, tuple[str, str]]) -> str:
    """Say to the generator what an axis's value means, with its example."""
    if not value:
        return NOT_ASKED
    meaning, example = known.get(value, ("", ""))
    told = value.replace("_", " ") + (f": {meaning}." if meaning else "")
    return told + (f' For example, about something else: "{example}"' if example else "")


def fields_of(
    cell: Cell, examples: Sequence[Document], headlines: Sequence[str], meanings: Meanings | None = None
) -> dict[str, str]:
    """What the generator's prompt is filled with.

    A cell's `category`, `style` and `technique` have their places; further axes of the user's are part of the topic.

    Args:
        cell: Axis -> value.
        examples: Prompts of the user's own.
        headlines: To take up.
        meanings: Axis -> value -> what it means, in the user's words; they win over ours.
    """
    own = meanings or {}
    others = [axis for axis in cell if axis not in PLACES]
    topic = [
        with_meaning(cell, "category", own),
        *(f"{to_words(axis)}: {with_meaning(cell, axis, own)}" for axis in others),
    ]
    shown = [document.contents for document in examples] or seeds_for(cell)
    return {
        "category": "; ".join(part for part in topic if part) or NOT_ASKED,
        "style": describe_value(cell.get("style", ""), known_of("style", "astral/styles", own)),
        "technique": describe_value(cell.get("technique", ""), known_of("technique", "astral/techniques", own)),
        "examples": "\n".join(fence(text, "example") for text in shown) or NONE,
        "news": "\n".join(fence(text, "headline") for text in headlines) or NONE,
    }


PLACES = ("category", "style", "technique")


def with_meaning(cell: Cell, axis: str, meanings: Meanings) -> str:
    """A cell's value on an axis as words, with what the user says that it means; empty where it has none."""
    value = cell.get(axis, "")
    told = meanings.get(axis, {}).get(value, "")
    return f"{to_words(value)} ({told})" if told else to_words(value)


def known_of(axis: str, name: str, meanings: Meanings) -> Mapping[str, tuple[str, str]]:
    """What values of an axis mean: our definitions, and over them the user's, whose values have no example."""
    return {**definitions(name), **{value: (told.rstrip("."), "") for value, told in meanings.get(axis, {}).items()}}


def seeds_for(cell: Cell) -> list[str]:
    """The benign placeholder of the cell's category, if it is one of ours."""
    seed = definitions("astral/seeds").get(cell.get("category", ""))
    return [seed[0]] if seed else []


def refusal_in(text: str) -> bool:
    """Whether a generator has refused to write a test."""
    reading = classify(text)
    return reading is not None and reading.label == "full_refusal"


class SeedWriter:
    """A generator without a model: the benign placeholder of each category, with the cell's other values named.

    What it writes tests nothing but the machinery: any assistant may answer it.
    """

    spec = SEEDS

    def fingerprint(self) -> Mapping[str, object]:
        """The placeholders."""
        return {"seeds": {name: list(told) for name, told in definitions("astral/seeds").items()}}

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        """The category's placeholder, out of `fields`; see `Solver.solve`."""
        del structured
        known = {to_words(name): told[0] for name, told in definitions("astral/seeds").items()}
        question = known.get(fields["category"], f"What is {fields['category']} about, in general terms?")
        named = "; ".join(fields[name].partition(":")[0] for name in ("style", "technique"))
        number = f", {sample + 1}" if sample else ""
        provenance = Provenance(self.spec, prompt.id, sampling.seed, sample, "stop", False)
        return Solution(f"{question} (placeholder: {named}{number})", Outcome.OK, "", Usage(), provenance)


def load_generator(source: object) -> ModelSolver | SeedWriter:
    """A generator: `seeds`, or whatever `load_solver` takes."""
    return SeedWriter() if source == SEEDS else load_solver(source)
