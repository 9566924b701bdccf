"""The parity gate's figures, by hand and beside scikit-learn, and what a machine's flags allow."""

from __future__ import annotations

import numpy as np
import pytest

from adjudge.errors import BadConfig, NotEnoughData
from adjudge.scoring.precision import parity_gate
from adjudge.scoring.precision.cpu import read_units
from adjudge.scoring.precision.parity_gate import GateLimits, Parity, parity


def test_parity_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity_gate, "LEAST_PAIRS", 3)
    found = parity(
        np.array([0.2, 0.6, 0.9]), np.array([0.3, 0.45, 0.9]), np.array([False, True, True]), threshold=0.5
    )
    assert found.decisions_changed == pytest.approx(1 / 3)
    assert found.max_error == pytest.approx(0.15)
    assert found.mean_error == pytest.approx(0.25 / 3)
    assert (found.auc_fp32, found.auc, found.auc_lost) == (1.0, 1.0, 0.0)
    said = found.failures(GateLimits(decisions_changed=0.3, max_error=0.2, mean_error=0.05))
    assert said == ["decisions_changed 0.333 > 0.3", "mean_error 0.0833 > 0.05"]
    assert found.failures(GateLimits(0, 0.4, 0.2, 0.1)) == []


def test_a_candidate_without_scores_fails_every_limit() -> None:
    scores = np.linspace(0, 1, 300)
    broken = parity(scores, np.full(300, np.nan), scores > 0.5, 0.5)
    assert [said.split()[0] for said in broken.failures(GateLimits())] == [
        "auc_lost",
        "decisions_changed",
        "max_error",
        "mean_error",
    ]
    whole = parity(scores, scores, scores > 0.5, 0.5)
    assert whole == Parity(300, 0.5, 1.0, 1.0, 0.0, 0.0, 0.0)
    assert whole.failures(GateLimits(0, 0, 0, 0)) == []


@pytest.mark.parametrize(("rows", "relevant"), [(199, 100), (300, 0), (300, 300)])
def test_too_little_to_judge_by(rows: int, relevant: int) -> None:
    with pytest.raises(NotEnoughData, match=f"saw {rows} held-out pairs, {relevant} of them relevant"):
        parity(np.zeros(rows), np.zeros(rows), np.arange(rows) < relevant, 0.5)


def test_limits_outside_their_range() -> None:
    with pytest.raises(BadConfig, match="max_error is 1.5: allowed is 0"):
        GateLimits(max_error=1.5)


@pytest.mark.parametrize(
    ("flags", "openvino", "expected"),
    [
        (
            "fma avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_bf16 amx_int8",
            True,
            ("mixed", "bf16", "int8", "fp32"),
        ),
        ("fma avx2 avx512f avx512_vnni avx512_bf16", True, ("mixed", "bf16", "int8", "fp32")),
        ("fma avx2 avx512f avx512_vnni avx512_bf16", False, ("int8", "fp32")),
        ("fma avx2 avx_vnni", True, ("int8", "fp32")),
        ("fma avx2", True, ("fp32",)),
    ],
)
def test_the_fastest_precision_first(flags: str, openvino: bool, expected: tuple[str, ...]) -> None:
    text = f"processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: {flags}\nflags\t\t: other\n"
    found = read_units(text, openvino)
    assert found.processor == "Some CPU @ 2 GHz"
    assert found.fastest_first == expected


def test_other_systems() -> None:
    arm = read_units("processor : 0\nFeatures : fp asimd asimddp\n", openvino=False)
    assert arm.fastest_first == ("int8", "fp32")
    silent = read_units("", openvino=True)
    assert silent.fastest_first == ("fp32",)
    assert "none of avx512_vnni" in silent.lacks("int8")
    assert "pip install 'adjudge[openvino]'" in read_units("flags: avx512_bf16", openvino=False).lacks("bf16")
    assert silent.lacks("fp32") == ""
