"""Every exception that dikast raises on purpose, named after the boundary that was crossed.

* DikastError
  x UsageError                   you asked for something that cannot be (exit 2)
    + MissingExtraError          an optional package, program or model file is not installed (exit 4)
    + ResumeMismatchError        the run folder belongs to other settings
  x DataError                    a file or record that the user gave is wrong: says file, line, field, remedy
  x ModelError                   a model call did not give a reply
    + ModelTimeout               no reply within the time allowed
    + ModelRefused               the API refused or filtered the request before the model spoke
    + ModelContextOverflow       prompt and reply do not fit into the model's context
    + ModelUnavailable           the engine or server cannot be reached, or does not serve this model (exit 4)
  x TrainingError                a training could not go on: it diverged, memory or disk ran out; what was saved stays
  x LimitReached                 a limit on tokens, calls, seconds or cost, set by the user, stopped a call
  x RetrievalError               an index or a retriever failed
  x SandboxError                 untrusted code could not be run safely

A row's failure in a batch job is a record (`dikast.records.Outcome`), not an exception; these are raised where a
person has to act. Each prints as one line, followed by its hint.
"""

from __future__ import annotations

from pathlib import Path


class DikastError(RuntimeError):
    """Base of all of dikast's own errors.

    A RuntimeError, since LangGraph's server shows the words of Python's own errors and of no other.

    Args:
        message: What went wrong and where, in one line.
        hint: What to do about it, in one line; shown after the message.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, with the hint after it where there is one."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(DikastError):
    """The caller asked for something that cannot be: a flag, a spec, a combination of options."""

    exit_code = 2


class MissingExtraError(UsageError):
    """An optional package, program or model file is needed and absent."""

    exit_code = 4

    def __init__(self, what: str, *, extra: str = "", hint: str = "") -> None:
        super().__init__(f"{what} is not installed", hint=hint or f"pip install 'dikast[{extra}]'")


class ResumeMismatchError(UsageError):
    """A run folder was made with other settings than those now given."""


class DataError(DikastError):
    """A file or record given by the user is wrong.

    Args:
        message: What is wrong.
        path: The file, where there is one.
        line: 1-based line number within the file.
        row: 1-based number of the row, in a file whose rows have no lines of their own: Parquet, a JSON array.
        field: The field within the record.
        hint: The remedy.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | Path | None = None,
        line: int | None = None,
        row: int | None = None,
        field: str | None = None,
        hint: str = "",
    ) -> None:
        where = f"{path}:{line}" if path is not None and line is not None else str(path or "")
        parts = [where, f"row {row}" if row is not None else "", f"field {field!r}" if field else "", message]
        super().__init__(": ".join(part for part in parts if part), hint=hint)
        self.path, self.line, self.row, self.field = path, line, row, field


class ModelError(DikastError):
    """A model call did not give a reply. Its subclass says how; `status` holds the HTTP status, if any."""

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ModelTimeout(ModelError):
    """No reply within the time allowed."""


class ModelRefused(ModelError):
    """The API refused or filtered the request before the model spoke."""


class ModelContextOverflow(ModelError):
    """Prompt and reply do not fit into the model's context; told before the engine is asked, where it can be."""


class ModelUnavailable(ModelError):
    """The engine or server cannot be reached, or does not serve the model that was asked for."""

    exit_code = 4


class TrainingError(DikastError):
    """A training could not go on: its loss is no number any more, or memory ran out; its last checkpoint stays."""


class LimitReached(DikastError):
    """A limit on tokens, calls, seconds or cost, set by the user, stopped a call before it was made."""


class RetrievalError(DikastError):
    """An index or a retriever failed."""


class SandboxError(DikastError):
    """Untrusted code could not be run safely, so it was not run."""

    exit_code = 4
