from __future__ import annotations

import pytest

from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Sampling
from dikast.errors import UsageError


def test_sampling_is_what_is_given_over_the_base() -> None:
    base = Sampling(max_tokens=9, temperature=0.5, stop=("x",))
    given = Options("server", {"temperature": "0.7", "seed": "3"})
    assert given.sampling(base) == base.model_copy(update={"temperature": 0.7, "seed": 3})
    given.done()
    assert Options("server", {}).sampling() == Sampling()


@pytest.mark.parametrize(("name", "text"), [("temperature", "-1"), ("top_p", "2"), ("max_tokens", "none")])
def test_a_value_out_of_its_range_names_the_option_and_not_the_value(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"server: option '{name}': "):
        Options("server", {name: text}).sampling()


def test_stop_strings_are_no_option_and_sampling_is_known_to_the_hint() -> None:
    mine = Options("server", {"stop": "x", "temprature": "1"})
    mine.sampling()
    assert set(mine.given) == {"stop", "temprature"}
    del mine.given["stop"]
    with pytest.raises(UsageError, match="did you mean 'temperature'"):
        mine.done()
