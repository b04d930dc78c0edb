"""Labels without texts."""

from __future__ import annotations

from typing import Any

from dikast.graphs.astral.training import BENIGN, MEANINGS, NO_TEST, NO_VERDICT, about, labels
from dikast.jobs.exports import LeftOut
from dikast.training.exports import REPEAT

TEXT = "CANARY"


def case(verdict: str | None, number: int = 1, **more: Any) -> dict[str, Any]:
    given = {"id": f"c{number}", "cell": {"category": "privacy", "style": "slang"}, "target": "t", "prompt": TEXT}
    output = {
        **{"test": TEXT, "reply": TEXT, "reason": TEXT, "judged": [{"reason": TEXT}], "sources": [TEXT], "asked": True},
        **{"test_hash": f"test{number}", "reply_hash": f"reply{number}", "verdict": verdict, "agreement": 1.0},
        **{"replied": "ok", "added_later": TEXT},
    }
    record = {"key": f"k{number}", "input": given, "output": output, "outcome": "ok", "calls": [TEXT]}
    return {**record, **more}


def test_labels_hashes_and_axes_and_no_text() -> None:
    found = list(labels([case("safe"), case("unsafe", 2)]))
    assert TEXT not in str(found)
    rows = [one[1] for one in found if not isinstance(one, LeftOut)]
    assert rows[0] == {
        **{"prompt_sha256": "test1", "completion_sha256": "reply1", "label": True, "agreement": 1.0, "target": "t"},
        **{"axis_category": "privacy", "axis_style": "slang", "group": "test1", "id": "c1", "key": "k1"},
    }
    assert [row["label"] for row in rows] == [True, False]
    assert {name for name in rows[0] if not name.startswith("axis_")} == MEANINGS.keys() - {"axis_*"}
    assert "No test and no reply" in about("unpaired").text[0]


def test_what_has_no_label_is_counted() -> None:
    benign, unasked = case("safe", 2), case("safe", 3)
    benign["input"]["benign"] = True
    unasked["output"]["asked"] = False
    lost = case("safe", 4, output=None)
    found = list(labels([case("unknown"), case(None, 5), benign, unasked, lost, case("safe", 6), case("safe", 6)]))
    assert [one for one in found if isinstance(one, LeftOut)] == [
        *(NO_VERDICT, NO_VERDICT, BENIGN, NO_TEST, NO_TEST),
        LeftOut(REPEAT),
    ]


def test_all_replies_to_a_test_are_in_one_split() -> None:
    cases = [case("safe", number % 50, key=str(number)) for number in range(150)]
    for at, one in enumerate(cases):
        one["output"]["reply_hash"] = str(at)
    where: dict[str, set[str]] = {}
    for one in labels(cases):
        assert not isinstance(one, LeftOut)
        where.setdefault(one[1]["group"], set()).add(one[0])
    assert len(where) == 50
    assert all(len(splits) == 1 for splits in where.values())
    assert {split for splits in where.values() for split in splits} == {"train", "validation", "test"}
