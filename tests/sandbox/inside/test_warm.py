from __future__ import annotations

import random
import warnings

import numpy as np
import pandas as pd

from dikast.sandbox.inside import child, warm


def test_every_program_works_and_the_wrong_one_is_told() -> None:
    *said, wrong = warm.warm_up(child.execute)
    assert [one["claim"] for one in said] == ["ok"] * len(warm.PROGRAMS)
    assert wrong == {"claim": "error", "error": "KeyError", "line": 1}


def test_nothing_that_a_program_can_see_is_left_changed() -> None:
    def seen() -> tuple[object, ...]:
        options = {name: pd.get_option(name) for name in ("display.max_rows", "display.precision")}
        return random.getstate(), str(np.random.get_state()), list(warnings.filters), options, np.geterr()

    before = seen()
    warm.warm_up(child.execute)
    assert seen() == before
