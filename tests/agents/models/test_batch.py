"""Owed requests, written down once and answered by key."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.agents.models.batch import OWED, RESULTS, BatchModel, ImportedResults, import_files, read_results
from dikast.agents.models.chat_wire import to_body
from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Request, Sampling, Structured
from dikast.agents.models.request_key import request_key
from dikast.errors import DataError, ModelContextOverflow, ModelError, UsageError
from tests.loopback import ECHO, Loopback, choice, completion

INNER = f"server:http://127.0.0.1:1/v1#{ECHO}"


def ask(prompt: str, **fields: Any) -> Request:
    return Request((Message(role="user", content=prompt),), Sampling(max_tokens=9), **fields)


REQUESTS = [
    ask("one"),
    ask("two", n=3),
    ask("three", structured=Structured(choice=("red", "blue"))),
    Request(ask("four").messages, Sampling(temperature=1.0, seed=3)),
]


def model_in(folder: Path) -> BatchModel:
    model = load_model(f"batch:{folder}?model={INNER}")
    assert isinstance(model, BatchModel)
    return model


def owed(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / OWED).read_text().splitlines()]


async def put_off(model: BatchModel, requests: list[Request]) -> None:
    ended = await asyncio.gather(*(model.complete(request) for request in requests), return_exceptions=True)
    assert all(type(end) is ModelError for end in ended), ended


def answered(line: dict[str, Any]) -> dict[str, Any]:
    """What `vllm run-batch` writes for a request."""
    body = line["body"]
    said = completion(body, [choice(body, index) for index in range(body.get("n", 1))])
    return {"id": "x", "custom_id": line["custom_id"], "response": {"status_code": 200, "body": said}, "error": None}


def write(path: Path, results: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(result) + "\n" for result in results))
    return path


async def test_each_request_is_written_once_under_its_key(tmp_path: Path) -> None:
    for _ in range(2):
        await put_off(model_in(tmp_path), [*REQUESTS, *REQUESTS])
    lines = owed(tmp_path)
    assert [line["custom_id"] for line in lines] == [request_key(request) for request in REQUESTS]
    assert [line["body"] for line in lines] == [json.loads(to_body(request, ECHO)) for request in REQUESTS]
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}


async def test_results_answer_as_the_server_itself_does(tmp_path: Path) -> None:
    model = model_in(tmp_path)
    await put_off(model, REQUESTS)
    # In another order than asked: results are by key.
    results = write(tmp_path / "out.jsonl", [answered(line) for line in reversed(owed(tmp_path))])
    assert import_files(tmp_path, results) == ImportedResults(len(REQUESTS), 0, 0)
    await model.aclose()
    with Loopback() as server:
        asked = load_model(f"server:{server.url}#{ECHO}")
        for request in REQUESTS:
            assert await model.complete(request) == await asked.complete(request)
    assert (tmp_path / OWED).read_text() == ""


async def test_what_did_not_come_back_stays_owed(tmp_path: Path) -> None:
    model = model_in(tmp_path)
    await put_off(model, REQUESTS)
    first, second, *rest = owed(tmp_path)
    failed = {"custom_id": second["custom_id"], "response": {"status_code": 503, "body": "busy"}, "error": None}
    lost = {"custom_id": rest[0]["custom_id"], "response": None, "error": {"message": "lost"}}
    results = write(tmp_path / "out.jsonl", [answered(first), failed, lost])
    for replies in (1, 0):
        assert import_files(tmp_path, results) == ImportedResults(replies, 0, len(REQUESTS) - 1)
    assert owed(tmp_path) == [second, *rest]
    await model.aclose()
    assert (await model.complete(REQUESTS[0]))[0].text
    await put_off(model, REQUESTS[1:])
    assert owed(tmp_path) == [second, *rest]


@pytest.mark.parametrize("place", ["body", "beside"])
async def test_refused_request_is_told_to_the_row_that_asks_it(place: str, tmp_path: Path) -> None:
    model = model_in(tmp_path)
    await put_off(model, REQUESTS[:1])
    said = {"error": {"message": "This model's maximum context length is 8 tokens", "type": "BadRequestError"}}
    body, error = (said, None) if place == "body" else (None, said["error"])
    refused = {"custom_id": request_key(REQUESTS[0]), "response": {"status_code": 400, "body": body}, "error": error}
    assert import_files(tmp_path, write(tmp_path / "out.jsonl", [refused])) == ImportedResults(0, 1, 0)
    await model.aclose()
    with pytest.raises(ModelContextOverflow):
        await model.complete(REQUESTS[0])


async def test_fingerprint_is_the_models_so_that_a_run_can_go_on_with_it(tmp_path: Path) -> None:
    assert model_in(tmp_path).fingerprint() == load_model(INNER).fingerprint()


async def test_unseeded_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seed"):
        await model_in(tmp_path).complete(Request(ask("x").messages, Sampling(temperature=1.0)))


@pytest.mark.parametrize("spec", ["batch:F", "batch:F?model=scripted:a:b", f"batch:F?model={INNER}&colour=red"])
def test_wrong_spec_is_told(spec: str) -> None:
    with pytest.raises(UsageError):
        load_model(spec)


async def test_results_of_another_batch_change_nothing(tmp_path: Path) -> None:
    await put_off(model_in(tmp_path), REQUESTS)
    before = (tmp_path / OWED).read_bytes()
    foreign = answered({**owed(tmp_path)[0], "custom_id": "0" * 64})
    results = write(tmp_path / "out.jsonl", [answered(owed(tmp_path)[0]), foreign])
    with pytest.raises(DataError, match="has not asked"):
        import_files(tmp_path, results)
    assert (tmp_path / OWED).read_bytes() == before
    assert not (tmp_path / RESULTS).exists()


@pytest.mark.parametrize("line", ["{", '{"custom_id": 7}', "[]", '{"custom_id": "a", "response": {"body": 1}}'])
def test_foreign_line_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(DataError, match=r"out\.jsonl:2"):
        import_files(tmp_path, tmp_path / "out.jsonl")


def test_missing_results_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.jsonl"):
        import_files(tmp_path, tmp_path / "nowhere.jsonl")


async def test_result_that_is_no_completion_is_a_model_error(tmp_path: Path) -> None:
    await put_off(model_in(tmp_path), REQUESTS[:1])
    wrong = {"custom_id": request_key(REQUESTS[0]), "response": {"status_code": 200, "body": {"a": 1}}}
    import_files(tmp_path, write(tmp_path / "out.jsonl", [wrong]))
    with pytest.raises(ModelError, match="not a chat completion"):
        await model_in(tmp_path).complete(REQUESTS[0])


@given(st.binary(max_size=200))
def test_any_bytes_are_results_or_a_data_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "out.jsonl"
    path.write_bytes(content)
    with suppress(DataError):
        assert all(result.custom_id == key for key, result in read_results(path).items())
