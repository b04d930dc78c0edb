from __future__ import annotations

from dikast.http.throttle import on_throttle, throttled


def test_whoever_listens_hears_each_answer_and_nobody_need() -> None:
    throttled()
    heard: list[int] = []
    token = on_throttle.set(lambda: heard.append(1))
    throttled()
    throttled()
    on_throttle.reset(token)
    throttled()
    assert heard == [1, 1]
