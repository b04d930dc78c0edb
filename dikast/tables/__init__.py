"""Tables that a Solver never sees: loading, describing without data, judging answers, reading question files.

    table = load("sales.csv")
    schema = describe(table, "types")          # schema.text goes into a prompt
    program_sees = frame(table, schema.names)  # goes into the sandbox
    denotation_correct(["17"], ["17.0"])       # the WikiTableQuestions rule

Who holds a table and runs programs over it is not here.
"""

from __future__ import annotations
