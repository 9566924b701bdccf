"""What is the local engine's own."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_range


@dataclass(frozen=True)
class LocalSettings:
    """alone: up to so many rows are scored by threads of this process, as starting others would cost more than it saves."""

    alone: int = 200_000

    def __post_init__(self) -> None:
        check_range("LocalSettings", "alone", self.alone, 0, 10**12)
