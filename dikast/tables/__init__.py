"""Tables that a Solver never sees: loading, describing without data, running programs, judging answers, question files.

    table = load("sales.csv")
    schema = describe(table, "types")          # schema.text goes into a prompt
    program_sees = frame(table, schema.names)  # goes into the sandbox
    denotation_correct(["17"], ["17.0"])       # the WikiTableQuestions rule

`oracle.TableOracle` holds tables and gold answers for the graph `dikast.graphs.hidden_tables`.
"""

from __future__ import annotations
