"""Requests for clusters that allow nothing but batches: written down instead of asked, answered from a results file.

    dikast genqr run ... --model 'batch:FOLDER?model=server:http://host/v1#ORG/MODEL' --out runs/x
    vllm run-batch -i FOLDER/owed.jsonl -o results.jsonl --model ORG/MODEL
    dikast models import FOLDER results.jsonl              # `import_files(Path("FOLDER"), Path("results.jsonl"))`
    dikast runs retry runs/x

The model named in the spec is never asked: it says what the requests are for, and its fingerprint is the run's, so that
the run may also be finished by asking it. A row that needs a reply that is not there ends as `error`, its requests in
`owed.jsonl`; `retry` goes on with what has come back. A graph whose later calls depend on earlier replies takes as many
rounds as it has such steps. Lines are OpenAI's batch format, `custom_id` being `request_key` of the request: each
request is written once, whatever the number of rows and attempts that ask it.

Equal requests get equal replies: where samples of one prompt should differ, give a seed. Not here: uploading files.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, PrivateAttr, ValidationError

from dikast.agents.models.chat_wire import from_body, to_body
from dikast.agents.models.engine import NEEDS, EngineModel
from dikast.agents.models.load import load_model
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.request_key import request_key
from dikast.agents.models.server import ServerModel
from dikast.disk import refused
from dikast.errors import DataError, ModelError, UsageError
from dikast.http.server_errors import explain

OWED, RESULTS = "owed.jsonl", "results.jsonl"
URL = "/v1/chat/completions"
PAUSE_SECONDS = 0.1
"""Before a request says that it is owed: a graph's other branches, which that error cancels, ask in the meantime."""


class _Response(BaseModel, frozen=True):
    status_code: int
    body: Any = None


class _Result(BaseModel, frozen=True):
    """A line of a results file, as `vllm run-batch` and OpenAI's batch API write it."""

    custom_id: str
    response: _Response | None = None
    error: Any = None


@dataclass(frozen=True, slots=True)
class ImportedResults:
    """What a results file brought.

    Args:
        replies: Requests answered.
        refused: Requests that the server answered with an error; the rows that ask them will say so.
        owed: Requests still owed.
    """

    replies: int
    refused: int
    owed: int


class BatchModel(EngineModel):
    """A chat model that answers from results and writes down the rest. See the module's description."""

    folder: Path
    inner: ServerModel
    _results: dict[str, _Result] | None = PrivateAttr(default=None)
    _owed: set[str] = PrivateAttr(default_factory=set[str])

    async def complete(self, request: Request) -> list[Reply]:
        """The replies that came back for this request.

        Raises:
            ModelError: None have, and the request is now in `owed.jsonl`; or the server refused it, or its answer is no
                chat completion.
            UsageError: The request is a random draw without a seed, or about tokens, which the format has no place for.
            DataError: A file in the folder is foreign.
        """
        self.refuse(request, *NEEDS)
        if request.sampling.temperature and request.sampling.seed is None:
            raise UsageError("batch: a random draw without a seed cannot be told from another", hint="set a seed")
        key = request_key(request)
        result = self._read().get(key)
        if result is None:
            self._owe(key, request)
            await asyncio.sleep(PAUSE_SECONDS)
            raise ModelError(f"batch: the reply to request {key} is owed", hint=f"run {self.folder / OWED}, take it in")
        return replies_of(result, request, str(self.folder / RESULTS))

    def fingerprint(self) -> dict[str, object]:
        """That of the model that the requests are for."""
        return self.inner.fingerprint()

    async def aclose(self) -> None:
        """Forget what was read, so that the next call reads the files again."""
        self._results = None

    def _read(self) -> dict[str, _Result]:
        if self._results is None:
            self._results = read_results(self.folder / RESULTS)
            self._owed = set(read_owed(self.folder / OWED))
        return self._results

    def _owe(self, key: str, request: Request) -> None:
        if key in self._owed:
            return
        inner = self.inner
        body = json.loads(to_body(request, inner.model, inner.dialect, inner.template, inner.omit))
        line = json.dumps({"custom_id": key, "method": "POST", "url": URL, "body": body}, separators=(",", ":"))
        append(self.folder / OWED, line)
        self._owed.add(key)


