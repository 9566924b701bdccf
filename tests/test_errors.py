"""Errors meant for the user survive the way from a worker process."""

from __future__ import annotations

import pickle

import pytest

from adjudge import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.MissingExtra("torch", "train"),
        errors.BadConfig("seen 1; allowed 2"),
        errors.BadTable("no column"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_error_survives_a_process_border(error: errors.AdjudgeError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.exit_code == 2


def test_a_missing_part_tells_how_to_install_it() -> None:
    assert "pip install 'adjudge[train]'" in str(errors.MissingExtra("torch", "train"))
