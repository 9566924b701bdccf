"""Exposure floors that decide which clicked pairs count as positives (paper 1, section 3.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

from adjudge.config import check_range


@dataclass(frozen=True)
class ClickFloors:
    """Which clicked pairs count as positives (paper 1, section 3.1.2: 30 impressions, one click, CTR 0.1)."""

    impressions: int = 30
    clicks: int = 1
    ctr: float = 0.1
    positions: int = 30

    def __post_init__(self) -> None:
        check_range("ClickFloors", "impressions", self.impressions, 0, 10**9)
        check_range("ClickFloors", "clicks", self.clicks, 1, 10**9)
        check_range("ClickFloors", "ctr", self.ctr, 0.0, 1.0)
        check_range("ClickFloors", "positions", self.positions, 1, 1_000)
