"""Servers on loopback that speak vendors' protocols, as much of them as one reply needs."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANTHROPIC = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "well said"},
    ],
    "stop_reason": "max_tokens",
    "stop_sequence": None,
    "usage": {"input_tokens": 11, "output_tokens": 4},
}
OLLAMA = {
    "model": "llama3.2:1b",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": "well said"},
    "logprobs": [{"token": "well", "logprob": -0.25, "top_logprobs": [{"token": "well", "logprob": -0.25}]}],
    "done": True,
    "done_reason": "length",
    "prompt_eval_count": 11,
    "eval_count": 4,
}

BEDROCK = {
    "output": {"message": {"role": "assistant", "content": [{"text": "well said"}]}},
    "stopReason": "max_tokens",
    "usage": {"inputTokens": 11, "outputTokens": 4, "totalTokens": 15},
    "metrics": {"latencyMs": 3},
}
GOOGLE = {
    "candidates": [
        {"content": {"parts": [{"text": "well said"}], "role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 4, "totalTokenCount": 15},
}


@contextmanager
def stub(answer: dict[str, Any]) -> Generator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives one answer to everything, none to the model `silent`: its address, and what it was sent."""
    seen: list[dict[str, Any]] = []
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(body)
            if body.get("model") == "silent":
                ended.wait(10)
                return
            told = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
