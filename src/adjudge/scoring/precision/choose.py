"""Which precision an artifact may be scored in, and which of those this machine should take.

The gate's verdicts lie in the manifest under `precisions`; `model_version` does not depend on them. Scores in
another precision are other scores, so they carry another version: `4f1c0a9e77d2+int8`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adjudge.config import check_choice, from_dict
from adjudge.errors import BadArtifact, BadConfig, MissingExtra
from adjudge.manifest import Manifest, hash_of
from adjudge.scoring.precision.cpu import EXACT, PRECISIONS, WITH_OPENVINO, units
from adjudge.scoring.precision.parity_gate import GateLimits, Parity

INT8_FILE = "onnx/rest.int8.onnx"
FILES = {"int8": INT8_FILE, "bf16": "", "mixed": INT8_FILE}
"""The file a precision adds to the artifact. int8 is onnxruntime's; bf16 (of rest.onnx) and mixed (8-bit
products, bfloat16 between them) are OpenVINO's."""
QUANTISE = "adjudge quantise --artifact {folder} --pairs HELD_OUT.parquet"


@dataclass(frozen=True)
class GateVerdict:
    """What the gate found for one precision. `refused` holds its reasons; empty = allowed.

    `model_version` and the parity's threshold are the artifact's when it was judged: where either has changed
    since, the verdict no longer holds. `sha256` is of the precision's own file. `backend` and `processor` say
    where it was measured.
    """

    model_version: str
    parity: Parity
    limits: GateLimits
    backend: str
    processor: str
    sha256: str = ""
    refused: tuple[str, ...] = field(default_factory=tuple)


def choose(folder: Path, manifest: Manifest, asked: str) -> str:
    """The precision to score in: the one asked for, or with `auto` the fastest that the gate and the machine
    allow.

    Raises BadConfig if the one asked for was not allowed or the machine lacks its units, MissingExtra
    if only OpenVINO is missing, BadArtifact if its file is not the one the gate saw.
    """
    check_choice("scoring", "precision", asked, PRECISIONS)
    if asked == EXACT:
        return EXACT
    machine = units()
    if asked == "auto":
        # A damaged file is an error here too: falling back in silence would hide it.
        allowed = {name for name in FILES if not barred(folder, manifest, name)}
        return next(name for name in machine.fastest_first if name == EXACT or name in allowed)
    reason = barred(folder, manifest, asked)
    if reason:
        raise BadConfig(f"precision {asked} is not open for {folder}: {reason}")
    if asked in WITH_OPENVINO and not machine.openvino:
        raise MissingExtra("openvino", "openvino")
    lacking = machine.lacks(asked)
    if lacking:
        raise BadConfig(
            f"precision {asked} cannot be had here: {lacking}. Allowed here: --precision auto or fp32"
        )
    return asked


def barred(folder: Path, manifest: Manifest, name: str) -> str:
    """Why the gate does not allow a precision, with the next step; empty if it does.

    Raises BadArtifact.
    """
    command = QUANTISE.format(folder=folder)
    if name not in manifest.section.precisions:
        return f"no gate has judged it. Run: {command}"
    verdict = verdict_of(folder, manifest, name)
    if verdict.refused:
        return f"its gate refused it ({'; '.join(verdict.refused)}). Allowed here: --precision auto or fp32"
    if (verdict.model_version, verdict.parity.threshold) != (manifest.model_version, manifest.threshold):
        return f"the model or its threshold has changed since the gate judged it. Run again: {command}"
    if FILES[name]:
        path = folder / FILES[name]
        if not path.is_file() or hash_of(folder, [FILES[name]]) != verdict.sha256:
            raise BadArtifact(f"{path} is missing or was changed after its gate. Run again: {command}")
    return ""


def verdict_of(folder: Path, manifest: Manifest, name: str) -> GateVerdict:
    """The gate's verdict on a precision that stands in the manifest.

    Raises BadArtifact if it cannot be read.
    """
    try:
        return from_dict(GateVerdict, manifest.section.precisions[name])
    except BadConfig as error:
        raise BadArtifact(
            f"{folder}: its manifest's precisions.{name} cannot be read: {error}. "
            f"Run again: {QUANTISE.format(folder=folder)}"
        ) from error


def version_in(manifest: Manifest, precision: str) -> str:
    """The version that scores of a precision carry: the model's own in fp32, else with the precision behind
    it."""
    return manifest.model_version if precision == EXACT else f"{manifest.model_version}+{precision}"
