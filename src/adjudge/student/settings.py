"""Every setting of a student, complete and checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from adjudge.config import check_choice, check_range
from adjudge.errors import BadConfig

NETWORKS = ("cross", "split")
HEADS = ("binary", "probability", "coral", "corn")
ORDINAL = ("coral", "corn")


@dataclass(frozen=True)
class SplitSettings:
    """What of a split student is per pair (`student.split`).

    width, heads     of the queries and keys of the crossing
    hidden           units of each keyphrase token, `top` units of a pair
    keyphrase_tokens   tokens kept of a keyphrase; an item keeps `max_length`
    run              pairs of one item that stand together in a training batch: they share its lower layers
    frozen           the lower layers stay as they start (`minilm`, say): states are then computed once a text in
                     training too (and held: 2 x width bytes a token), and serve every student of the same start
    """

    width: int = 64
    heads: int = 1
    hidden: int = 128
    top: int = 64
    keyphrase_tokens: int = 24
    run: int = 8
    frozen: bool = False

    def __post_init__(self) -> None:
        for name, high in (("width", 2048), ("heads", 64), ("hidden", 4096), ("top", 4096), ("run", 10_000)):
            check_range("SplitSettings", name, getattr(self, name), 1, high)
        # 31 tokens and [CLS] are the rows of one block in scoring (scoring/split_blocks).
        check_range("SplitSettings", "keyphrase_tokens", self.keyphrase_tokens, 1, 31)
        if self.width % self.heads:
            raise BadConfig(f"SplitSettings.heads is {self.heads}: it must divide width {self.width}")


@dataclass(frozen=True)
class StudentSettings:
    """How a student is built and trained.

    kind             `cross` (keyphrase and item read together), or `split` (apart; only the crossing is per pair)
    start            `minilm-pca` (word vectors of MiniLM projected to `width`, the rest random), `minilm` (its
                     first `layers` layers as they are), `random` (own vocabulary from the training text), a
                     local folder, or a hub name (needs `allow_download` unless it is cached)
    layers, width, heads   size of the network (of a split one: of its lower layers); `minilm`, a folder and a hub name bring their own width and heads
    alike            gain of attention that begins by looking for like tokens (`minilm-pca` and `random`); 0 = plain
    vocabulary       WordPiece entries at most, for `random`
    max_length       tokens a pair; the longer text loses its end first
    head             `binary` (cross-entropy), `probability` (squared error on the judge's probability),
                     `coral` or `corn` (ordinal, `levels` steps)
    soft             `binary` only: the target is the judge's probability where a row has one (distillation)
    epochs           passes over the training rows
    max_pairs        pairs seen in all at most; 0 = epochs x rows
    lr, warmup, weight_decay, dropout, clip   AdamW; `warmup` is a share of the run, then linear decay to 0
    batch_tokens     tokens a step, padding counted
    evaluations      times the dev split is looked at (and a checkpoint written) over the run
    patience         stop after this many evaluations without a lower dev loss; 0 = never
    dev_rows         dev rows used at most, drawn once
    precision        `fp32`, or `bf16` (autocast)
    threads          torch threads; 0 = as many as torch chooses
    calibrate        `platt` (fitted on dev rows) or `none`
    golden           real pairs kept with their scores as a self-test of the artifact
    """

    kind: str = "cross"
    start: str = "minilm-pca"
    layers: int = 2
    width: int = 128
    heads: int = 2
    alike: float = 1.0
    vocabulary: int = 8000
    max_length: int = 64
    head: str = "binary"
    levels: int = 3
    soft: bool = False
    epochs: int = 4
    max_pairs: int = 0
    lr: float = 5e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.0
    clip: float = 1.0
    batch_tokens: int = 1024
    evaluations: int = 8
    patience: int = 3
    dev_rows: int = 10_000
    precision: str = "fp32"
    threads: int = 0
    calibrate: str = "platt"
    golden: int = 64
    seed: int = 7
    allow_download: bool = False
    split: SplitSettings = field(default_factory=SplitSettings)

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            check_range("StudentSettings", name, getattr(self, name), low, high)
        check_choice("StudentSettings", "kind", self.kind, NETWORKS)
        check_choice("StudentSettings", "head", self.head, HEADS)
        check_choice("StudentSettings", "precision", self.precision, ("fp32", "bf16"))
        check_choice("StudentSettings", "calibrate", self.calibrate, ("platt", "none"))
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
        """Logits a pair: one, or levels - 1 for an ordinal head."""
        return self.levels - 1 if self.head in ORDINAL else 1


_RANGES = (
    ("layers", 1, 48),
    ("width", 8, 2048),
    ("heads", 1, 64),
    ("alike", 0.0, 10.0),
    ("vocabulary", 100, 200_000),
    ("max_length", 8, 512),
    ("levels", 2, 20),
    ("epochs", 1, 1000),
    ("max_pairs", 0, 10**12),
    ("lr", 1e-8, 1.0),
    ("warmup", 0.0, 0.9),
    ("weight_decay", 0.0, 10.0),
    ("dropout", 0.0, 0.9),
    ("clip", 1e-3, 1e6),
    ("batch_tokens", 64, 10**7),
    ("evaluations", 1, 10_000),
    ("patience", 0, 10_000),
    ("dev_rows", 1, 10**8),
    ("threads", 0, 1024),
    ("golden", 8, 10_000),
    ("seed", 0, 2**31 - 1),
)
