"""What programs commonly do, done once in the zygote before it forks: each child then finds it done.

The first filter of a process, the first grouping, the first compiled program fill caches of pandas, numpy and the
interpreter. Where that happens in the child, each page that it writes is copied from the zygote first, a third of what
a small program takes. Table and programs are constants of this file: nothing of a user's is ever in the zygote.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from dikast.sandbox.inside import columns, helpers
from dikast.sandbox.inside.written import Spelling

TIMES = 3
PROGRAMS = (
    "rows = df\nrows = rows[rows['n'] == 2]\nanswer = rows['name'].tolist()",
    "rows = df[df['n'] > 1]\nanswer = len(rows)",
    "rows = df[df['name'].str.lower() == 'a b']\nanswer = rows['n'].tolist()",
    "answer = bool(df['name'].dropna().str.fullmatch(r'\\d+').all())",
    "answer = df[df['name'].str.contains('b', case=False, na=False)]['x'].sum()",
    "answer = df.groupby('name')['x'].sum().sort_values(ascending=False).head(1).index[0]",
    "answer = df.groupby('name', as_index=False).agg({'n': 'max', 'x': 'mean'})",
    "answer = df['name'].value_counts()",
    "df.loc[df['x'].idxmax(), 'name']",
    "answer = df.sort_values(['n', 'x'], ascending=[False, True]).iloc[0]['name']",
    "answer = [df['n'].max(), df['x'].min(), df['x'].mean(), df['n'].nunique(), df['name'].unique()]",
    "answer = df[(df['n'] >= 1) & df['name'].isin(['c', 'd'])].shape[0]",
    "answer = num(df['text']).max() - num('1,234')",
    "answer = df[norm(df['name']) == norm('A b [1]')]['text'].tolist()",
    "answer = [str(date('5 May 2001').date()), df['when'].dt.year.max(), date(df['text']).notna().sum()]",
    "answer = df[df['whole'].notna()]['whole'].sum()",
    "import pandas as pd\nanswer = pd.to_numeric(df['text'], errors='coerce').tolist()",
    "answer = df.apply(lambda row: f\"{row['name']}: {row['n']}\", axis=1).tolist()",
    "answer = df.merge(df[['name', 'n']].drop_duplicates(), on='name')[['n_x', 'n_y']].head(2)",
)
"""In turns, as models write them."""
WRONG = "answer = df['absent']"


def warm_up(execute: Callable[[str, dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the programs over the table, as a child does.

    Args:
        execute: Runs a program with these names, and says how it ended.

    Returns:
        What was said of each, the last time.
    """
    packed = columns.pack(_table())
    offered = {"np": import_module("numpy"), "pd": import_module("pandas")}
    said: list[dict[str, Any]] = []
    for _ in range(TIMES):
        said = []
        for program in (*PROGRAMS, WRONG):
            names = {
                "__name__": "__main__",
                **offered,
                **helpers.offered(Spelling()),
                "df": columns.read(memoryview(packed)),
            }
            said.append(execute(program, names))
            json.dumps(said[-1], allow_nan=False, ensure_ascii=False).encode()
    return said


def _table() -> Any:
    pd: Any = import_module("pandas")
    count = 24
    return pd.DataFrame(
        {
            "n": [number % 5 for number in range(count)],
            "x": [number / 4 for number in range(count)],
            "name": ["a b", "c", "D", None] * (count // 4),
            "text": [f"{number},000 km (est.)" for number in range(count)],
            "whole": pd.array([1, None] * (count // 2), dtype="Int64"),
            "when": pd.to_datetime([f"2001-05-{number + 1:02}" for number in range(count)]),
            "yes": [True, False] * (count // 2),
        }
    )
