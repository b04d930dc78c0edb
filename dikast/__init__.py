"""dikast: solver, critic, oracle and judge agents, wired by typed LangGraph graphs over vLLM."""
