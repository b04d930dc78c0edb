"""Models of vendors, by their names in LangChain: `openai:gpt-x`, `anthropic:...`, `langchain:PROVIDER/MODEL`."""
