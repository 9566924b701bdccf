"""An OpenAI-compatible server of a local model, for tests: chat completions with top_logprobs, computed with
torch.

    python tests/llm/serve_model.py FOLDER

One request at a time and no padding, so that it shares nothing with the batched client but the weights.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completer(folder: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder).eval()

    def complete(body: dict[str, Any]) -> dict[str, Any]:
        ids = tokenizer("\n\n".join(m["content"] for m in body["messages"]), return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            logprobs = torch.log_softmax(network(ids).logits[0, -1].float(), -1)
        best = torch.topk(logprobs, body.get("top_logprobs", 1))
        shown = [
            {"token": tokenizer.decode([t]), "logprob": p, "bytes": None}
            for t, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
        message = {"role": "assistant", "content": shown[0]["token"]}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{**shown[0], "top_logprobs": shown}]}
        used = {"prompt_tokens": ids.shape[1], "completion_tokens": 1, "total_tokens": ids.shape[1] + 1}
        return {
            "id": "c",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": used,
        }

    return complete


def main() -> None:
    complete = completer(sys.argv[1])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                reply = json.dumps(complete(body)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
