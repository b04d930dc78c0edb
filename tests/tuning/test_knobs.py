"""Knobs out of the fields of a settings model: ranges, scales, and what is none."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from dikast.agents.models.request import Sampling
from dikast.errors import UsageError
from dikast.flags import SamplingOf
from dikast.tuning.knobs import parse_knob, parse_knobs, settings_at, settings_in, with_settings


class Settings(BaseModel):
    """One of each."""

    share: float = Field(default=0.5, ge=0, lt=1)
    copies: int = Field(default=3, ge=1)
    rank: int = Field(default=2, gt=0, le=4)
    way: Literal["low", "middle", "high"] = "middle"
    limit: float | None = Field(default=None, gt=0, le=1)
    quick: bool = False
    name: str = ""
    seed: int = 0
    sampling: Annotated[Sampling, SamplingOf("solver")] = Sampling(temperature=0.4)

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.way == "high" and self.copies > 5:
            raise ValueError("copies: too many of them on high")
        return self


class Two(Settings):
    """Two roles that sample."""

    judging: Annotated[Sampling, SamplingOf("judge")] = Sampling()


@pytest.mark.parametrize(
    ("text", "low", "middle", "high"),
    [
        ("share", 0.0, 0.495, 0.99),
        ("share=0.2:0.4", 0.2, 0.3, 0.4),
        ("copies=1:9", 1, 5, 9),
        ("copies=1:100:log", 1, 10, 100),
        ("rank", 1, 3, 4),
        ("way", "low", "middle", "high"),
        ("way=high|low", "high", "low", "low"),
        ("limit=0.001:1:log", 0.001, 0.0316, 1.0),
        ("solver_temperature", 0.0, 0.75, 1.5),
        ("temperature=0:1", 0.0, 0.5, 1.0),
        ("solver-max-tokens=16:256:log", 16, 64, 256),
    ],
)
def test_a_knob_goes_from_one_end_to_the_other(text: str, low: object, middle: object, high: object) -> None:
    knob = parse_knob(text, Settings)
    assert [knob.value(place) for place in (-1, 0, 0.5, 1, 2)] == [low, low, middle, high, high]
    assert knob.levels(1) == [0.5]
    assert [knob.value(place) for place in knob.levels(2)] == [low, high]


@given(
    st.sampled_from(["share", "copies=1:9", "copies=1:100:log", "rank", "way", "limit=0.001:1:log"]), st.floats(0, 1)
)
def test_a_value_lies_where_it_came_from(text: str, place: float) -> None:
    knob = parse_knob(text, Settings)
    value = knob.value(place)
    assert knob.value(knob.place(value)) == value


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_values_of_a_choice_or_whole_number_share_the_way_evenly(count: int) -> None:
    knob = parse_knob(f"copies=1:{count}", Settings)
    found = [knob.value((step + 0.5) / 1000) for step in range(1000)]
    assert {value: abs(found.count(value) - 1000 / count) < 1 for value in range(1, count + 1)} == dict.fromkeys(
        range(1, count + 1), True
    )
    assert knob.most == count


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quick", "yes or no, and has no order"),
        ("name", "no number and no choice"),
        ("sampling", "there is none of that name"),
        ("seed", "there is none of that name"),
        ("solver_seed", "there is none of that name"),
        ("nothing", "some of share, copies, rank, way, limit, solver_max_tokens"),
        ("copies", "at least 1 (give it a range: copies=LOW:HIGH)"),
        ("share=0:2", "its field is at least 0 and below 1"),
        ("share=0.4:0.2", "the lower end comes first"),
        ("share=0.2", "write LOW:HIGH"),
        ("share=a:b", "write LOW:HIGH"),
        ("share=0:nan", "the lower end comes first"),
        ("copies=1.5:3", "a whole number"),
        ("share=0:0.5:log", "factors need a lower end above 0"),
        ("share=0:0.5:lin", "write LOW:HIGH"),
        ("way=low|wide", "'wide' is no choice of it"),
        ("way=low", "name two choices at least"),
        ("way=low|low", "each once"),
        ("share,share=0:0.5", "share stands there twice"),
        (" , ", "no knob is named"),
    ],
)
def test_what_is_no_knob_is_told_in_a_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_knobs(text, Settings)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_bare_name_of_two_roles_has_to_say_which() -> None:
    bare = parse_knob("temperature", Settings)
    assert (bare.name, bare.path) == ("solver_temperature", ("sampling", "temperature"))
    with pytest.raises(UsageError, match="say which: solver_temperature, judge_temperature"):
        parse_knob("temperature", Two)


def test_settings_are_put_into_a_context_and_checked_as_a_whole() -> None:
    base, knobs = Settings(name="mine"), parse_knobs("copies=1:9,way,temperature=0:1", Settings)
    assert settings_in(knobs, base) == {"copies": 3, "way": "middle", "solver_temperature": 0.4}
    made = with_settings(base, knobs, settings_at(knobs, [0.2, 1.0, 0.25]))
    assert (made.copies, made.way, made.sampling.temperature, made.name) == (2, "high", 0.25, "mine")
    with pytest.raises(UsageError, match="copies: too many of them on high"):
        with_settings(base, knobs, settings_at(knobs, [1.0, 1.0, 0.0]))


def test_a_start_that_is_no_number_is_told() -> None:
    with pytest.raises(UsageError, match="it stands at None, which is no number"):
        parse_knob("limit", Settings).place(None)


def test_knobs_need_no_numpy() -> None:
    code = "import sys, dikast.tuning.knobs; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
