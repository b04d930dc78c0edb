"""Untrusted code runs here and nowhere else: one process per program, with nothing open and nothing allowed.

    async with Sandbox(Policy()) as box:
        result = await box.run("answer = df['points'].max()", table=frame)

Why it is built so, what it costs and what it does not cover: docs/design/sandbox.md.
"""

from dikast.sandbox.inside.modules import OFFERED, OFFERED_ARROW
from dikast.sandbox.memory import Table
from dikast.sandbox.policy import ErrorClass, Json, Policy, Result, Status, Tier
from dikast.sandbox.sandbox import Sandbox

__all__ = ["OFFERED", "OFFERED_ARROW", "ErrorClass", "Json", "Policy", "Result", "Sandbox", "Status", "Table", "Tier"]
