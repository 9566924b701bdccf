"""Runner of a judging run: concurrent requests for what the log does not know yet; every answer is logged as
it comes."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Annotated, ClassVar

import numpy as np

from adjudge.config import setting, settings
from adjudge.judge.accounting import Accounting, PendingText, Tally, is_settled
from adjudge.judge.log import LogRecord, VerdictLog
from adjudge.judge.prices import Budget
from adjudge.judge.rate_limit import RateLimit
from adjudge.judge.verdict import VerdictReader
from adjudge.llm.contract import AskFailed, Client, NoAccess
from adjudge.llm.providers import check_served
from adjudge.records import Progress, no_progress

TICK = 0.5
LARGEST_BACKLOG = 20_000


@settings
class RunSettings:
    """How many requests at once, and when to give up."""

    in_flight: Annotated[int, setting("Requests at once.", ge=1, le=100_000)] = 64
    attempts: Annotated[
        int, setting("Answers asked for before an unscored text stays unscored.", ge=1, le=100)
    ] = 2
    max_requests_per_text: Annotated[
        int,
        setting(
            "Requests that may end without an answer before the text is given up for this run.", ge=1, le=1000
        ),
    ] = 6
    first_wait: Annotated[
        float, setting("Longest wait after a first failure; it doubles.", ge=0, le=60, unit="seconds")
    ] = 0.5
    batch: Annotated[int, setting("Texts in one call of a batching client.", ge=1, le=100_000)] = 32
    grace: Annotated[
        float,
        setting(
            "How long a stop (Ctrl-C, no access) waits for what is in flight.",
            ge=0,
            le=86_400,
            unit="seconds",
        ),
    ] = 30.0
    fruitless: Annotated[
        int,
        setting(
            "The run stops if a text is given up and none of this many requests (`in_flight` at least) was "
            "answered; 0 goes on all the same.",
            ge=0,
            le=1_000_000,
        ),
    ] = 50
    seed: Annotated[int, setting("Seed of the waits' jitter.")] = 0
    RENAMED: ClassVar[dict[str, str]] = {"tries": "max_requests_per_text"}


class Runner:
    """Asks one client about a stream of texts; all that is paid for goes to the log.

    proven: this judge answered before. Then a rerun may consist of texts that it fails on, so that of texts
    the log held before only those given up count against it, and refused ones not at all. New texts count as
    in a first run.
    """

    def __init__(
        self,
        client: Client,
        reader: VerdictReader,
        log: VerdictLog,
        budget: Budget,
        settings: RunSettings | None = None,
        progress: Progress = no_progress,
        proven: bool = False,
    ) -> None:
        self.client, self.log, self.budget = client, log, budget
        self.settings = settings or RunSettings()
        self.progress, self.proven = progress, proven
        self.accounting = Accounting(reader, log, budget, self.settings.attempts)
        self.tally = self.accounting.tally
        self.underway: set[bytes] = set()
        self.total = 0
        self._failures = 0
        self.rate_limit: RateLimit = RateLimit(
            self.settings.in_flight, np.random.default_rng(self.settings.seed), self.settings.first_wait
        )
        self._stop = ""
        self._workers = 2 if client.capabilities.batching else self.settings.in_flight
        # Read a few chunks ahead of the workers; None tells a worker that no text follows.
        self._queue: asyncio.Queue[PendingText | None] = asyncio.Queue(
            max(2 * self._workers, 4 * self.settings.batch)
        )
        log.on_commit = self._committed

    def stop(self, why: str) -> None:
        """Ask nothing more; what is in flight is still waited for."""
        self._stop = self._stop or why
        self.rate_limit.close()
        while not self._queue.empty():
            self._queue.get_nowait()
        for _ in range(self._workers):
            self._queue.put_nowait(None)

    async def run(self, source: Iterator[Sequence[PendingText]], total: int = 0) -> Tally:
        """Ask about all that `source` yields (it is read in a thread, a few chunks ahead at most).

        A source should skip texts in `underway`, then those the log knows. Raises NoAccess if the endpoint
        denies access or answers nothing, once what is in flight has come back (`grace`); whatever happens,
        answers that came are kept, and what was sent and cut short is booked at the most it can cost.
        """
        began = time.monotonic()
        self.total = total
        batching = self.client.capabilities.batching
        work = self._batch_worker if batching else self._worker
        tasks = [asyncio.create_task(work()) for _ in range(self._workers)]
        feeding = asyncio.create_task(self._feed(source))
        ticking = asyncio.create_task(self._tick())
        with self._interrupts(tasks):
            try:
                await self._all_done([*tasks, feeding])
            except NoAccess:
                self.stop("no access")
                await asyncio.wait(tasks, timeout=self.settings.grace)
                raise
            finally:
                ticking.cancel()
                for task in (*tasks, feeding):
                    task.cancel()
                await asyncio.gather(*tasks, feeding, ticking, return_exceptions=True)
        await asyncio.to_thread(self.log.flush)
        self.tally.stopped = self._stop
        self.tally.seconds = time.monotonic() - began
        self._show()
        return self.tally

    async def _all_done(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                if not task.cancelled() and (error := task.exception()):
                    raise error

    async def _feed(self, source: Iterator[Sequence[PendingText]]) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "judge-source") as pool:
            while not self._stop:
                chunk = await loop.run_in_executor(pool, next, source, None)
                if chunk is None:
                    break
                self.underway.update([ask.text for ask in chunk])
                for ask in chunk:
                    if self._stop:
                        return
                    await self._queue.put(ask)
        if not self._stop:
            for _ in range(self._workers):
                await self._queue.put(None)

    async def _worker(self) -> None:
        while not self._stop and (ask := await self._queue.get()) is not None:
            try:
                await self._one(ask)
            finally:
                if ask.owed:
                    self.accounting.write_down(ask)

    async def _one(self, ask: PendingText) -> None:
        """Ask until there is a verdict, or the attempts or the requests are used up."""
        check_served(ask.request, self.client)
        while not self._stop:
            promised = self.budget.reserve(ask.size)
            if promised is None:
                self.stop("budget")
                return
            if not self.rate_limit.try_enter() and not await self.rate_limit.enter():
                self.budget.release(promised)
                return
            try:
                self.tally.requests += 1
                answer = await self.client.ask(ask.attempt())
            except AskFailed as failure:
                if self._failed(ask, failure, promised):
                    return
                wait = self._wait(ask, failure)
            except asyncio.CancelledError:
                # It was sent, so that it may be billed: what it can cost is booked, and the text's worker
                # writes it down.
                self.accounting.book_failure(ask, AskFailed("timeout", "cut short"), promised)
                raise
            else:
                self.rate_limit.record_success()
                if self.accounting.book_answer(ask, answer, promised):
                    await self._ease()
                    return
                wait = 0.0
            finally:
                self.rate_limit.leave()
            if wait:
                await self.rate_limit.sleep(wait)

    def _wait(self, ask: PendingText, failure: AskFailed) -> float:
        if failure.kind == "rate limited":
            self.rate_limit.record_limit(failure.retry_after)
        elif failure.retry_after is not None:
            return failure.retry_after
        return 0.0 if failure.retry_after is not None else self.rate_limit.backoff(ask.failures)

    def _failed(self, ask: PendingText, failure: AskFailed, promised: float) -> bool:
        """Count a request that ended without an answer; True if the text is given up."""
        self.accounting.book_failure(ask, failure, promised)
        ask.failures += 1
        final = not failure.worth_retrying or ask.failures >= self.settings.max_requests_per_text
        spared = self.proven and ask.again
        self._failures += failure.worth_retrying and final if spared else 1
        if not final:
            return False
        self.accounting.give_up(ask, failure.kind)
        self._check_answered()
        return True

    def _check_answered(self) -> None:
        """Raise NoAccess if nothing at all was answered so far, and enough was asked to say so."""
        enough = max(self.settings.fruitless, self.settings.in_flight)
        if self.tally.answers or not self.settings.fruitless or self._failures < enough:
            return
        why = "; ".join(f"{kind}: {message}" for kind, message in self.tally.messages.items())
        raise NoAccess(
            f"{self.client.model} answered none of {self.tally.requests:,} requests ({why}). Check "
            "--base-url, the model's name and its settings, then run the same command again: nothing is "
            "lost. --set run.fruitless=0 asks on all the same"
        )

    async def _ease(self) -> None:
        """Let the writer catch up, and raise at once if it failed."""
        while self.log.backlog > LARGEST_BACKLOG:
            self.log.check()
            await asyncio.sleep(0.01)

    def _committed(self, batch: Sequence[LogRecord]) -> None:
        for record in batch:
            if record.answer is None or is_settled(record.entry, self.settings.attempts):
                self.underway.discard(record.text)

    async def _batch_worker(self) -> None:
        ended = False
        while not ended and not self._stop:
            asks: list[PendingText] = []
            while len(asks) < self.settings.batch and not ended:
                ask = await self._queue.get()
                ended = ask is None
                if ask is not None:
                    asks.append(ask)
            while asks and not self._stop:
                asks = await self._batch(asks)

    async def _batch(self, asks: Sequence[PendingText]) -> list[PendingText]:
        """Ask about a batch at once; gives the texts that are worth another attempt."""
        promises = [self.budget.reserve(ask.size) for ask in asks]
        taken = [(ask, most) for ask, most in zip(asks, promises, strict=True) if most is not None]
        if len(taken) < len(asks):
            self.stop("budget")
        if not taken:
            return []
        for ask, _ in taken:
            check_served(ask.request, self.client)
        self.tally.requests += len(taken)
        results = await self.client.ask_many([ask.attempt() for ask, _ in taken])
        again = []
        for (ask, most), result in zip(taken, results, strict=True):
            if isinstance(result, AskFailed):
                final = self._failed(ask, result, most)
            else:
                final = self.accounting.book_answer(ask, result, most)
            if not final:
                again.append(ask)
        await self._ease()
        return again

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.log.check()
            self._show()

    def _show(self) -> None:
        done = self.tally.done
        self.progress("texts judged", done, self.total)
        self.progress("unscored", self.tally.unscored, 0)
        if self.budget.price is not None:
            self.progress("money spent (1/1,000,000)", round(self.budget.spent * 1_000_000), 0)

    @contextmanager
    def _interrupts(self, tasks: Sequence[asyncio.Task[None]]) -> Iterator[None]:
        """Ctrl-C: the first lets what is in flight finish (for `grace` seconds), the second does not."""
        loop = asyncio.get_running_loop()
        handles: list[asyncio.TimerHandle] = []

        def cut() -> None:
            for task in tasks:
                task.cancel()

        def interrupted() -> None:
            if handles:
                cut()
                return
            self.stop("interrupted")
            handles.append(loop.call_later(self.settings.grace, cut))

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with suppress(NotImplementedError):
            loop.add_signal_handler(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)
            for handle in handles:
                handle.cancel()
