"""What a haystack is about, as a file that people edit: `plan.toml`, read strictly and written.

    topic = "Harbour cranes"
    domain = "conversation"                        # or "news", the default
    participants = ["Ann", "Bo"]                   # of conversations; drawn where there are none

    [[subtopics]]
    name = "automation"
    subtopic = "What automatic cranes changed"     # the name, where it is not given
    query = "What did automation change?"          # "What about NAME?", where it is not given
    insights = [
      "Waiting times fell by 35% when cranes were automated in 2021.",
      { name = "Jobs", insight = "Aarhus retrained 120 crane drivers." },
    ]

A table or field that is not known is refused, and so are two insights of which one says the other, or one without a
number or a name where those are asked for: the error names file and field.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dikast.errors import DataError
from dikast.graphs.summhay.haystack import place
from dikast.graphs.summhay.make.records import Content, Domain, PlannedInsight


def one_line(text: str) -> str:
    """A text on one line, without white space around it.

    Raises:
        ValueError: Nothing is left.
    """
    if not (line := " ".join(text.split())):
        raise ValueError("there is nothing in it")
    return line


Line = Annotated[str, AfterValidator(one_line)]
NAME_WORDS = 5
"""Words of an insight that serve as its name where it has none."""
SURROGATE = re.compile("[\ud800-\udfff]")
UNSAFE = re.compile("[\x7f]")
HINT = "docs/methods/summhay.md shows a plan"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Insight(_Part):
    name: str = ""
    insight: Line


def _as_table(value: object) -> object:
    """A bare sentence is an insight without a name."""
    return {"insight": value} if isinstance(value, str) else value


class _Subtopic(_Part):
    name: Line
    subtopic: str = ""
    query: str = ""
    insights: list[Annotated[_Insight, BeforeValidator(_as_table)]] = Field(min_length=1)


class _Plan(_Part):
    topic: Line
    domain: Domain = "news"
    participants: list[Line] = Field(default_factory=list[str])
    subtopics: list[_Subtopic] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> _Plan:
        if self.participants and self.domain == "news":
            raise ValueError("participants are those of a conversation, and the domain is 'news'")
        if len(self.participants) == 1 or len(set(self.participants)) < len(self.participants):
            raise ValueError("participants: two or more, each with a name of their own")
        names = [one.name.casefold() for one in self.subtopics]
        if len(set(names)) < len(names):
            raise ValueError("two subtopics have the same name")
        return self


def parse_content(value: object, path: str | Path | None = None) -> Content:
    """A content out of a JSON or TOML value, what may be left out filled in.

    Raises:
        DataError: It is none; names the field.
    """
    try:
        plan = _Plan.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        said = first["msg"].removeprefix("Value error, ")
        raise DataError(said, path=path, field=place(first["loc"]) or "the plan", hint=HINT) from error
    content = cast(Content, plan.model_dump())
    for subtopic in content["subtopics"]:
        subtopic["subtopic"] = " ".join(subtopic["subtopic"].split()) or subtopic["name"]
        subtopic["query"] = " ".join(subtopic["query"].split()) or f"What about {subtopic['name']}?"
        for insight in subtopic["insights"]:
            insight["name"] = " ".join(insight["name"].split()) or name_of(insight["insight"])
    return content


def name_of(insight: str) -> str:
    """What an insight is called where nobody says it: its first words."""
    return " ".join(insight.split()[:NAME_WORDS]).rstrip(".,;:")


def read_content(path: Path) -> Content:
    """Read a `plan.toml`.

    Raises:
        DataError: It cannot be read, is no TOML, or no plan; says file and field.
    """
    try:
        value: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML: {error}", path=path, hint=HINT) from error
    return parse_content(value, path)


def as_toml(content: Content) -> str:
    """The content as `plan.toml`; read again, it is the same."""
    lines = [f"topic = {_quoted(content['topic'])}", f"domain = {_quoted(content['domain'])}"]
    if content["participants"]:
        lines.append(f"participants = [{', '.join(map(_quoted, content['participants']))}]")
    for subtopic in content["subtopics"]:
        lines += ["", "[[subtopics]]"]
        lines += [f"{name} = {_quoted(subtopic[name])}" for name in ("name", "subtopic", "query")]
        lines.append("insights = [")
        for one in subtopic["insights"]:
            lines.append(f"  {{ name = {_quoted(one['name'])}, insight = {_quoted(one['insight'])} }},")
        lines.append("]")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but that it also escapes the delete character, and has no half surrogates."""
    said = json.dumps(SURROGATE.sub("\ufffd", text), ensure_ascii=False)
    return UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", said)


def insights_of(content: Content) -> list[PlannedInsight]:
    """All insights in their order: their places in it are the numbers that plans and records have."""
    return [one for subtopic in content["subtopics"] for one in subtopic["insights"]]


def subtopics_of(content: Content) -> list[int]:
    """Of each insight, the place of its subtopic."""
    return [place for place, subtopic in enumerate(content["subtopics"]) for _ in subtopic["insights"]]


def fields_of(content: Content) -> Iterator[tuple[str, str, str]]:
    """Of each insight: its field in a plan file, its subtopic's name, and its text."""
    for number, subtopic in enumerate(content["subtopics"]):
        for which, one in enumerate(subtopic["insights"]):
            yield f"subtopics[{number}].insights[{which}]", subtopic["name"], one["insight"]
