"""`dikast h2o run`: rows, report and story; what failed is asked again; what is wrong is one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from dikast.decoding.kv.policies import Policy
from dikast.errors import ModelUnavailable
from dikast.graphs.h2o import roles
from dikast.graphs.h2o.records import Measured
from tests.cli.conftest import Cli
from tests.graphs.h2o.benches import Scripted

PROMPTS = [{"question": " ".join(["word."] * 40) + f" {at}", "gold": "wick"} for at in range(3)]
RUN = ("h2o", "run", "--prompts", "p.jsonl", "--columns", "prompt=question,answer=gold", "--needles", "2",
       "--policies", "h2o,window", "--budgets", "0.6,0.2", "--model", "transformers:any")  # fmt: skip
ROWS = 3 * 3 * 9


class Breaking(Scripted):
    """Is gone after some measurements."""

    left = 6

    async def measure(
        self, prompt: str, text: str | Sequence[int] | None, policy: Policy | None, max_tokens: int
    ) -> Measured:
        self.left -= 1
        if not self.left:
            raise ModelUnavailable("scripted: gone")
        return await super().measure(prompt, text, policy, max_tokens)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PROMPTS))
    one = Scripted()

    def load(source: str) -> Scripted:
        return one

    monkeypatch.setattr(roles, "load_bench", load)
    return one


@pytest.mark.usefixtures("bench")
def test_rows_report_and_story(cli: Cli, tmp_path: Path) -> None:
    done = cli(*RUN, "-o", "x", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    caches = {(one["policy"], one["budget"]): one for one in told["caches"]}
    assert set(caches) == {
        ("full", 1.0), *((name, budget) for name in ("h2o", "window") for budget in (0.6, 0.2)),
        *((f"without-{what}", share) for what in ("heavy", "random") for share in (0.3, 0.1)),
    }  # fmt: skip
    assert caches["full", 1.0]["memory_ratio"] == caches["full", 1.0]["agreement"] == 1.0
    small = caches["h2o", 0.2]
    assert (small["measured"], small["agreement"]) == (9, 0.5)
    assert small["excess"] == pytest.approx(1.71828, abs=1e-4)
    assert small["memory_ratio"] < 0.21
    assert (small["found"], caches["full", 1.0]["found"]) == ([0, 9], [3, 9])
    assert told["observed"]["skew"] == pytest.approx(0.6)
    page = cli(*RUN, "-o", "x")
    assert "needles found" in page.out
    assert "what removing the heavy hitters does" in page.out
    shown = cli("runs", "show", "x", "2")
    assert "of the memory" in shown.out
    assert "reply with the small cache" in shown.out


def test_what_is_owed_or_failed_is_measured_and_nothing_else(
    cli: Cli, bench: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Breaking()

    def load(source: str) -> Scripted:
        return broken

    with monkeypatch.context() as patch:
        patch.setattr(roles, "load_bench", load)
        assert cli(*RUN, "-o", "x", "--limit", "1", "--concurrency", "1").code == 3
    assert cli("runs", "retry", "x").code == 0
    assert len(bench.asked) == 2, "one row of nine had failed"
    done = cli(*RUN, "-o", "x", "--json", "--concurrency", "1")
    assert done.code == 0, done.err
    assert len({(prompt, policy) for prompt, policy, _ in bench.asked}) == ROWS - 9 + 2
    assert sum(one["measured"] for one in json.loads(done.out)["caches"]) == ROWS


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--policies", "lru"), "no cache policy is called 'lru'"),
        (("--budgets", "2"), "a budget is a share"),
        (("--split", "7"), "split"),
        (("--needles", "99"), "needles"),
        (("--prompts", "none.jsonl"), "none.jsonl"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, flags: tuple[str, ...], told: str) -> None:
    done = cli(*RUN, "-o", "x", *flags)
    assert done.code == 2 or "none" in told
    assert told in done.err
    assert "Traceback" not in done.err


def test_another_engine_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"question": "Why?"}\n')
    done = cli(*RUN[:-1], "openvino:smollm2-135m", "-o", "x")
    assert done.code == 2
    assert "a cache is chosen in transformers: alone" in done.err
