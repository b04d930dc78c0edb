r"""The languages that a Solver may write programs in: how one is marked in a reply, and what its writer is told.

LANGUAGES["sql"].quoted("select 1\n")      # "```sql\nselect 1\n```"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Language:
    """One of them.

    Args:
        tag: What stands behind a code block's fence.
        marks: What else may stand there.
        prompt: Name of the first round's prompt.
        retry_prompt: Name of that of later ones.
        review_prompt: Name of the critic's.
        previous: What is told of an earlier answer.
        messages: Feedback code -> sentence, where it is another than Python's.
    """

    tag: str
    marks: tuple[str, ...]
    prompt: str
    retry_prompt: str
    review_prompt: str
    previous: str
    messages: Mapping[str, str] = field(default_factory=dict[str, str])

    def quoted(self, program: str) -> str:
        """A program as the one code block of a reply."""
        return f"```{self.tag}\n{program}```"


PYTHON = Language(
    "python",
    ("python", "py", "python3", "pandas"),
    "hidden_tables/solve",
    "hidden_tables/retry",
    "hidden_tables/review",
    "The variable prev holds the answer to the last of them as a list, or None if it had none.",
)
SQL = Language(
    "sql",
    ("sql", "duckdb", "postgresql", "postgres", "sqlite"),
    "hidden_tables/solve_sql",
    "hidden_tables/retry_sql",
    "hidden_tables/review_sql",
    "The table prev holds the values of the answer to the last of them, as text, in its column value; without an answer"
    " there is no such table.",
    {
        "failed": "The query gave no answer.",
        "empty": "The query ran, and its result was empty.",
        "no_answer": "The query ran and gave no result.",
        "bad_answer": "The result held values that have no plain form, or it was too long.",
        "timeout": "The query took too long and was stopped.",
        "killed": "The query was stopped: it used too much memory, or its process died.",
        "error": "The query failed.",
        "other": "The query failed.",
        "SyntaxError": "The query could not be parsed, or it was not one SELECT.",
        "NameError": "The query names a table, a column or a function that is not there, or with other types.",
        "ValueError": "A cell could not be converted, or a function was given what it does not take.",
        "ArithmeticError": "A number was too large.",
        "no_code": "There was no SQL code block in that reply.",
        "objected": "The query was not run. A reviewer, who sees no data either, says:",
    },
)
LANGUAGES: Mapping[str, Language] = {"python": PYTHON, "sql": SQL}