def replies_of(result: _Result, request: Request, where: str) -> list[Reply]:
    """The replies in a result.

    Raises:
        ModelError: It holds an error instead.
    """
    response = result.response or _Response(status_code=500)
    # OpenAI puts an error into the body, `vllm run-batch` beside it.
    content = json.dumps(result.error if response.body is None else response.body).encode()
    if response.status_code != 200:
        raise explain(response.status_code, content, where=where, key="the batch's own settings")
    return from_body(content, request, where)


def import_files(folder: Path, results: Path) -> ImportedResults:
    """Add a results file to a batch's folder, and take what it answers out of `owed.jsonl`.

    Taking in the same file twice changes nothing. Lost connections and server failures (5xx) stay owed.

    Raises:
        DataError: A line is no result, or answers a request that was never written down here; nothing is changed.
    """
    owed, known = read_owed(folder / OWED), read_results(folder / RESULTS)
    found = read_results(results, needed=True)
    for key in found:
        if key not in owed and key not in known:
            hint = "is it another batch's?"
            raise DataError(f"answers {key}, which this batch has not asked", path=results, hint=hint)
    brought = {key: result for key, result in found.items() if is_lasting(result)}
    fresh = [result for key, result in brought.items() if key not in known]
    for result in fresh:
        append(folder / RESULTS, result.model_dump_json())
    left = {key: line for key, line in owed.items() if key not in brought and key not in known}
    replace(folder / OWED, left.values())
    refused = sum(result.response is None or result.response.status_code != 200 for result in fresh)
    return ImportedResults(len(fresh) - refused, refused, len(left))


def is_lasting(result: _Result) -> bool:
    """Whether the answer would be the same another time."""
    return result.response is not None and result.response.status_code < 500 and result.response.status_code != 429


def read_results(path: Path, *, needed: bool = False) -> dict[str, _Result]:
    """Results by key; of several for one key, the last that lasts.

    Raises:
        DataError: A line is no result.
    """
    found: dict[str, _Result] = {}
    for number, line in lines_of(path, needed=needed):
        try:
            result = _Result.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or None
            raise DataError(f"no batch result: {first['msg']}", path=path, line=number, field=field) from error
        if is_lasting(result) or result.custom_id not in found:
            found[result.custom_id] = result
    return found


def read_owed(path: Path) -> dict[str, str]:
    """Lines of owed requests by key.

    Raises:
        DataError: A line is none.
    """
    found: dict[str, str] = {}
    for number, line in lines_of(path):
        try:
            found[cast(Mapping[str, str], json.loads(line))["custom_id"]] = line
        except (ValueError, TypeError, KeyError) as error:
            raise DataError("no owed request", path=path, line=number, hint="remove the line") from error
    return found


def lines_of(path: Path, *, needed: bool = False) -> Iterator[tuple[int, str]]:
    """Numbered lines, blank ones left out; none if there is no such file.

    Raises:
        DataError: The file cannot be read, or is not there and is needed.
    """
    try:
        text = path.read_text(encoding="utf-8") if needed or path.exists() else ""
    except OSError as error:
        raise refused(error, path) from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot be read: {error}", path=path, hint="save the file as UTF-8") from error
    yield from ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def append(path: Path, line: str) -> None:
    """Add a line.

    Raises:
        DataError: The disk does not take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise refused(error, path, "written") from error


def replace(path: Path, lines: Iterable[str]) -> None:
    """Write a file anew, all or nothing."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    scratch.replace(path)


def open_model(rest: str, options: dict[str, str], spec: str) -> BatchModel:
    """Make the model of `batch:FOLDER?model=server:URL#MODEL`.

    Raises:
        UsageError: The model that the requests are for is not named, or not by a `server:` spec.
    """
    given = Options("batch", options)
    inner = load_model(given.text("model") or "server:")
    if not isinstance(inner, ServerModel):
        raise UsageError("batch: option 'model' must be a spec such as server:http://host:8000/v1#ORG/MODEL")
    sampling = given.sampling(inner.sampling)
    given.done()
    return BatchModel(spec=spec, folder=Path(rest), inner=inner, sampling=sampling)
