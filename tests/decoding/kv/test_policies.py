from __future__ import annotations

import subprocess
import sys

import pytest

from dikast.decoding.kv import libraries
from dikast.decoding.kv.policies import POLICIES, Amount, Bounded, Room, policy_of, read_amount
from dikast.errors import MissingExtraError, UsageError


@pytest.mark.parametrize(
    ("heavy", "recent", "length", "room"),
    [
        (0.1, 0.1, 512, Room(51, 51)),
        (0.1, 0.3, 40, Room(4, 12)),
        (64, 16, 10, Room(64, 16)),
        (1.0, 0, 33, Room(33, 0)),
        (0.1, 0.1, 2, Room(0, 1)),
        (0, 7, 1000, Room(0, 7)),
    ],
)
def test_room_is_numbers_or_shares_of_the_prompt(heavy: Amount, recent: Amount, length: int, room: Room) -> None:
    for name in POLICIES[1:]:
        assert policy_of(name, heavy, recent).room(length) == room
    assert policy_of("full", heavy, recent).room(length) is None
    assert room.slots == room.heavy + room.recent


@pytest.mark.parametrize(
    ("name", "heavy", "recent", "told"),
    [
        ("h3o", 0.1, 0.1, "no cache policy is called 'h3o'"),
        ("h2o", -1, 0.1, "'heavy' is -1"),
        ("h2o", 1.5, 0.1, "'heavy' is 1.5"),
        ("h2o", 0.1, float("nan"), "'recent' is nan"),
        ("h2o", 0.1, float("inf"), "'recent' is inf"),
        ("window", 0, 0, "nothing would be kept"),
    ],
)
def test_what_is_no_policy_is_refused(name: str, heavy: Amount, recent: Amount, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        policy_of(name, heavy, recent)


def test_equal_policies_are_equal_values() -> None:
    assert policy_of("h2o", 0.1, 8) == policy_of("h2o", 0.1, 8)
    assert policy_of("h2o", 0.1, 8) != policy_of("h2o", 0.1, 9)
    assert policy_of("h2o") != policy_of("snapkv")
    assert isinstance(policy_of("sink"), Bounded)


def test_amounts_are_read_as_written() -> None:
    assert read_amount("64") == 64
    assert isinstance(read_amount("64"), int)
    assert read_amount(".1") == 0.1
    assert isinstance(read_amount("1.0"), float)
    with pytest.raises(ValueError, match="ten"):
        read_amount("ten")


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        return None

    monkeypatch.setattr(libraries, "find_spec", nowhere)
    with pytest.raises(MissingExtraError, match=r"dikast\[train\]"):
        libraries.library("transformers.cache_utils")


def test_no_torch_is_imported_for_a_policy() -> None:
    code = "import sys; from dikast.decoding.kv import policy_of; policy_of('h2o'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
