"""Settings of a student: network, start point, training, calibration."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from adjudge.config import setting, settings
from adjudge.errors import BadConfig

NETWORKS = ("cross", "split")
HEADS = ("binary", "probability", "coral", "corn")
ORDINAL = ("coral", "corn")


@settings
class SplitSettings:
    """The part of a split student that is computed per pair (`student.split`)."""

    width: Annotated[int, setting("Width of the queries and keys of the crossing.", ge=1, le=2048)] = 64
    heads: Annotated[int, setting("Heads of the crossing; they divide the width.", ge=1, le=64)] = 1
    hidden: Annotated[int, setting("Units per keyphrase token.", ge=1, le=4096)] = 128
    top: Annotated[int, setting("Units per pair.", ge=1, le=4096)] = 64
    # 31 tokens and [CLS] are the rows of one block in scoring (scoring/split/blocks).
    keyphrase_tokens: Annotated[
        int, setting("Tokens kept of a keyphrase; an item keeps `max_length`.", ge=1, le=31)
    ] = 24
    run: Annotated[
        int,
        setting(
            "Pairs of one item that stand together in a training batch: they share its lower layers.",
            ge=1,
            le=10_000,
        ),
    ] = 8
    frozen: Annotated[
        bool,
        setting(
            "The lower layers stay as they start (`minilm`, say): states are then computed once per text in "
            "training too (and kept: 2 x width bytes per token), and serve every student of the same start."
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise BadConfig(f"SplitSettings.heads is {self.heads}: it must divide width {self.width}")


@settings
class StudentSettings:
    """How a student is built and trained."""

    kind: Annotated[
        str,
        setting("`cross` reads keyphrase and item together, `split` apart: less per pair.", choices=NETWORKS),
    ] = "cross"
    start: Annotated[
        str,
        setting(
            "Start point: `minilm-pca` (word vectors of MiniLM projected to `width`, the rest random), "
            "`minilm` (its first `layers` layers as they are), `random` (own vocabulary from the training "
            "text), a local folder, or a hub name (needs `allow_download` unless it is cached)."
        ),
    ] = "minilm-pca"
    layers: Annotated[int, setting("Layers; of a split student, its lower layers.", ge=1, le=48)] = 2
    width: Annotated[
        int, setting("Width; `minilm`, a folder and a hub name bring their own.", ge=8, le=2048)
    ] = 128
    heads: Annotated[int, setting("Attention heads; they divide the width.", ge=1, le=64)] = 2
    alike: Annotated[
        float,
        setting(
            "Gain of attention that begins by looking for like tokens (`minilm-pca` and `random`); 0 is "
            "plain.",
            ge=0.0,
            le=10.0,
        ),
    ] = 1.0
    vocabulary: Annotated[int, setting("WordPiece entries at most, for `random`.", ge=100, le=200_000)] = 8000
    max_length: Annotated[
        int, setting("Longest pair; the longer text loses its end first.", ge=8, le=512, unit="tokens")
    ] = 64
    head: Annotated[
        str,
        setting(
            "`binary` (cross-entropy), `probability` (squared error on the judge's probability), `coral` or "
            "`corn` (ordinal, `levels` steps).",
            choices=HEADS,
        ),
    ] = "binary"
    levels: Annotated[int, setting("Steps of an ordinal head.", ge=2, le=20)] = 3
    soft: Annotated[
        bool,
        setting("Head `binary`: the target is the judge's probability if a row has one (distillation)."),
    ] = False
    epochs: Annotated[int, setting("Passes over the training rows.", ge=1, le=1000)] = 4
    max_pairs: Annotated[int, setting("Pairs seen in all at most; 0 is epochs x rows.", ge=0, le=10**12)] = 0
    lr: Annotated[float, setting("Peak learning rate of AdamW.", ge=1e-8, le=1.0)] = 5e-4
    warmup: Annotated[
        float, setting("Share of the run with a rising rate; it then falls to 0.", ge=0.0, le=0.9)
    ] = 0.1
    weight_decay: Annotated[float, setting("Weight decay of the layers' matrices.", ge=0.0, le=10.0)] = 0.01
    dropout: Annotated[float, setting("Dropout.", ge=0.0, le=0.9)] = 0.0
    clip: Annotated[float, setting("Largest norm of a gradient.", ge=1e-3, le=1e6)] = 1.0
    batch_tokens: Annotated[
        int, setting("Size of a step, padding counted.", ge=64, le=10**7, unit="tokens")
    ] = 1024
    evaluations: Annotated[
        int, setting("Evaluations of the dev split, each with a checkpoint.", ge=1, le=10_000)
    ] = 8
    patience: Annotated[
        int,
        setting("Stop after this many evaluations without a lower dev loss; 0 is never.", ge=0, le=10_000),
    ] = 3
    dev_rows: Annotated[int, setting("Dev rows used at most, drawn once.", ge=1, le=10**8)] = 10_000
    precision: Annotated[
        str, setting("Arithmetic of training; bf16 is autocast.", choices=("fp32", "bf16"))
    ] = "fp32"
    threads: Annotated[int, setting("Threads; 0 is torch's own choice.", ge=0, le=1024)] = 0
    calibrate: Annotated[
        str, setting("Calibration of the score, fitted on dev rows.", choices=("platt", "none"))
    ] = "platt"
    golden: Annotated[
        int, setting("Real pairs kept with their scores as the artifact's self-test.", ge=8, le=10_000)
    ] = 64
    seed: Annotated[int, setting("Seed of all randomness.", ge=0, le=2**31 - 1)] = 7
    allow_download: Annotated[bool, setting("A hub name may be downloaded.")] = False
    split: SplitSettings = field(default_factory=SplitSettings)

    def __post_init__(self) -> None:
        if not self.start.strip():
            raise BadConfig(
                "StudentSettings.start is empty: allowed are minilm-pca, minilm, random, a folder, a hub name"
            )
        if self.width % self.heads:
            raise BadConfig(f"StudentSettings.heads is {self.heads}: it must divide width {self.width}")
        if self.soft and self.head != "binary":
            raise BadConfig(f"StudentSettings.soft needs head 'binary'; head is {self.head!r}")

    @property
    def outputs(self) -> int:
        """Logits per pair: one, or levels - 1 for an ordinal head."""
        return self.levels - 1 if self.head in ORDINAL else 1
