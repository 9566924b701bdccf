"""Starting a job saves its settings; a service is stopped by a signal and finishes what it has begun."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import pytest

from adjudge.config import load, setting, settings
from adjudge.errors import BadConfig
from adjudge.jobs.start import job, serve, settings_path
from adjudge.records import Progress, no_progress


@settings
class WriteConfig:
    out: Annotated[Path, setting("What to write.")]
    seed: Annotated[int, setting("Seed.")] = 3
    folder: bool = False
    fail: bool = False


@job(lambda config: config.out)
def write(config: WriteConfig, progress: Progress = no_progress) -> int:
    progress("write", 1, 1)
    if config.fail:
        raise BadConfig("fails")
    if config.folder:
        config.out.mkdir()
    else:
        config.out.touch()
    return config.seed


@job(lambda config: None)
def look(config: WriteConfig, progress: Progress = no_progress) -> int:
    return config.seed


def test_settings_are_saved_in_a_folder_or_beside_a_file(tmp_path: Path) -> None:
    for config, path in (
        (WriteConfig(tmp_path / "run", folder=True), tmp_path / "run" / "settings.json"),
        (WriteConfig(tmp_path / "a.parquet", seed=4), tmp_path / "a.parquet.settings.json"),
    ):
        assert write(config) == config.seed
        assert settings_path(config.out) == path
        assert load(WriteConfig, path) == config


def test_progress_is_handed_on(tmp_path: Path) -> None:
    steps: list[str] = []
    write(WriteConfig(tmp_path / "a"), lambda what, done, total: steps.append(what))
    assert steps == ["write"]


def test_without_a_result_nothing_is_saved(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="fails"):
        write(WriteConfig(tmp_path / "a", fail=True))
    assert look(WriteConfig(tmp_path / "b")) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_job_keeps_its_name_and_signature() -> None:
    assert write.__name__ == "write"
    assert write.is_job


SERVICE = """
import sys, time
from adjudge.jobs.start import serve

def service(config, stop):
    print("ready", flush=True)
    while not stop.wait(0.001):
        pass
    time.sleep(config)
    print("drained", flush=True)
    return 7

sys.exit(serve(service, float(sys.argv[1])))
"""


def started(drain: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", SERVICE, str(drain)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_drains_when_a_signal_stops_it(number: int) -> None:
    process = started(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (7, "drained\n", "")


def test_a_second_signal_ends_the_process_at_once() -> None:
    process = started(60)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (-signal.SIGTERM, "")


def test_a_service_that_ends_by_itself_leaves_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert serve(lambda config, stop: (config, stop.is_set()), "c") == ("c", False)

    def fails(config: str, stop: threading.Event) -> None:
        raise BadConfig(config)

    with pytest.raises(BadConfig, match="c"):
        serve(fails, "c")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
