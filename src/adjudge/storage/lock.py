"""Exclusive file locks: one writer at a time, and a lock that ends with its process, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from adjudge.errors import BadConfig


@contextmanager
def one_writer(path: Path, busy: str, remove: bool = False) -> Iterator[None]:
    """Hold the lock file `path` for the block. Raises BadConfig(`busy`) at once if another process or call
    holds it.

    remove: the file goes with the lock (for locks that stand among a user's own files).
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise BadConfig(busy) from error
    try:
        yield
    finally:
        # Removed while it is held: whoever opened it meanwhile sees that its file is gone, and opens it anew.
        if remove:
            path.unlink(missing_ok=True)
        lock.release()
