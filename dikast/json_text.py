"""JSON in files: one value, or the items of an array one after another, with errors that name the line.

    for item in array_items(file, path): ...       # memory holds one item, however long the array is

Not done: values other than an array in pieces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from dikast.errors import DataError
from dikast.files import open_text

CHUNK = 1024 * 1024
"""Characters of an array read at a time; an item that is longer is read in pieces that double."""
LONGEST_TOKEN = 16
"""Where an error lies nearer to the end of what has been read, more text may mend it: `-Infinity`, an escape."""
SPACE = re.compile(r"[ \t\n\r]*")
DECODER = json.JSONDecoder()


def parse_json(text: str, path: Path, line: int = 1) -> Any:
    """The value of a JSON text.

    Args:
        text: The text.
        path: The file that it comes from.
        line: Where in the file it begins.

    Raises:
        DataError: It is not JSON; says file and line.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise not_json(error, path, line) from error


def read_json(path: str | Path) -> Any:
    """The value in a JSON file, plain or compressed, which is read whole.

    Raises:
        DataError: It cannot be read, or is not JSON; says file and line.
    """
    path = Path(path)
    with open_text(path) as file:
        text = file.read()
    return parse_json(text, path)


def array_items(
    file: TextIO, path: Path, decoder: json.JSONDecoder = DECODER, longest: int | None = None
) -> Iterator[object]:
    """The items of a JSON array, as they are read.

    Args:
        file: The text.
        path: The file that it comes from.
        decoder: What makes values of it.
        longest: Characters of one item, about; without it, as many as there are.

    Raises:
        DataError: The text is not one array, or an item is longer; says file and line.
    """
    text = _Text(file, path, decoder, longest)
    text.take("[")
    if text.peek() != "]":
        yield text.value()
        while text.peek() == ",":
            text.take(",")
            yield text.value()
    text.take("]")
    text.take("")


def not_json(error: Exception, path: Path, line: int, before: int = 0) -> DataError:
    """The error for a text that begins on `line`, after so many characters."""
    if not isinstance(error, json.JSONDecodeError):
        return DataError(f"not JSON that can be read: {error}", path=path, line=line)
    column = error.colno + (before if error.lineno == 1 else 0)
    what = f"{error.msg.removesuffix(' at')} at column {column}"
    return DataError(f"not JSON: {what}", path=path, line=line + error.lineno - 1)


class _Text:
    """A JSON text of which only a window is in memory."""

    def __init__(self, file: TextIO, path: Path, decoder: json.JSONDecoder, longest: int | None) -> None:
        self._file, self._path = file, path
        self._decoder, self._longest = decoder, longest
        self._window, self._at = "", 0
        self._line, self._before = 1, 0
        """The line on which the window begins, and how many characters of it lie before."""

    def peek(self) -> str:
        """The next character that is no white space; nothing at the end."""
        while True:
            space = SPACE.match(self._window, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._window) or not self._read_on():
                return self._window[self._at : self._at + 1]

    def take(self, wanted: str) -> None:
        """Go past a character; "" is the end of the text."""
        if self.peek() != wanted:
            what = f"expecting {wanted!r}" if wanted else "text after the array"
            raise self._wrong(json.JSONDecodeError(what, self._window, self._at))
        self._at += len(wanted)

    def value(self) -> object:
        """The next value."""
        self.peek()
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._window, self._at)
                return value
            except (ValueError, RecursionError) as error:
                wrong = self._wrong(error)
                if self._longest is not None and len(self._window) - self._at > self._longest:
                    what = f"an item of more than {self._longest:,} characters"
                    raise DataError(what, path=self._path, line=self._line) from error
                if self._is_final(error) or not self._read_on():
                    raise wrong from error

    def _wrong(self, error: Exception) -> DataError:
        return not_json(error, self._path, self._line, self._before)

    def _is_final(self, error: Exception) -> bool:
        """Whether no further text can mend it. A string without its end is told where it begins."""
        if not isinstance(error, json.JSONDecodeError):
            return True
        return not error.msg.startswith("Unterminated") and error.pos < len(self._window) - LONGEST_TOKEN

    def _read_on(self) -> bool:
        more = self._file.read(max(CHUNK, len(self._window) - self._at))
        self._line += self._window.count("\n", 0, self._at)
        begins = self._window.rfind("\n", 0, self._at) + 1
        self._before = self._at - begins + (0 if begins else self._before)
        self._window, self._at = self._window[self._at :] + more, 0
        return bool(more)
