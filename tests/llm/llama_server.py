"""llama.cpp's OpenAI-compatible server on the committed decoder, for tests and benches."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-llama" / "bin" / "python"
DECODER = ROOT / "tests" / "decoder"
CONVERT = ROOT / "tools" / "decoder" / "convert.py"
WHY_NOT = (
    "llama.cpp is not built here: `make llama` builds it (minutes, once), `make test-llama` runs these tests"
)
PATIENCE = 120


@dataclass(frozen=True)
class Server:
    """url ends in /v1."""

    url: str

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON of one request; `path` is below the server's root."""
        request = urllib.request.Request(
            self.url.removesuffix("/v1") + path,
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def complete(self, body: dict[str, Any]) -> Any:
        """The body of one chat completion that must succeed."""
        status, told = self.post("/v1/chat/completions", body)
        if status != 200:
            raise RuntimeError(f"{status}: {told}")
        return told


def convert(folder: Path, kind: str = "f32", model: Path = DECODER) -> Path:
    """The model as GGUF, written to `folder`."""
    out = folder / f"{model.name}-{kind}.gguf"
    subprocess.run([PYTHON, CONVERT, model, out, "--type", kind], check=True, capture_output=True)
    return out


@contextmanager
def serving(gguf: Path, log: Path) -> Iterator[Server]:
    """A server of one model on a free port of this machine, stopped at the end. Raises RuntimeError with its
    last words where it does not come up within two minutes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PYTHON, "-m", "llama_cpp.server", "--model", gguf, "--model_alias", "m", "--port", str(port)]
    command += ["--logits_all", "true", "--n_ctx", "1024", "--n_threads", "1", "--n_threads_batch", "1"]
    # Keys and values kept in float32 (type 0): by default they are float16, and probabilities move by some
    # thousandths.
    command += ["--type_k", "0", "--type_v", "0", "--verbose", "false"]
    with (
        log.open("wb") as said,
        subprocess.Popen(map(str, command), stdout=said, stderr=subprocess.STDOUT) as server,
    ):
        try:
            _wait(server, port, log)
            yield Server(f"http://127.0.0.1:{port}/v1")
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not come up: {log.read_text('utf-8', 'replace')[-2000:]}")
