"""Care with what a target says: what may be written down in the clear, and where all else goes.

    vault = load_vault("file:runs/x/withheld.jsonl")     # made with permissions 0600 at the first text that it keeps

A reply is in the clear only where every judge calls it safe. Anything else is represented by its hash; the text itself
goes into the vault. Between two nodes a text is never part of the graph's state, which may be streamed or written to
disk: the vault holds it in memory, and the state has a token.

In the categories of `REFUSAL_ONLY` a run needs an opt-in, and no text is kept at all, not even in the vault.

Not here: encryption. The vault's file is as safe as the account that it belongs to.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import langsmith
from langchain_core.runnables.config import var_child_runnable_config

from dikast.agents.ledger import current, recording
from dikast.agents.models.cache import RequestCache
from dikast.disk import cause_of, remedy_of
from dikast.errors import DataError, UsageError
from dikast.graphs.astral.roles import NOWHERE, REFUSAL_ONLY, Vault
from dikast.redaction import current as current_redaction

NAME = "withheld.jsonl"
PRIVATE = 0o600
HASH = re.compile(r"[0-9a-f]{64}")
FILE_PREFIX = "file:"


class MemoryVault:
    """Holds texts between two nodes, and keeps nothing for good: outside of run folders hashes are all there is."""

    spec = NOWHERE

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._tests = RequestCache(Path(":memory:"))

    @property
    def tests(self) -> RequestCache:
        """See `Vault.tests`."""
        return self._tests

    def hold(self, text: str) -> str:
        """See `Vault.hold`."""
        token = uuid4().hex
        self._held[token] = text
        return token

    def take(self, token: str) -> str:
        """See `Vault.take`."""
        if token not in self._held:
            raise UsageError("the text is not in this process any more", hint="run the whole case again")
        return self._held.pop(token)

    def keep(self, record: Mapping[str, object]) -> None:
        """Discard the record: this vault keeps hashes alone."""


class FileVault(MemoryVault):
    """A file that only its owner can read, one JSON object a line, each written at once.

    A killed process loses no line; a torn one, after a full disk, is skipped by `read_vault`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._handle: int | None = None

    @property
    def spec(self) -> str:
        """`file:PATH`."""
        return f"{FILE_PREFIX}{self.path}"

    def keep(self, record: Mapping[str, object]) -> None:
        """Append the record; see `Vault.keep`."""
        redaction = current_redaction()
        if redaction is not None:  # hashes are no texts, and what the journal refers to the record by
            record = {
                name: value if isinstance(value, str) and HASH.fullmatch(value) else redaction.value(value)
                for name, value in record.items()
            }
        line = json.dumps(record, default=str).encode() + b"\n"
        try:
            if self._handle is None:
                self._handle = self._open()
            while line:
                line = line[os.write(self._handle, line) :]
        except OSError as error:
            remedy = remedy_of(error, self.path, "written", "folder") or "give the same command again"
            hint = f"{remedy}; the case is not finished, and done again then"
            raise DataError(f"cannot be written: {cause_of(error)}", path=self.path, hint=hint) from None

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(self.path, flags, PRIVATE)
        os.fchmod(handle, PRIVATE)
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            os.write(handle, b"\n")
        return handle

    def __del__(self) -> None:
        if self._handle is not None:
            os.close(self._handle)


def load_vault(spec: str) -> MemoryVault:
    """A vault from `file:PATH` or `nowhere`.

    Raises:
        UsageError: Neither of these.
    """
    if spec == NOWHERE:
        return MemoryVault()
    if not spec.startswith(FILE_PREFIX) or spec == FILE_PREFIX:
        raise UsageError(f"no vault: {spec!r}", hint=f"write file:PATH, or {NOWHERE}")
    return FileVault(Path(spec.removeprefix(FILE_PREFIX)))


def read_vault(path: Path) -> Iterator[dict[str, Any]]:
    """What a vault's file holds, torn lines left out; nothing where there is no file."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                record: object = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield cast(dict[str, Any], record)


@contextmanager
def leave_unrecorded(vault: Vault) -> Generator[None]:
    """Count the calls inside the block and forget their texts, save in memory: all targets get the same test.

    Neither LangChain's callbacks, LangGraph's streams nor LangSmith hear of the calls, whoever has turned them on.
    """
    outer = current()
    # An empty list, unlike none, keeps the caller's handlers from being inherited.
    unheard = var_child_runnable_config.set({"callbacks": []})
    try:
        with (
            langsmith.tracing_context(enabled=False),
            recording(cache=vault.tests, name="case", sample=outer.sample if outer else 0),
        ):
            yield
    finally:
        var_child_runnable_config.reset(unheard)


def refusal_only(cell: Mapping[str, str]) -> bool:
    """Whether a case is of a category in which no text is kept."""
    return any(value in REFUSAL_ONLY for value in cell.values())
