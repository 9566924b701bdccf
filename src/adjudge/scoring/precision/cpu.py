"""What this machine can compute fast: the processor's flags, and whether OpenVINO is there to use them."""

from __future__ import annotations

import functools
import platform
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INT8 = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp")
"""Units that multiply 8-bit integers without saturating; older ones would give other scores than the gate
saw."""
BF16 = ("avx512_bf16", "amx_bf16")
WANTED = {"int8": (INT8,), "bf16": (BF16,), "mixed": (INT8, BF16)}
WITH_OPENVINO = ("bf16", "mixed")
EXACT = "fp32"
PRECISIONS = ("auto", EXACT, "bf16", "int8", "mixed")
"""What may be asked for: `auto` is the fastest that the gate and the machine allow."""


@dataclass(frozen=True)
class Units:
    """`processor` is the model's name, `flags` the features the system reports (empty where it does not
    say)."""

    processor: str
    flags: frozenset[str]
    openvino: bool

    @property
    def fastest_first(self) -> tuple[str, ...]:
        """The precisions this machine has units for, in order of speed. fp32 is always the last.

        Measured so (bench/results/score.md): OpenVINO fuses what stands between the products, onnxruntime
        does not.
        """
        return (*(name for name in ("mixed", "bf16", "int8") if not self.lacks(name)), "fp32")

    def lacks(self, precision: str) -> str:
        """What is missing for a precision, in words; empty if nothing is."""
        for wanted in WANTED.get(precision, ()):
            if not self.flags & set(wanted):
                return f"this processor ({self.processor}) has none of {', '.join(wanted)}"
        if precision in WITH_OPENVINO and not self.openvino:
            return "openvino is not installed (pip install 'adjudge[openvino]')"
        return ""


@functools.cache
def units() -> Units:
    """The units of this machine. Where the system does not tell (no /proc/cpuinfo), only fp32 is offered."""
    text = CPUINFO.read_text(encoding="utf-8", errors="replace") if CPUINFO.exists() else ""
    return read_units(text, find_spec("openvino") is not None)


def read_units(cpuinfo: str, openvino: bool) -> Units:
    """Units from the text of /proc/cpuinfo (x86 says `flags` and `model name`, ARM says `Features`)."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags") or fields.get("Features") or ""
    name = fields.get("model name") or platform.processor() or platform.machine()
    return Units(name, frozenset(flags.split()), openvino)
