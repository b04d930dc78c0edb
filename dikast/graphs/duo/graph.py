"""Duo-LLM: a small model, a big one, or nobody, at each step of a question; as `dikast duo tiers`.

Paper: Alizadeh et al.: Duo-LLM, arXiv 2410.10846.

```mermaid
graph TD
    __start__ -.-> ask
    ask --> gather
    gather -.-> ask
    gather -.-> weigh
    weigh --> __end__
```
"""

from dikast.graphs.duo.tiers.graph import build

__all__ = ["build", "graph"]

graph = build().compile(checkpointer=False, name="duo")
