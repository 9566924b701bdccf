"""Exposure floors that decide which clicked pairs count as positives (paper 1, section 3.1.2)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from adjudge.config import setting, settings


@settings
class ClickFloors:
    """Which clicked pairs count as positives (paper 1, section 3.1.2: 30 impressions, one click, CTR 0.1)."""

    impressions: Annotated[
        int, setting("A positive was shown at least this often.", ge=0, le=10**12, unit="impressions")
    ] = 30
    clicks: Annotated[
        int, setting("A positive was clicked at least this often.", ge=1, le=10**12, unit="clicks")
    ] = 1
    ctr: Annotated[float, setting("A positive's least click-through rate.", ge=0.0, le=1.0)] = 0.1

    def positive(self, impressions: NDArray[np.integer], clicks: NDArray[np.integer]) -> NDArray[np.bool_]:
        """[n]: which pairs buyers clicked enough, from each pair's sums over positions.

        >>> ClickFloors().positive(np.array([30, 29, 100, 100]), np.array([3, 29, 9, 10])).tolist()
        [True, False, False, True]
        """
        enough = (impressions >= self.impressions) & (clicks >= self.clicks)
        return np.asarray(enough & (clicks >= self.ctr * impressions))
