"""Talking to OpenAI-compatible servers: connections, retries, what an error answer means. For models and encoders."""
