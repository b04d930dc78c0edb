"""The `replay` engine: what is recorded comes back, and what is not is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.replay import ReplayModel
from dikast.agents.models.request import Message, Reply, Request, Sampling, Structured, TokenLogprob
from dikast.agents.models.scripted import ScriptedModel, scripted
from dikast.errors import DataError, ModelTimeout, ModelUnavailable, UsageError

FULL = Reply("x\u2028\u00e9", "length", 5, 4, "because", "no", (TokenLogprob("x", -0.1, (("y", -2.0),)),), 3, 2)


def request(prompt: str = "hello", max_tokens: int = 8, n: int = 1) -> Request:
    return Request((Message(role="user", content=prompt),), Sampling(max_tokens=max_tokens), None, n)


def recorder(path: Path, said: Reply | str = FULL) -> ReplayModel:
    def speak(request: Request) -> Reply | str:
        return said

    return ReplayModel(spec="replay:x", path=path, inner=ScriptedModel(speak))


@scripted
def speaker(request: Request) -> str:
    return " ".join(str(number) for number in range(99))


async def test_every_field_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "replies.jsonl"
    await recorder(path).complete(request(n=2))
    assert await ReplayModel(spec="replay:x", path=path).complete(request(n=2)) == [FULL, FULL]


async def test_a_lone_surrogate_in_a_prompt_does_not_break_the_file(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    await recorder(path).complete(request("\ud800"))
    assert await ReplayModel(spec="replay:x", path=path).complete(request("\ud800")) == [FULL]


async def test_recording_asks_for_a_request_once(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    await asyncio.gather(*(recorder(path, "first").complete(request()) for _ in range(3)))
    [reply] = await recorder(path, "second").complete(request())
    assert reply.text == "first"


async def test_one_recording_counts_for_everybody_who_asks_at_once(tmp_path: Path) -> None:
    said = iter(["first", "second"])
    arrived = asyncio.Barrier(2)

    async def speak(request: Request) -> str:
        await arrived.wait()
        return next(said)

    model = ReplayModel(spec="replay:x", path=tmp_path / "replies.jsonl", inner=ScriptedModel(speak))
    one, other = await asyncio.gather(model.complete(request()), model.complete(request()))
    assert one == other
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 1


async def test_an_error_is_not_recorded(tmp_path: Path) -> None:
    def fail(request: Request) -> str:
        raise ModelTimeout("no reply")

    model = ReplayModel(spec="replay:x", path=tmp_path / "replies.jsonl", inner=ScriptedModel(fail))
    with pytest.raises(ModelTimeout):
        await model.complete(request())
    assert not (tmp_path / "replies.jsonl").exists()


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (request(max_tokens=9), "max_tokens 8, not 9"),
        (request(n=2), "n 1, not 2"),
        (Request(request().messages, Sampling(max_tokens=8), Structured(choice=("a",))), "structured None"),
        (request("hullo"), "nearest recorded prompt: 'hello'"),
    ],
)
async def test_missing_request_names_its_key_and_what_comes_nearest(tmp_path: Path, asked: Request, hint: str) -> None:
    path = tmp_path / "replies.jsonl"
    await recorder(path).complete(request())
    with pytest.raises(ModelUnavailable, match=r"request [0-9a-f]{64}") as caught:
        await ReplayModel(spec="replay:x", path=path).complete(asked)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"key": "a", "requ', "line; recording again"),
        ("[1]", "no recorded reply"),
        ('{"key": "a", "request": {"messages": []}, "replies": []}', "field 'request.sampling'"),
        ('{"question": "what?"}', "field 'key'"),
        ("\x00\x01", "no recorded reply"),
    ],
)
async def test_torn_or_foreign_line_is_told_with_its_place(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "replies.jsonl"
    await recorder(path).complete(request())
    with path.open("a") as file:
        file.write(line)
    for model in (ReplayModel(spec="replay:x", path=path), recorder(path)):
        with pytest.raises(DataError, match=told) as caught:
            await model.complete(request("new"))
        assert (caught.value.path, caught.value.line) == (path, 2)


async def test_recording_goes_on_after_a_line_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    await recorder(path).complete(request("one"))
    path.write_bytes(path.read_bytes().rstrip())
    await recorder(path).complete(request("two"))
    model = ReplayModel(spec="replay:x", path=path)
    assert await model.complete(request("one")) == await model.complete(request("two")) == [FULL]


async def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\?record="):
        await ReplayModel(spec="replay:x", path=tmp_path / "none.jsonl").complete(request())


async def test_fingerprint_follows_what_is_recorded_not_where(tmp_path: Path) -> None:
    for name, said in (("one", "x"), ("two", "x"), ("three", "y")):
        await recorder(tmp_path / name, said).complete(request())
    prints = [ReplayModel(spec="replay:x", path=tmp_path / name).fingerprint() for name in ("one", "two", "three")]
    assert prints[0] == prints[1] != prints[2]


def test_a_recorders_fingerprint_is_the_recorded_models(tmp_path: Path) -> None:
    inner = ScriptedModel(speaker)
    assert ReplayModel(spec="replay:x", path=tmp_path / "a", inner=inner).fingerprint() == inner.fingerprint()


def test_spec_records_with_the_recorded_models_own_sampling(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    spoken = load_model(f"replay:{path}?record=scripted:{__name__}:speaker%3Fmax_tokens=3").invoke("count").content
    assert spoken == "0 1 2"
    assert load_model(f"replay:{path}?max_tokens=3").invoke("count").content == spoken


def test_recording_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be recorded"):
        load_model(f"replay:{tmp_path}/a?record=replay:{tmp_path}/b")
