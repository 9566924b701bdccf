"""The runner: asks what the log does not know yet, many at a time, and writes every answer down as it comes."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from adjudge.config import check_range
from adjudge.judge.accounting import Ask, Booking, Tally, settled
from adjudge.judge.log import Record, VerdictLog
from adjudge.judge.prices import Purse
from adjudge.judge.rate_limit import Pace
from adjudge.judge.verdict import Reader
from adjudge.judge.work_queue import Supply
from adjudge.llm.contract import AskFailed, Client, NoAccess
from adjudge.llm.providers import check_served
from adjudge.records import Progress, no_progress

TICK = 0.5
LARGEST_BACKLOG = 20_000


@dataclass(frozen=True)
class RunSettings:
    """in_flight: requests at once. attempts: answers asked for before an unscored text stays unscored.
    tries: requests that may end without an answer before the text is given up for this run. batch: texts in one
    call of a batching client. grace: seconds that a stop (Ctrl-C, NoAccess) waits for what is in flight. fruitless: a run
    stops where a text is given up and none of so many requests (`in_flight` at least) was answered; 0 goes on all the same.
    seed: of the waits' jitter."""

    in_flight: int = 64
    attempts: int = 2
    tries: int = 6
    first_wait: float = 0.5
    batch: int = 32
    grace: float = 30.0
    fruitless: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("RunSettings", "in_flight", self.in_flight, 1, 100_000)
        check_range("RunSettings", "attempts", self.attempts, 1, 100)
        check_range("RunSettings", "tries", self.tries, 1, 1000)
        check_range("RunSettings", "first_wait", self.first_wait, 0, 60)
        check_range("RunSettings", "batch", self.batch, 1, 100_000)
        check_range("RunSettings", "grace", self.grace, 0, 86_400)
        check_range("RunSettings", "fruitless", self.fruitless, 0, 1_000_000)


