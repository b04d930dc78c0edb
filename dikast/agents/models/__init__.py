"""What agents speak through: LangChain chat models over several engines (`load_model`), their requests and limits."""
