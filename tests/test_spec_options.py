from __future__ import annotations

import pytest

from dikast.errors import UsageError
from dikast.spec_options import Options

SECRET = "sk-very-secret"


def options(**given: str) -> Options:
    return Options("server", given)


def test_what_is_given_is_taken_and_what_is_not_has_its_default() -> None:
    mine = options(timeout="1.5", batch="7", name="x")
    assert (mine.number("timeout", 600.0), mine.count("batch", 1), mine.text("name")) == (1.5, 7, "x")
    assert (mine.number("pause", 2.5), mine.count("retries", 5), mine.text("key", "none")) == (2.5, 5, "none")
    mine.done()


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "much", "", SECRET])
def test_a_number_is_above_0_and_finite(text: str) -> None:
    with pytest.raises(UsageError, match="server: option 'timeout' must be a number above 0") as raised:
        options(timeout=text).number("timeout", 600.0)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("text", ["1", "-3", "2.0", "", "many", "²", SECRET])
def test_a_count_is_a_whole_number_from_the_least_on(text: str) -> None:
    with pytest.raises(UsageError, match="server: option 'batch' must be a whole number, 2 or more") as raised:
        options(batch=text).count("batch", 4, least=2)
    assert SECRET not in str(raised.value)


def test_the_least_count_itself_may_be_given() -> None:
    assert options(batch="2").count("batch", 4, least=2) == 2
    assert options(batch="0").count("batch", 4) == 0


def test_an_option_that_nobody_took_is_refused_without_its_value() -> None:
    mine = options(timeuot=SECRET)
    mine.number("timeout", 600.0)
    with pytest.raises(UsageError, match=r"no option is called 'timeuot' \(did you mean 'timeout'\?\)") as raised:
        mine.done()
    assert SECRET not in str(raised.value)


def test_without_a_near_name_all_known_ones_are_listed() -> None:
    mine = options(zzz="1")
    mine.number("timeout", 600.0)
    mine.text("dialect")
    with pytest.raises(UsageError, match="known: timeout, dialect"):
        mine.done()
