"""What the laws share: one Spark session a process, which is started once."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _one_session(request: pytest.FixtureRequest) -> None:
    """A test on Spark finds a session running, instead of starting one a run."""
    engine: Any = getattr(request.node, "callspec", None) and request.node.callspec.params.get("engine")
    if engine and engine["engine"] == "spark":
        request.getfixturevalue("spark")
