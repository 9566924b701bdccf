"""A judge that answers nothing: the run ends soon, with the cause."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adjudge.cli.commands import app
from adjudge.errors import BadConfig
from adjudge.jobs.judge import JudgeConfig, judge
from adjudge.judge.log import VerdictLog, configs
from adjudge.judge.runner import RunSettings
from adjudge.llm.contract import Answer, AskFailed, NoAccess, Request
from adjudge.llm.fake import FakeClient, FakeSettings

Pairs = Callable[[int], Path]
CAUSE = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
REFUSED = json.dumps({"error": {"message": CAUSE + "\x1b[2J\nmore", "type": "invalid_request_error"}})


class Server(ThreadingHTTPServer):
    """Answers every request alike and counts them."""

    daemon_threads = True
    status, body, seen = 200, b"", 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.seen += 1
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def config(pairs: Path, **given: Any) -> JudgeConfig:
    home = pairs.parent
    run = RunSettings(in_flight=8, first_wait=0.0)
    files = {"pairs": pairs, "log": home / "log.sqlite", "out": home / "out.parquet"}
    return JudgeConfig(**{"judge": "openai:m", "run": run, **files, **given})


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def test_a_server_that_refuses_everything_is_left_with_its_own_words(pairs: Pairs, server: Server) -> None:
    server.status, server.body = 400, REFUSED.encode()
    with pytest.raises(NoAccess) as refused:
        judge(config(pairs(2000), base_url=server.url))
    told = str(refused.value)
    assert f"refused request: 400 {CAUSE} [2J more" in told
    assert "\x1b" not in told
    assert "nothing is lost" in told
    assert 50 <= server.seen <= 50 + 2 * 8


def test_a_stopped_run_leaves_no_scratch_folder(
    pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with pytest.raises(NoAccess) as stop:
        judge(config(pairs(2000), base_url=closed_port()))
    # The traceback still holds the run's frames: nothing is left to the garbage collector.
    assert stop.value.__traceback__ is not None
    assert not list(scratch.glob("adjudge-*"))


@pytest.mark.parametrize("transport", ["http", "sdk"])
def test_nobody_home_ends_the_run(pairs: Pairs, transport: str) -> None:
    from adjudge.llm.endpoint import EndpointSettings

    endpoint = EndpointSettings(transport=transport)
    with pytest.raises(NoAccess, match="answered none of .* requests .connection lost: "):
        judge(config(pairs(2000), base_url=closed_port(), endpoint=endpoint))


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "http://h:99999/v1", "https://h:x/v1", "http:///v1", "ftp://h/v1", ""]
)
def test_an_address_that_cannot_be_one_is_refused_before_anything_is_asked(pairs: Pairs, url: str) -> None:
    where = pairs(5)
    with pytest.raises(BadConfig, match=r"allowed is http://HOST:PORT/v1 or https://HOST/v1; name it with"):
        judge(config(where, base_url=url))
    assert not (where.parent / "log.sqlite").exists()


def test_a_run_too_short_to_be_stopped_says_the_cause_and_fails(pairs: Pairs, server: Server) -> None:
    where = pairs(9)
    server.status, server.body = 400, REFUSED.encode()
    words = ["judge", "--pairs", str(where), "--judge", "openai:m", "--base-url", server.url]
    words += ["--log", str(where.parent / "log.sqlite"), "--out", str(where.parent / "out.parquet")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert f"refused request, the first: 400 {CAUSE}" in done.output
    server.status = 200
    server.body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}).encode()
    assert CliRunner().invoke(app, words).exit_code == 0


class Fails(FakeClient):
    """Answers only `but`; fails on the others in one way."""

    kind, but = "refused request", frozenset[str]()

    async def ask(self, request: Request) -> Answer:
        if request.pair[1] in self.but:
            return await super().ask(request)
        raise AskFailed(self.kind, "a guideline")


def fails(patch: pytest.MonkeyPatch, kind: str, but: frozenset[str]) -> None:
    import adjudge.llm.providers as providers

    def make(settings: FakeSettings) -> FakeClient:
        client = Fails(settings)
        client.kind, client.but = kind, but
        return client

    patch.setattr(providers, "FakeClient", make)


def test_one_answer_is_enough_to_go_on_and_so_is_one_in_the_log(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(monkeypatch, "refused request", frozenset({"Title of item 0"}))
    where = pairs(300)
    for _ in range(2):
        done = judge(config(where, judge="fake"))
        assert done.written.scored == 10
        assert done.written.reasons == Counter({"refused request": 290})
        assert done.exit_code == 0
    # A rerun that holds nothing but texts that fail, each of them tried often, is no dead endpoint either.
    fails(monkeypatch, "timeout", frozenset())
    few = judge(config(pairs(40), judge="fake"))
    assert few.written.reasons == Counter({"timeout": 30})
    assert few.tally.requests == 180
    with pytest.raises(NoAccess, match="timeout: a guideline"):
        judge(config(pairs(300), judge="fake"))


def test_a_judge_that_answered_before_and_now_refuses_every_new_text_is_left(
    pairs: Pairs, server: Server
) -> None:
    server.body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}).encode()
    asked = config(pairs(10), base_url=server.url, probabilities=False)
    assert judge(asked).written.scored == 10
    server.status, server.body, server.seen = 400, REFUSED.encode(), 0
    pairs(2000)
    for stop in (1, 2):
        with pytest.raises(NoAccess, match="answered none of .* requests .refused request: 400"):
            judge(asked)
        # The second run asks again what the first gave up, which does not count, and then as many new ones.
        assert stop * 50 <= server.seen <= (2 * stop - 1) * (50 + 2 * 8)


def test_fruitless_0_asks_on(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, "refused request", frozenset())
    where = pairs(200)
    with pytest.raises(NoAccess, match=r"run\.fruitless=0"):
        judge(config(where, judge="fake"))
    run = RunSettings(in_flight=8, fruitless=0)
    done = judge(config(where, judge="fake", run=run))
    assert (done.written.unscored, done.exit_code) == (200, 1)


def test_what_was_given_up_before_the_stop_is_kept_and_asked_again(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = pairs(200)
    with monkeypatch.context() as patch:
        fails(patch, "refused request", frozenset())
        with pytest.raises(NoAccess):
            judge(config(where, judge="fake"))
        made = configs(where.parent / "log.sqlite")[0]
        with VerdictLog(where.parent / "log.sqlite", made) as log:
            assert 50 <= log.totals().texts <= 66
            assert log.totals().scored == 0
    done = judge(config(where, judge="fake"))
    assert (done.written.scored, done.tally.requests) == (200, 200)
