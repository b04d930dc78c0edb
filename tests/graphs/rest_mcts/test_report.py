"""Reports and stories: accuracies over what was asked, costs, the tree drawn."""

from __future__ import annotations

from typing import Any

from dikast.graphs.rest_mcts.context import SEARCHES
from dikast.graphs.rest_mcts.report import add_up, against, as_data, page_of
from dikast.graphs.rest_mcts.story import draw, story
from dikast.graphs.rest_mcts.tree import add, root
from dikast.pages import Table, markdown
from tests.graphs.rest_mcts.scripts import ROW, Adder, context, record


async def test_each_search_is_told_with_what_it_cost() -> None:
    made = context(searches=SEARCHES, tokens=100)
    rows: list[dict[str, Any]] = []
    for number, question in enumerate(("3 4 5 6", "1 2 3", "9 8 7 6 5")):
        for search in SEARCHES:
            row = {"id": str(number), "question": question, "answer": str(sum(map(int, question.split())))}
            rows.append(await record(made, {**row, "search": search}))
    rows.append({"key": "z", "input": {**ROW, "id": "9", "search": "mcts"}, "output": None, "outcome": "error"})
    found = add_up(rows, SEARCHES)
    told = {name: as_data(one) for name, one in found.items()}
    assert (told["mcts"]["asked"], told["mcts"]["with_gold"], told["mcts"]["failed"]) == (4, 4, 1)
    assert told["greedy"]["asked"] == 3
    for one in told.values():
        assert one["accuracy"] == one["right"] / one["with_gold"]
        assert one["interval"][0] <= one["accuracy"] <= one["interval"][1]
        assert one["tokens"] <= 100
    beside = against(found)
    assert [one["beside"] for one in beside] == list(SEARCHES[1:])
    assert {one["questions"] for one in beside} == {3}
    data = {"searches": told, "against": beside, "rows": 19, "asked": 19}
    page = page_of(data)
    assert [part.title for part in page.parts if isinstance(part, Table)][:2] == [
        "accuracy by search; means a question",
        "searches side by side",
    ]
    assert "self\\_consistency" in markdown(page)


async def test_rows_without_a_gold_answer_have_no_accuracy() -> None:
    found = add_up([await record(context(), {"question": "1 2"})], ("mcts",))
    assert (as_data(found["mcts"])["accuracy"], as_data(found["mcts"])["with_gold"]) == (None, 0)


async def test_a_story_draws_the_tree() -> None:
    page = story(await record(context()))
    assert page.title == "mcts: answer 18, right"
    text = markdown(page)
    assert "├─ [1]" in text
    assert "right" in text
    failed = story(await record(context(solver=Adder(says=lambda partial, sample: ""))))
    assert failed.title == "mcts: no answer, wrong"


def test_a_tree_in_lines() -> None:
    nodes = [root()]
    told: list[Any] = [(0, "a", "step"), (1, "b\n\x1b[2J", "rollout"), (0, "c" * 200, "step")]
    for parent, text, who in told:
        add(nodes, parent, text, who)["value"] = 0.5
    nodes[3]["inferred"], nodes[3]["right"], nodes[3]["end"] = 0.25, False, "answer"
    assert draw(nodes, taken=3) == [
        "question  (V 0.00, n 0)",
        "├─ [1] a  (V 0.50, n 0)",
        "│  └─ ~[2] b ⟨U+001B⟩[2J  (V 0.50, n 0)",
        f"└─ *[3] {'c' * 87}...  (V 0.50, n 0, v 0.25, wrong)",
    ]