class Runner:
    """Asks one client about a stream of texts; all that is paid for goes to the log.

    proven: this judge answered before. Then a rerun may hold nothing but texts that it fails on, so that of texts the log
    held before only those given up count against it, and refused ones not at all. New texts count as in a first run.
    """

    def __init__(
        self,
        client: Client,
        reader: Reader,
        log: VerdictLog,
        purse: Purse,
        settings: RunSettings | None = None,
        progress: Progress = no_progress,
        proven: bool = False,
    ) -> None:
        self.client, self.log, self.purse = client, log, purse
        self.settings = settings or RunSettings()
        self.progress, self.proven = progress, proven
        self.booking = Booking(reader, log, purse, self.settings.attempts)
        self.tally = self.booking.tally
        self.underway: set[bytes] = set()
        self.total = 0
        self._failures = 0
        self.pace: Pace = Pace(
            self.settings.in_flight, np.random.default_rng(self.settings.seed), self.settings.first_wait
        )
        self._stop = ""
        workers = 2 if client.capabilities.batching else self.settings.in_flight
        self.supply = Supply(max(2 * workers, 4 * self.settings.batch))
        log.on_commit = self._committed

    def stop(self, why: str) -> None:
        """Ask nothing more; what is in flight is still waited for."""
        self._stop = self._stop or why
        self.pace.shut()
        self.supply.end()

    async def run(self, source: Iterator[Sequence[Ask]], total: int = 0) -> Tally:
        """Ask all that `source` yields (it is read in a thread, a few chunks ahead at most).

        A source should skip texts in `underway`, then those the log knows. Raises NoAccess where the endpoint lets
        nobody in or answers nothing, once what is in flight has come back (`grace`); whatever happens, answers that came are
        kept, and what was sent and cut short is booked at the most it can cost.
        """
        began = time.monotonic()
        self.total = total
        batching = self.client.capabilities.batching
        workers = 2 if batching else self.settings.in_flight
        work = self._batch_worker if batching else self._worker
        tasks = [asyncio.create_task(work()) for _ in range(workers)]
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

    async def _feed(self, source: Iterator[Sequence[Ask]]) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "judge-source") as pool:
            while not self._stop:
                chunk = await loop.run_in_executor(pool, next, source, None)
                if chunk is None:
                    break
                self.underway.update([ask.text for ask in chunk])
                self.supply.put(chunk)
                await self.supply.room()
        self.supply.end()

    async def _worker(self) -> None:
        while not self._stop and (ask := await self.supply.get()) is not None:
            try:
                await self._one(ask)
            finally:
                if ask.owed:
                    self.booking.left(ask)

    async def _one(self, ask: Ask) -> None:
        """Ask until there is a verdict, or the attempts or the tries are used up."""
        check_served(ask.request, self.client)
        while not self._stop:
            promised = self.purse.take(ask.size)
            if promised is None:
                self.stop("budget")
                return
            if not self.pace.open() and not await self.pace.enter():
                self.purse.give_back(promised)
                return
            try:
                self.tally.requests += 1
                answer = await self.client.ask(ask.attempt())
            except AskFailed as failure:
                if self._failed(ask, failure, promised):
                    return
                wait = self._wait(ask, failure)
            except asyncio.CancelledError:
                # It was sent, so that it may be billed: what it can cost is booked, and the text's worker writes it down.
                self.booking.failed(ask, AskFailed("timeout", "cut short"), promised)
                raise
            else:
                self.pace.went_well()
                if self.booking.answered(ask, answer, promised):
                    await self._ease()
                    return
                wait = 0.0
            finally:
                self.pace.leave()
            if wait:
                await self.pace.sleep(wait)

    def _wait(self, ask: Ask, failure: AskFailed) -> float:
        if failure.kind == "rate limited":
            self.pace.limited(failure.retry_after)
        elif failure.retry_after is not None:
            return failure.retry_after
        return 0.0 if failure.retry_after is not None else self.pace.wait(ask.failures)

    def _failed(self, ask: Ask, failure: AskFailed, promised: float) -> bool:
        """Count a request that ended without an answer; True where the text is given up."""
        self.booking.failed(ask, failure, promised)
        ask.failures += 1
        final = not failure.worth_retrying or ask.failures >= self.settings.tries
        spared = self.proven and ask.again
        self._failures += failure.worth_retrying and final if spared else 1
        if not final:
            return False
        self.booking.gave_up(ask, failure.kind)
        self._check_answered()
        return True

    def _check_answered(self) -> None:
        """Raise NoAccess where nothing at all was answered so far, and enough was asked to say so."""
        enough = max(self.settings.fruitless, self.settings.in_flight)
        if self.tally.answers or not self.settings.fruitless or self._failures < enough:
            return
        said = "; ".join(f"{kind}: {message}" for kind, message in self.tally.said.items())
        raise NoAccess(
            f"{self.client.model} answered none of {self.tally.requests:,} requests ({said}). Check --base-url, the model's "
            "name and its settings, then run the same command again: nothing is lost. --set run.fruitless=0 asks on "
            "all the same"
        )

    async def _ease(self) -> None:
        """Let the writer catch up, and say so at once where it failed."""
        while self.log.backlog > LARGEST_BACKLOG:
            self.log.check()
            await asyncio.sleep(0.01)

    def _committed(self, batch: Sequence[Record]) -> None:
        for record in batch:
            if record.answer is None or settled(record.entry, self.settings.attempts):
                self.underway.discard(record.text)

    async def _batch_worker(self) -> None:
        ended = False
        while not ended and not self._stop:
            asks: list[Ask] = []
            while len(asks) < self.settings.batch and not ended:
                ask = await self.supply.get()
                ended = ask is None
                if ask is not None:
                    asks.append(ask)
            while asks and not self._stop:
                asks = await self._batch(asks)

    async def _batch(self, asks: Sequence[Ask]) -> list[Ask]:
        """Ask a batch at once; those worth another try."""
        promises = [self.purse.take(ask.size) for ask in asks]
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
                final = self.booking.answered(ask, result, most)
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
        if self.purse.price is not None:
            self.progress("money spent (1/1,000,000)", round(self.purse.spent * 1_000_000), 0)

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
