"""Prompts are files: declared fields, a version, a content hash, single-pass substitution.

A prompt file has a head of `name: value` lines, then one section a message:

    version: 1
    fields: instruction, query
    --- system
    You are ...
    --- user
    {instruction}: {query}

Only declared fields are substituted, all in one pass, so that a field's text can hold braces, or the name of another
field, and stays what it is. Lines of the head that start with `#` are comments.

Not covered: a template language. A prompt that needs a condition is two prompts, or a field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

from dikast.agents.models.request import Message
from dikast.errors import DataError, UsageError

HASH_CHARACTERS = 12
SECTION = re.compile(r"^--- (system|user|assistant)\n", re.MULTILINE)
FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file, read.

    Args:
        name: `method/prompt` for one that ships with dikast, else the file's path.
        version: As the head says it.
        fields: Names that `render` must be given, all of them.
        sections: (role, template) of each message, in order.
        digest: Hash of the file's bytes; part of every request key.
    """

    name: str
    version: str
    fields: frozenset[str]
    sections: tuple[tuple[str, str], ...]
    digest: str

    @property
    def id(self) -> str:
        """`name@digest`, as provenance records it."""
        return f"{self.name}@{self.digest}"

    @property
    def spec(self) -> str:
        """The string that `load_prompt` turns into this prompt again."""
        return self.name

    def fingerprint(self) -> Mapping[str, object]:
        """The file's content, by its hash."""
        return {"name": Path(self.name).name if self.name.endswith(".txt") else self.name, "digest": self.digest}

    def render(self, fields: Mapping[str, str]) -> tuple[Message, ...]:
        """The messages, each declared field put in once.

        Raises:
            UsageError: A declared field is missing, or one is given that the prompt does not declare.
        """
        missing, unknown = sorted(self.fields - set(fields)), sorted(set(fields) - self.fields)
        if missing or unknown:
            raise UsageError(f"prompt {self.name!r}: fields missing {missing}, not declared {unknown}")

        def put(match: re.Match[str]) -> str:
            return fields.get(match[1], match[0])

        return tuple(
            cast(Message, {"role": role, "content": FIELD.sub(put, template)}) for role, template in self.sections
        )


@cache
def load_prompt(name: str) -> Prompt:
    """Read a prompt by its name (`genqr/keywords`) or, if it ends in `.txt`, from the user's own file.

    Raises:
        DataError: There is no such prompt, or the file is malformed; the message says where.
    """
    return parse_prompt(name, _read(name))


def parse_prompt(name: str, data: bytes) -> Prompt:
    """Read a prompt file's bytes.

    Raises:
        DataError: Not UTF-8, no `version` or `fields`, no message, or a declared field that no message uses.
    """
    head, *parts = SECTION.split(_decode(name, data))
    values = _read_head(name, head)
    sections = tuple((role, body.rstrip("\n")) for role, body in zip(parts[::2], parts[1::2], strict=True))
    if not sections:
        raise DataError("no message", path=name, hint="start one with a line '--- user'")
    declared = frozenset(field for field in re.split(r"[,\s]+", values["fields"]) if field)
    used = {match[1] for _, body in sections for match in FIELD.finditer(body)}
    if declared - used:
        raise DataError(f"declared but not used: {sorted(declared - used)}", path=name, field="fields")
    digest = hashlib.sha256(data).hexdigest()[:HASH_CHARACTERS]
    return Prompt(name, values["version"], declared, sections, digest)


def _read_head(name: str, head: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for number, line in enumerate(head.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        key, colon, value = line.partition(":")
        if not colon:
            raise DataError(f"not 'name: value': {line!r:.60}", path=name, line=number)
        values[key.strip()] = value.strip()
    for key in ("version", "fields"):
        if key not in values:
            raise DataError("missing in the head", path=name, field=key, hint=f"add a line '{key}: ...'")
    return values


def load_lines(name: str) -> tuple[str, ...]:
    """Read a list of instructions, one a line: by name (`genqr/instructions`), or a user's file ending in `.txt`.

    Blank lines and lines that start with `#` are left out.

    Raises:
        DataError: There is no such file, it is not UTF-8, or holds no instruction.
    """
    text = _decode(name, _read(name))
    lines = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    if not lines:
        raise DataError("no instruction", path=name, hint="one a line; lines that start with # are comments")
    return lines


def _read(name: str) -> bytes:
    source = Path(name) if name.endswith(".txt") else _place(name)
    if not source.is_file():
        hint = "" if name.endswith(".txt") else "a file of your own is named by its path, ending in .txt"
        raise DataError("no such prompt file", path=name, hint=hint)
    return source.read_bytes()


def _place(name: str) -> Traversable:
    """Where a prompt of that name is: `judge/pair_free` with the generic roles, `genqr/keywords` with its method."""
    folder, _, prompt = name.partition("/")
    generic = files("dikast.agents") / "prompts" / f"{name}.txt"
    return generic if generic.is_file() else files("dikast") / "graphs" / folder / "prompts" / f"{prompt}.txt"


def _decode(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}", path=name, hint="save the file as UTF-8") from error
