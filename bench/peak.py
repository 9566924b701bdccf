"""Peak memory of this process."""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    """MB, from Linux's account.

    Not `ru_maxrss`: that begins with what the process that started this one held.
    """
    held = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line
    )
    return int(held["VmHWM"].split()[0]) / 1024
