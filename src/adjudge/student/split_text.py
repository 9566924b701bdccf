"""How the split student's two texts become token ids: each alone, framed the same way.

    keyphrase   [CLS] keyphrase [SEP]                 all but [SEP] ask in the crossing
    item        [CLS] category [SEP] title [SEP]      all are told

Each side has a limit of its own, so that a text's ids never depend on its partner. No torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from adjudge.student.encode import Ids, Specials, Texts, tokenise

FRAME = 2
"""[CLS] and [SEP] around each text."""
ASKING_FRAME = 1
"""[CLS] alone of a keyphrase's frame asks."""


def lengths(texts: Texts, most: int) -> Ids:
    """Tokens of each text with its frame, where a text keeps at most `most` tokens of its own."""
    return np.minimum(texts.lengths, most) + FRAME


def framed(texts: Texts, rows: Ids, most: int, special: Specials) -> tuple[Ids, Ids]:
    """ids and mask, int64 (rows, longest of them): `[CLS] text [SEP]`, then [PAD] with mask 0.

    A text of 9 tokens and `most` 4: [CLS], its first 4, [SEP].
    """
    total = lengths(texts, most)[rows][:, None]
    at = np.arange(int(total.max(initial=FRAME)))[None, :]
    inside = (at >= 1) & (at < total - 1)
    ids = np.full(inside.shape, special.pad, np.int64)
    ids[inside] = texts.flat[(texts.starts[rows][:, None] + at - 1)[inside]]
    ids[:, 0] = special.cls
    ids[at == total - 1] = special.sep
    return ids, (at < total).astype(np.int64)


def tokenised(tokenizer: Any, texts: pa.Array, most: int) -> Texts:
    """Distinct texts as ids, at most `most` kept of each."""
    return tokenise(tokenizer, texts, most)
