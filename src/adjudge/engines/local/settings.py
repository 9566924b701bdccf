"""Settings of the local engine."""

from __future__ import annotations

from typing import Annotated, ClassVar

from adjudge.config import setting, settings

INLINE = (
    "Up to this many rows are scored by threads of this process: starting others would cost more than it "
    "saves."
)


@settings
class LocalSettings:
    """What only the local engine has."""

    RENAMED: ClassVar[dict[str, str]] = {"alone": "inline_up_to_rows"}

    inline_up_to_rows: Annotated[int, setting(INLINE, ge=0, le=10**12, unit="rows")] = 200_000
