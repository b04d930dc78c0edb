"""Recorded replies: `replay:FILE` answers from a file, so that what a model once said can be run again by anybody.

    record:  load_model("replay:runs/replies.jsonl?record=server:http://host:8000/v1#MODEL")
    replay:  load_model("replay:runs/replies.jsonl")

While recording, a request that is in the file is answered from it, any other by the recorded model, whose replies are
appended; a recording that was cut short goes on. Options of the recorded model need `?` and `&` written as %3F, %26.

The file is JSON lines: `key` (`request_key` of the request alone), `request`, and `replies`, its n replies in order; of
lines with the same key the last one counts.

One request has one recording: samples that should differ need a different seed or `n`. Not here: the request cache
(`cache.py`), which is for saving money and keeps no messages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NotRequired, cast

from pydantic import PrivateAttr, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from dikast.agents.models.engine import EngineModel
from dikast.agents.models.load import load_model
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Message, Reply, Request
from dikast.agents.models.request_key import as_json, request_key
from dikast.disk import cause_of, refused, remedy_of
from dikast.errors import DataError, ModelUnavailable, UsageError

SHOWN_CHARACTERS = 80
"""How much of a recorded prompt a hint shows."""
COMPARED_PROMPTS, COMPARED_CHARACTERS = 100, 200
"""How much of a file is looked through for a hint; difflib takes about 0.1 ms for two prompts of this length."""


class Recorded(TypedDict):
    """A request as it stands in a replay file; `request_key.as_json` makes it."""

    messages: list[Message]
    sampling: dict[str, Any]
    structured: dict[str, Any] | None
    n: int
    logprobs: int | None
    prefix: NotRequired[list[int] | str]
    tokens: NotRequired[bool]
    completion: NotRequired[list[int] | str]
    value: NotRequired[bool]


@dataclass(frozen=True, slots=True)
class Recording:
    """A line of a replay file."""

    key: str
    request: Recorded
    replies: tuple[Reply, ...]


_RECORDING = TypeAdapter(Recording)


class ReplayModel(EngineModel):
    """A chat model over a file of recorded replies. Deterministic, and never waits.

    Concurrent recordings into one file, by one process, are safe; two processes must not record into the same file.
    """

    path: Path
    inner: EngineModel | None = None
    """The model to record; `None` only replays."""
    _recordings: dict[str, Recording] | None = PrivateAttr(default=None)

    async def complete(self, request: Request) -> list[Reply]:
        """The replies recorded for this request.

        Raises:
            ModelUnavailable: There are none; the message names the key, the hint what comes nearest.
            DataError: The file is missing or is no replay file.
            ModelError: While recording, what the recorded model raised.
        """
        key = request_key(request)
        recordings = self._read()
        if key not in recordings:
            if self.inner is None:
                hint = find_nearest(request, recordings)
                raise ModelUnavailable(f"{self.path}: no recorded reply for request {key}", hint=hint)
            replies = tuple(await self.inner.complete(request))
            # The same request may have been recorded meanwhile; what the file says counts for everybody.
            if key not in recordings:
                self._append(Recording(key, write_down(request), replies), recordings)
        return list(recordings[key].replies)

    def fingerprint(self) -> dict[str, object]:
        """While recording, the recorded model's; else a hash over the recordings, whatever their order in the file."""
        if self.inner is not None:
            return self.inner.fingerprint()
        told = [[key, [fields_of(reply) for reply in made.replies]] for key, made in sorted(self._read().items())]
        digest = sha256(json.dumps(told).encode()).hexdigest()
        return {"engine": "replay", "recordings": digest, "sampling": self.sampling.model_dump(mode="json")}

    async def aclose(self) -> None:
        """Forget what was read, so that the next call reads the file again; close the recorded model."""
        self._recordings = None
        if self.inner is not None:
            await self.inner.aclose()

    def _read(self) -> dict[str, Recording]:
        if self._recordings is None:
            missing = self.inner is not None and not self.path.exists()
            self._recordings = {} if missing else {made.key: made for made in read(self.path)}
        return self._recordings

    def _append(self, made: Recording, recordings: dict[str, Recording]) -> None:
        # A lone surrogate, which JSON can bring in and UTF-8 cannot hold, becomes "?"; the key is of the original.
        line = json.dumps(asdict(made), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                file.write(b"\n" * lacks_newline(file) + line)
        except OSError as error:
            raise refused(error, self.path, "written") from error
        recordings[made.key] = made


def fields_of(reply: Reply) -> dict[str, Any]:
    """A reply's fields for a fingerprint; one that not every reply has is left out, as files of before do."""
    told = asdict(reply)
    return told if reply.value is not None else {name: value for name, value in told.items() if name != "value"}


def lacks_newline(file: BinaryIO) -> bool:
    """Whether the last line of a file has no end, as after a crash."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def read(path: Path) -> Iterator[Recording]:
    """The lines of a replay file.

    Raises:
        DataError: The file cannot be read, or a line is torn or foreign; says which line and field.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield parse_line(line, path, number)
    except OSError as error:
        hint = "record one with ?record=MODEL-SPEC" if isinstance(error, FileNotFoundError) else remedy_of(error, path)
        raise DataError(f"cannot be read: {cause_of(error)}", path=path, hint=hint) from error


def parse_line(line: bytes, path: Path, number: int) -> Recording:
    """One line of a replay file.

    Raises:
        DataError: It is torn or foreign.
    """
    try:
        return _RECORDING.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        hint = "remove the line; recording again adds what is missing" if first["type"] == "json_invalid" else ""
        message = f"no recorded reply: {first['msg']}"
        raise DataError(message, path=path, line=number, field=field or None, hint=hint) from error


def write_down(request: Request) -> Recorded:
    """A request as it is written down."""
    return cast(Recorded, as_json(request))


def find_nearest(request: Request, recordings: Mapping[str, Recording]) -> str:
    """What comes nearest to a request: the same messages with other parameters, else a similar prompt."""
    asked = write_down(request)
    for made in recordings.values():
        if made.request["messages"] == asked["messages"]:
            return f"the same messages are recorded with {' and '.join(differences(made.request, asked))}"
    prompts = {cut_ending(made.request): None for made in islice(recordings.values(), COMPARED_PROMPTS)}
    close: list[str] = get_close_matches(cut_ending(asked), prompts, n=1, cutoff=0.0)
    return f"nearest recorded prompt: {close[0][:SHOWN_CHARACTERS]!r}" if close else "nothing is recorded"


def cut_ending(request: Recorded) -> str:
    """The end of the last message, where prompts from one template differ."""
    return request["messages"][-1]["content"][-COMPARED_CHARACTERS:] if request["messages"] else ""


def differences(recording: Recorded, asked: Recorded) -> list[str]:
    """The parameters in which two requests differ: "max_tokens 64, not 512"."""
    one, other = ({**request["sampling"], **request} for request in (recording, asked))
    names = [name for name in other if name not in ("messages", "sampling") and one.get(name) != other[name]]
    return [f"{name} {one.get(name)!r}, not {other[name]!r}" for name in names]


def open_model(rest: str, options: dict[str, str], spec: str) -> ReplayModel:
    """Make the model of `replay:FILE[?record=SPEC]`.

    Raises:
        UsageError: An option is wrong, or the recorded model is not one of dikast's engines.
    """
    given = Options("replay", options)
    record = given.text("record")
    inner = load_model(record) if record else None
    if isinstance(inner, ReplayModel):
        raise UsageError(f"replay: {record!r} cannot be recorded")
    sampling = given.sampling(inner.sampling if inner else None)
    given.done()
    return ReplayModel(spec=spec, path=Path(rest), inner=inner, sampling=sampling)
