"""One writer at a time: refused at once while another holds the lock, free when that ends, however it
ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adjudge.errors import BadConfig
from adjudge.storage.lock import one_writer

HOLD = """
import sys, time
from pathlib import Path
from adjudge.storage.lock import one_writer
with one_writer(Path(sys.argv[1]), "busy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_a_third_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    with (
        one_writer(lock, "busy"),
        pytest.raises(BadConfig, match="busy: wait"),
        one_writer(lock, "busy: wait"),
    ):
        raise AssertionError("two writers at a time")
    with one_writer(lock, "busy"):
        assert lock.exists()
    assert lock.exists()


def test_a_lock_among_users_files_goes_with_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / ".out.lock"
    with pytest.raises(ValueError, match="inside"), one_writer(lock, "busy", remove=True):
        raise ValueError("inside")
    assert not lock.exists()
    with one_writer(lock, "busy", remove=True):
        pass
    assert not lock.exists()


def test_a_killed_holder_keeps_nobody_out(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BadConfig, match="busy"), one_writer(lock, "busy"):
            raise AssertionError("two writers at a time")
        holder.kill()
    with one_writer(lock, "busy"):
        pass
