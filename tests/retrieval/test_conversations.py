"""Conversations of TREC CAsT and iKAT as topics."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.retrieval.trec import read_topics

TURNS_2020: list[dict[str, Any]] = [
    {
        "number": 1,
        "raw_utterance": "What is throat cancer?",
        "manual_rewritten_utterance": "What is throat cancer?",
        "automatic_rewritten_utterance": "What is cancer of the throat?",
    },
    {
        "number": 2,
        "raw_utterance": "Is it\n treatable?",
        "manual_rewritten_utterance": "Is throat cancer treatable?",
        "automatic_rewritten_utterance": "Is it treatable?",
    },
]
CAST_2020 = [{"number": 31, "title": "Cancer", "turn": TURNS_2020}]
CAST_2022 = [
    {
        "number": 132,
        "turn": [
            {"number": "1-1", "participant": "User", "utterance": "Who?", "manual_rewritten_utterance": "Who won?"},
            {"number": "1-2", "participant": "System", "response": "Nobody."},
            {"number": "1-3", "participant": "User", "utterance": "Why?", "manual_rewritten_utterance": "Why him?"},
        ],
    }
]
IKAT = [{"number": "9-1", "turns": [{"turn_id": 1, "utterance": "A diet?", "resolved_utterance": "A diet for me?"}]}]


def read(tmp_path: Path, topics: object, *fields: str) -> dict[str, str]:
    path = tmp_path / "cast.json"
    path.write_text(json.dumps(topics), encoding="utf-8")
    return read_topics(path, fields=fields)


def test_a_turn_is_a_query(tmp_path: Path) -> None:
    assert read(tmp_path, CAST_2020) == {"31_1": "What is throat cancer?", "31_2": "Is it treatable?"}
    assert read(tmp_path, CAST_2020, "manual")["31_2"] == "Is throat cancer treatable?"
    assert read(tmp_path, CAST_2020, "automatic")["31_1"] == "What is cancer of the throat?"
    assert read(tmp_path, CAST_2020, "raw", "manual")["31_2"] == "Is it treatable? Is throat cancer treatable?"
    assert read(tmp_path, CAST_2022) == {"132_1-1": "Who?", "132_1-3": "Why?"}
    assert read(tmp_path, CAST_2022, "manual_rewritten_utterance")["132_1-1"] == "Who won?"
    assert read(tmp_path, IKAT, "manual") == {"9-1_1": "A diet for me?"}
    packed = tmp_path / "cast.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(CAST_2020).encode()))
    assert len(read_topics(packed)) == 2


@pytest.mark.parametrize(
    ("topics", "field", "told"),
    [
        (CAST_2020, "resolved_utterance", "row 1: field 'turn[1].resolved_utterance': missing, empty or no text, in"),
        (IKAT, "automatic", "row 1: field 'turns[1].automatic_rewritten_utterance': missing"),
        ([{"number": 31, "turn": [{"raw_utterance": "x"}]}], "raw", "row 1: field 'turn[1].number': missing"),
        ([{"number": 31, "turn": [TURNS_2020[0], "x"]}], "raw", "field 'turn': not a JSON object: 'x'"),
        ([{"turn": TURNS_2020}], "raw", "row 1: field 'number': missing"),
        (CAST_2020 * 2, "raw", "row 2: field 'number': query id '31_1' comes twice"),
        ([{"number": 31, "turn": list[str]()}], "raw", "the file holds no topic"),
    ],
)
def test_what_is_wrong(topics: object, field: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(told)) as error:
        read(tmp_path, topics, field)
    assert "cast.json" in str(error.value)


def test_an_error_says_what_a_turn_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"in topic '9-1'.*--topic-field.*the turn has turn_id, utterance, resolved_u"):
        read(tmp_path, IKAT, "summary")
